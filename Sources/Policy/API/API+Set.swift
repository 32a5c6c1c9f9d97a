internal import Inventory
internal import JSONText
internal import LuaRuntime
internal import Wire

extension APIEntry {
  static let setEntries: [APIEntry] = [
    make(
      "cidrs", .cidrs, "Addresses and CIDRs; a look-up is one longest-prefix match.",
      #"set.cidrs { "10.20.0.0/16", "192.0.2.7" }"#),
    make("ports", .ports, "Ports and port ranges.", #"set.ports { 22, 443, "8000-8099" }"#),
    make("strings", .strings, "Texts.", #"set.strings { "tls", "http" }"#),
    APIEntry(
      owner: .namespace("set"), name: "load",
      parameters: [
        APIParameter("file", .string, "in the policy's own folder"),
        APIParameter("kind", .string, #""cidrs" (default), "ports" or "strings""#, optional: true),
      ], returns: "set",
      doc:
        "A set from a file: one member a line; empty lines and what follows # are left out (in strings only whole lines).",
      example: #"set.load "blocklist.txt""#, isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in try context.loadSet(call) }),
    APIEntry(
      owner: .type(.set), name: "contains",
      parameters: [APIParameter("value", .any, "an address, a port or a text; nil is in no set")], returns: "boolean",
      doc: "Whether the value is in the set; for CIDRs: whether a prefix holds the address.",
      example: "blocked:contains(packet.source)", isPure: true,
      binding: .method { context, call throws(HostFailure) in try context.contains(call) }),
    APIEntry(
      owner: .type(.set), name: "#", returns: "integer", doc: "How many members it has.", example: "#blocked",
      isPure: true,
      binding: .operation(.length) { context, call throws(HostFailure) in
        call.push(Int64(context.set(call, 0)?.count ?? 0))
      }),
  ]

  private static func make(_ name: String, _ kind: ValueSet.Kind, _ doc: String, _ example: String) -> APIEntry {
    APIEntry(
      owner: .namespace("set"), name: name, parameters: [APIParameter("members", .table, "a list")], returns: "set",
      doc: doc, example: example, isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in
        let table = call.table(0) ?? LuaTable()
        try table.allow([], argument: 1)
        var builder = ValueSetBuilder(kind)
        for (index, item) in table.items.enumerated() {
          do throws(ValueSetBuilder.Refusal) {
            try builder.add(item)
          } catch {
            throw HostFailure(argument: 1, "member \(index + 1): \(error.reason)")
          }
        }
        try context.push(builder, call)
      })
  }
}

extension ValueSetBuilder {
  fileprivate mutating func add(_ value: LuaValue) throws(Refusal) {
    switch value {
    case .string(let text): try add(Array(text.utf8)[...])
    case .bytes(let bytes): try add(bytes[...])
    case .integer(let number) where kind == .ports: try add(port: number)
    default:
      throw Refusal(reason: "a string\(kind == .ports ? " or a whole number" : "") expected, got \(value.typeName)")
    }
  }
}

extension PolicyContext {
  /// Whether a set of CIDRs holds the address; false for no address; nil: it is no set of CIDRs.
  func holds(set number: Int, _ address: IPAddress?) -> Bool? {
    guard sets.indices.contains(number), case .cidrs(let networks, _) = sets[number] else { return nil }
    return address.map { networks.holds($0) } ?? false
  }

  func set(_ call: HostCall, _ position: Int) -> ValueSet? {
    call.handle(position, of: types.handle(.set)).map { sets[$0] }
  }

  fileprivate func push(_ builder: ValueSetBuilder, _ call: HostCall) throws(HostFailure) {
    try reserve(sets.count, limit: Limit.sets, "sets")
    try reserve(setEntries + builder.count - 1, limit: Limit.setEntries, "members in its sets")
    call.charge(300 + builder.count / 4)
    setEntries += builder.count
    sets.append(builder.build())
    call.push(LuaHandle(types.handle(.set), sets.count - 1))
  }

  fileprivate func loadSet(_ call: HostCall) throws(HostFailure) {
    try reserve(sets.count, limit: Limit.sets, "sets")
    try refuseFilesOfEngine()
    let path = call.string(0) ?? ""
    let kindName = call.string(1) ?? ValueSet.Kind.cidrs.rawValue
    guard let kind = ValueSet.Kind(rawValue: kindName) else {
      throw HostFailure(
        argument: 2,
        #"\#(ValueSetBuilder.shown(Array(kindName.utf8))) is no kind of set: "cidrs", "ports" or "strings""#)
    }
    let bytes: [UInt8]
    do throws(PolicyFile.Failure) {
      bytes = try PolicyFile.read(path, inside: folder, limit: Limit.setBytes)
    } catch {
      throw HostFailure(argument: 1, "\(ValueSetBuilder.shown(Array(path.utf8))) \(error.reason)")
    }
    note(bytes)
    setBytes += bytes.count
    guard setBytes <= Limit.setBytes else {
      throw HostFailure("the files of a policy's sets have at most \(Limit.setBytes >> 20) MiB together")
    }
    // Bounded by bytes and members, not by time: long lists are allowed, the same on every machine.
    let room = Limit.setEntries - setEntries
    let builder = try call.uncounted { () throws(HostFailure) in
      try Self.parse(bytes, as: kind, path: path, room: room)
    }
    try call.uncounted { () throws(HostFailure) in try push(builder, call) }
  }

  /// - Parameter room: members at most.
  private static func parse(
    _ bytes: [UInt8], as kind: ValueSet.Kind, path: String, room: Int
  ) throws(HostFailure) -> ValueSetBuilder {
    var builder = ValueSetBuilder(kind)
    builder.reserve(min(bytes.count { $0 == UInt8(ascii: "\n") } + 1, room))
    var line = 0
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      let member = member(bytes[start..<end], kind)
      (start, line) = (end + 1, line + 1)
      guard !member.isEmpty else { continue }
      do throws(ValueSetBuilder.Refusal) {
        try builder.add(member)
      } catch {
        throw HostFailure("\(path.cleanLine(limit: 200)):\(line): \(error.reason)")
      }
      guard builder.count <= room else {
        throw HostFailure("a policy may have at most \(Limit.setEntries) members in its sets")
      }
    }
    return builder
  }

  /// The line without blanks at its ends and comment.
  private static func member(_ line: ArraySlice<UInt8>, _ kind: ValueSet.Kind) -> ArraySlice<UInt8> {
    let hash = UInt8(ascii: "#")
    var text = line
    if kind == .strings, line.first == hash { return [] }
    if kind != .strings, let comment = line.firstIndex(of: hash) { text = line[..<comment] }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }
    text = text.drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return text
  }

  fileprivate func contains(_ call: HostCall) throws(HostFailure) {
    guard let set = set(call, 0) else { return call.push(false) }
    if call.typeName(1) == "nil" { return call.push(false) }
    call.charge(8)
    switch set {
    case .cidrs:
      guard let text = call.string(1), let address = IPAddress(text) else {
        throw HostFailure(argument: 1, "an address expected, such as packet.source, got \(shown(call, 1))")
      }
      call.push(set.contains(address))
    case .ports:
      guard let port = call.integer(1) else {
        throw HostFailure(argument: 1, "a port expected, such as packet.source_port, got \(shown(call, 1))")
      }
      call.push(set.contains(port: port))
    case .strings:
      guard call.typeName(1) == "string", let bytes = unsafe call.bytes(1) else {
        throw HostFailure(argument: 1, "a string expected, got \(shown(call, 1))")
      }
      call.charge(bytes.count / 16)
      call.push(unsafe set.contains(Array(bytes)))
    }
  }

  private func shown(_ call: HostCall, _ position: Int) -> String {
    guard call.typeName(position) == "string", let text = call.string(position) else { return call.typeName(position) }
    return ValueSetBuilder.shown(Array(text.utf8))
  }
}
