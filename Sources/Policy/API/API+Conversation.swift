internal import Inventory
internal import LuaRuntime
internal import Mirroring
internal import Wire

// Conversations, as audits see them.
extension APIEntry {
  static let conversationEntries: [APIEntry] = [
    field("protocol", "string|integer", #""tcp", "udp", "icmp", ...; the number if it has no name here."#, #"== "tcp""#)
    {
      _ in .named(offset: ConversationRecord.offset(\.protocolNumber), names: conversationProtocols)
    },
    field("client", "end", "Who began it, as far as was seen.", ".address") {
      .record($0.types.record(.end), offset: ConversationRecord.offset(\.client))
    },
    field("server", "end", "The other end.", ".port") {
      .record($0.types.record(.end), offset: ConversationRecord.offset(\.server))
    },
    field("first_time", "number", "When its first packet was captured, in seconds since 1970.", "> 0") { _ in
      .double(offset: ConversationRecord.offset(\.firstTime))
    },
    field("last_time", "number", "When its last packet was captured, in seconds since 1970.", "> 0") { _ in
      .double(offset: ConversationRecord.offset(\.lastTime))
    },
    field("duration", "number", "Seconds from its first packet to its last.", "> 3600") { _ in
      .double(offset: ConversationRecord.offset(\.duration))
    },
    field("packets", "integer", "Of both directions.", "> 1000") { _ in
      .unsigned64(offset: ConversationRecord.offset(\.packets))
    },
    field("bytes", "integer", "Of both directions, whole frames.", "> 1e6") { _ in
      .unsigned64(offset: ConversationRecord.offset(\.bytes))
    },
    field("established", "boolean", "TCP: the SYN of both ends was seen.", "== true") { _ in
      .boolean(RecordBit(offset: ConversationRecord.offset(\.isEstablished), bit: 0))
    },
    field(
      "ending", "string", #""closed" by FIN of both ends, "reset" by RST; "open": neither was seen."#, #"== "reset""#
    ) { _ in
      .named(offset: ConversationRecord.offset(\.ending), names: [0: "open", 1: "closed", 2: "reset"])
    },
    view("tls", .tls, "tls?", ofServer: false, "The ClientHello of TLS among the client's first bytes.") { payload, _ in
      payload.clientHello != nil
    },
    view(
      "tls_answer", .tlsAnswer, "tls_answer?", ofServer: true,
      "The ServerHello of TLS among the server's first bytes."
    ) { payload, _ in payload.serverHello != nil },
    view(
      "certificate", .certificate, "certificate?", ofServer: true,
      "The server's certificate, where its handshake is in clear: up to TLS 1.2, if it was captured whole enough."
    ) { payload, _ in payload.certificate != nil },
    view("http", .http, "http?", ofServer: false, "The first request of HTTP/1.") { payload, _ in
      payload.request != nil
    },
    view("dns", .dns, "dns?", ofServer: false, "The first question of DNS, over UDP or TCP.") { payload, isTCP in
      (isTCP ? payload.streamQuestion : payload.question) != nil
    },
    end("address", "string", "Its IP address.", #"== "10.20.1.11""#) { _ in
      unsafe .text { base, buffer in unsafe EndRecord.at(base).pointee.address.description.fill(buffer) }
    },
    end("port", "integer?", "Its port.", "== 23") { context in
      .value { call throws(HostFailure) in
        guard let base = unsafe call.record(0, of: context.types.record(.end)),
          unsafe EndRecord.at(base).pointee.hasPort
        else { return call.pushNil() }
        call.push(Int64(unsafe EndRecord.at(base).pointee.port))
      }
    },
    end("packets", "integer", "Packets that it sent.", "> 0") { _ in .unsigned64(offset: EndRecord.offset(\.packets)) },
    end("bytes", "integer", "Bytes that it sent, whole frames.", "> 1e6") { _ in
      .unsigned64(offset: EndRecord.offset(\.bytes))
    },
    end("payload_bytes", "integer", "Bytes that it sent above TCP, UDP or IP.", "== 0") { _ in
      .unsigned64(offset: EndRecord.offset(\.payloadBytes))
    },
    end(
      "payload", "payload",
      "The first of these bytes, in order: 2 KiB, of a server that begins with a handshake of TLS 8 KiB.",
      #":starts("SSH-")"#
    ) { context in
      unsafe .recordElsewhere(context.types.record(.payload)) { base in
        unsafe UnsafeRawPointer(EndRecord.at(base).pointee.payload)
      }
    },
    end(
      "eni", "string?", "The network interface with its address, by id, if there is one in the inventory.",
      #"== "eni-web1""#
    ) {
      context in
      .value { call throws(HostFailure) in
        let found = context.holder(of: call, type: .end)
        found.eni.map { call.push(context.inventory.enis[$0].id) } ?? call.pushNil()
      }
    },
    end(
      "subnet", "string?", "The subnet that its address is in, by id, if there is one in the inventory.",
      #"== "subnet-db""#
    ) {
      context in
      .value { call throws(HostFailure) in
        let found = context.holder(of: call, type: .end)
        found.subnet.map { call.push(context.inventory.subnets[$0].id) } ?? call.pushNil()
      }
    },
    APIEntry(
      owner: .type(.end), name: "is_in",
      parameters: [APIParameter("set", .object(.set), "made by set.cidrs or set.load")],
      returns: "boolean", doc: "Whether the set holds its address.", example: "conversation.client:is_in(blocked)",
      binding: .method { context, call throws(HostFailure) in
        guard let set = context.set(call, 1), set.kind == .cidrs else {
          throw HostFailure(argument: 1, "a set of CIDRs expected")
        }
        call.charge(8)
        guard let base = unsafe call.record(0, of: context.types.record(.end)) else { return call.push(false) }
        call.push(set.contains(unsafe EndRecord.at(base).pointee.address))
      }),
  ]

  private static let conversationProtocols = Dictionary(
    IPProtocol.names.map { ($0.number, $0.name) }, uniquingKeysWith: { first, _ in first })

  private static func field(
    _ name: String, _ type: String, _ doc: String, _ use: String,
    kind: @escaping @Sendable (PolicyContext) -> RecordField.Kind
  ) -> APIEntry {
    APIEntry(
      owner: .type(.conversation), name: name, returns: type, doc: doc,
      example: "conversation.\(name)\(use.hasPrefix(".") ? "" : " ")\(use)", binding: .record(kind, presence: nil))
  }

  /// A part that is read when it is first asked; its record is the packet record of the payload.
  private static func view(
    _ name: String, _ type: APITypeName, _ returns: String, ofServer: Bool, _ doc: String,
    isThere: @escaping @Sendable (_ payload: ParsedPayload, _ isTCP: Bool) -> Bool
  ) -> APIEntry {
    let use = [
      "tls": "server_name", "tls_answer": "version", "certificate": "not_after", "http": "host", "dns": "name",
    ]
    return APIEntry(
      owner: .type(.conversation), name: name, returns: returns, doc: doc,
      example: "conversation.\(name) and conversation.\(name).\(use[name] ?? "")",
      binding: .record(
        { context in
          unsafe .recordElsewhere(context.types.record(type)) { base in
            guard let auditing = context.auditing else { return nil }
            let record = unsafe ConversationRecord.at(base)
            let isTCP = unsafe record.pointee.protocolNumber == 6
            let payload = unsafe UnsafeRawPointer(
              ofServer ? record.pointee.server.payload : record.pointee.client.payload)
            return unsafe isThere(auditing.parsed(payload), isTCP) ? payload : nil
          }
        }, presence: nil))
  }

  private static func end(
    _ name: String, _ type: String, _ doc: String, _ use: String,
    kind: @escaping @Sendable (PolicyContext) -> RecordField.Kind
  ) -> APIEntry {
    let separator = use.hasPrefix(":") ? "" : " "
    return APIEntry(
      owner: .type(.end), name: name, returns: type, doc: doc, example: "conversation.client.\(name)\(separator)\(use)",
      binding: .record(kind, presence: nil))
  }
}

extension String {
  /// Writes the text, as far as there is room, and returns how many bytes it took.
  fileprivate func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    var count = 0
    for byte in utf8.prefix(buffer.count) {
      unsafe buffer[count] = byte
      count += 1
    }
    return count
  }
}

extension PolicyContext {
  /// Whose the address of an end is: in the one VPC that has it; in none if several have.
  fileprivate func holder(of call: HostCall, type: APITypeName) -> (eni: ENIIndex?, subnet: SubnetIndex?) {
    guard let base = unsafe call.record(0, of: types.record(type)) else { return (nil, nil) }
    let address = unsafe EndRecord.at(base).pointee.address
    let found = inventory.vpcs.indices.compactMap { vpc in
      inventory.subnet(vpc: vpc, address: address).map { (vpc: vpc, subnet: $0) }
    }
    guard found.count == 1, let only = found.first else { return (nil, nil) }
    return (inventory.eni(vpc: only.vpc, address: address), only.subnet)
  }
}
