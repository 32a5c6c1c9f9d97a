import Foundation
import Testing

@testable import LuaRuntime

/// A script of `Tests/Fixtures/hostile_lua` with what its comments say must happen.
struct HostileScript: Sendable, CustomTestStringConvertible {
  var name: String
  var source: [UInt8]
  var expected: [String]
  var match: [String]

  var testDescription: String { name }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../Fixtures/hostile_lua").standardizedFileURL

  /// What another part of the program must withstand: verdicts, names, timers and the shared store.
  static let ofThePolicy = ["090", "095", "096", "097"]

  static let all: [HostileScript] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().filter { name in
      name.hasSuffix(".lua") && name < "2" && !ofThePolicy.contains { name.hasPrefix($0) }
    }.compactMap(HostileScript.init)
  }()

  init?(_ name: String) {
    guard let data = FileManager.default.contents(atPath: Self.folder.appendingPathComponent(name).path) else {
      return nil
    }
    self.name = name
    source = Array(data)
    expected = Self.comment("Expect", source)
    match = Self.comment("Match", source)
  }

  private static func comment(_ key: String, _ source: [UInt8]) -> [String] {
    for line in String(decoding: source, as: UTF8.self).split(separator: "\n") where line.hasPrefix("-- \(key):") {
      return line.dropFirst(key.count + 4).split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    return []
  }
}

/// A host that is just enough for the scripts: `mirror` keeps what is to be called, `require` knows the helper.
private final class HostileBench {
  var filters: [LuaFunctionReference] = []
  var balancers: [LuaFunctionReference] = []
  var lines = 0
  private var packet: RecordTypeID?

  func run(_ script: HostileScript) throws {
    let state = try LuaState(library: library()) { [unowned self] _ in self.lines += 1 }
    try state.load(source: script.source, chunkName: script.name)
    guard let packet else { return }
    let receivers = try state.pin(.table(LuaTable(items: [.string("10.99.0.10"), .string("10.99.0.11")])))
    for port in [UInt16(53), 443, 80] {
      try unsafe withUnsafePointer(to: port) { port in
        for filter in filters { _ = try unsafe state.call(filter, record: packet, at: port) }
        for balancer in balancers { _ = try unsafe state.call(balancer, record: packet, at: port, pinned: receivers) }
      }
    }
  }

  private func library() -> HostLibrary {
    var library = HostLibrary()
    let helper = HostileScript("hostile.lua").map { String(decoding: $0.source, as: UTF8.self) } ?? ""
    library.add("require") { call throws(HostFailure) in
      guard call.string(0) == "hostile" else { throw HostFailure("no such module") }
      call.next(source: helper, chunkName: "hostile.lua") { call throws(HostFailure) in call.push(call[0]) }
    }
    library.add("mirror") { [unowned self] call throws(HostFailure) in
      guard let fields = call.table(0) else { throw HostFailure(argument: 1, "expected a table") }
      if case .function(let function) = fields["filter"] { self.filters.append(function) }
      if case .function(let function) = fields["balance"] { self.balancers.append(function) }
    }
    library.add("vpc", in: "source") { call throws(HostFailure) in }
    library.add("receivers", in: "target") { call throws(HostFailure) in }
    library.add("any", in: "filter") { call throws(HostFailure) in }
    let packet = library.declareRecordType("packet")
    var type = RecordType("packet")
    type.fields = ["source_port", "destination_port"].map { RecordField($0, .unsigned16(offset: 0)) }
    library.define(packet, as: type)
    self.packet = packet
    return library
  }
}

@Test func findsTheHostileScripts() {
  #expect(HostileScript.all.count >= 60)
}

@Test(arguments: HostileScript.all, [512 << 10, 8 << 20])
func withstandsHostileScripts(script: HostileScript, stack: Int) throws {
  let bench = HostileBench()
  let started = ContinuousClock.now
  let error = withStack(of: stack) { () -> LuaError? in
    do { try bench.run(script) } catch { return error as? LuaError }
    return nil
  }
  #expect(ContinuousClock.now - started < .seconds(10))
  let outcome =
    switch error?.kind {
    case nil: "ok"
    case .cpu, .wall: "cpu"
    case .memory: "memory"
    case .syntax: "compile"
    default: "error"
    }
  #expect(script.expected.contains(outcome), "\(String(describing: error))")
  guard let error else { return }
  #expect(error.place != nil)
  #expect(error.message.utf8.count <= 1024)
  #expect(!error.message.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F })
  if !script.match.isEmpty { #expect(script.match.contains { error.message.contains($0) }, "\(error)") }
  #expect(bench.lines < 20_000)
}
