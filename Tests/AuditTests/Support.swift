import Audit
import Foundation
import Inventory
import JSONText
import LuaRuntime
import Policy
import Testing
import Wire

let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

/// A folder of one test, gone with it.
final class Scratch {
  let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-audit-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: folder) }

  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = folder.appending(path: name)
    try Data(bytes).write(to: file)
    return file.path
  }
}

/// Packets of one test, as a pcap file with nanoseconds.
struct Traffic {
  private(set) var bytes = PcapFileHeader(isNanosecond: true, linkType: .raw).emit()
  /// Of the next packet, in nanoseconds since 1970.
  var time: Int64 = 1_700_000_000_000_000_000

  mutating func add(_ frame: [UInt8]) {
    for number in [
      UInt32(time / 1_000_000_000), UInt32(time % 1_000_000_000), UInt32(frame.count), UInt32(frame.count),
    ] {
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
    bytes += frame
    time += 1_000_000
  }

  /// Takes the last bytes away: damage.
  mutating func cut(_ count: Int) { bytes.removeLast(count) }

  mutating func add(_ builder: PacketBuilder) throws { add(try builder.build()) }

  /// A packet of TCP from `a.b.c.d:port` to another, with letters of tcpdump for its flags.
  mutating func tcp(_ from: String, _ to: String, _ flags: String, seq: UInt32 = 0, _ payload: String = "") throws {
    var builder = try packet(.tcp, from, to)
    builder.tcpFlags = PacketBuilder.tcpFlags(flags) ?? 0
    builder.sequence = seq
    builder.payload = Array(payload.utf8)
    try add(builder)
  }

  mutating func udp(_ from: String, _ to: String, _ payload: [UInt8] = []) throws {
    var builder = try packet(.udp, from, to)
    builder.payload = payload
    try add(builder)
  }

  private func packet(_ kind: IPProtocol, _ from: String, _ to: String) throws -> PacketBuilder {
    let (source, destination) = (try end(from), try end(to))
    var builder = PacketBuilder(protocol: kind, source: source.address, destination: destination.address)
    builder.sourcePort = source.port
    builder.destinationPort = destination.port
    return builder
  }

  private func end(_ text: String) throws -> (address: IPAddress, port: UInt16) {
    let colon = try #require(text.lastIndex(of: ":"))
    return (
      try #require(IPAddress(String(text[..<colon]))), try #require(UInt16(text[text.index(after: colon)...]))
    )
  }
}

/// Runs scripts given as texts over captures given as traffic.
struct AuditBench {
  let scratch: Scratch
  var setup = AuditSetup()
  private var scripts: [String] = []
  private var captures: [AuditCapture] = []

  init() throws { scratch = try Scratch() }

  mutating func script(_ text: String, name: String = "audit") throws {
    scripts.append(try scratch.write("\(name).lua", text))
  }

  /// - Parameter file: where the name is no name of a file.
  mutating func capture(_ traffic: Traffic, name: String = "traffic", file: String? = nil) throws {
    try capture(traffic.bytes, name: name, file: file)
  }

  mutating func capture(_ bytes: [UInt8], name: String, file: String? = nil) throws {
    captures.append(AuditCapture(name: name, file: try scratch.write("\(file ?? name).pcap", bytes)))
  }

  func run(jobs: Int = 1) -> AuditReport {
    withLuaStack {
      let loaded = scripts.map { AuditScript(path: $0, setup: setup) }
      return AuditRun(setup, scripts: loaded, captures: captures, jobs: jobs).carryOut()
    }
  }
}

/// What the schema says of documents (Python's jsonschema): a line for each fault.
func schemaErrors(_ documents: [JSONValue], schema: String) throws -> [String] {
  let script = """
    import json, sys, jsonschema
    schema = json.load(open(sys.argv[1]))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    for number, line in enumerate(sys.stdin):
        for error in kind(schema).iter_errors(json.loads(line)):
            print(number, "/".join(str(part) for part in error.absolute_path), error.validator)
    """
  let scratch = try Scratch()
  let input = try scratch.write("documents", documents.map { $0.text() + "\n" }.joined())
  let output = try scratch.write("errors", "")
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = ["python3", "-c", script, repository.appending(path: schema).path]
  process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
  process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
  try process.run()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "python3 with jsonschema is needed: scripts/install")
  return try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").map(String.init)
}
