internal import LuaRuntime
internal import Wire

// What is read of payloads for audits: TLS, certificates, HTTP, DNS. Their records are the payload's packet record; what
// was read of it is kept for the length of the call.
extension APIEntry {
  static let protocolEntries: [APIEntry] = [
    APIEntry(
      owner: .type(.packet), name: "dns", returns: "dns?",
      doc: "The first question, if the payload is a message of DNS over UDP.",
      example: "packet.dns and packet.dns.name",
      binding: .record(
        { context in
          unsafe .recordElsewhere(context.types.record(.dns)) { base in
            guard let auditing = context.auditing else { return nil }
            let isUDP = unsafe PacketRecord.at(base).pointee.protocolNumber == 17
            return unsafe isUDP && auditing.parsed(base).question != nil ? base : nil
          }
        }, presence: nil)),
    value(.tls, "version", "integer", "The highest version offered: 0x0303 is TLS 1.2, 0x0304 TLS 1.3.") {
      .number($0.clientHello?.version)
    },
    value(.tls, "version_name", "string", "The same as text: `TLS 1.2`.") {
      .text($0.clientHello.map { TLSNames.version($0.version) })
    },
    value(.tls, "server_name", "string?", "The name of the server that the client asks for (SNI).") {
      .text($0.clientHello?.serverName)
    },
    value(.tls, "ciphers", "integer[]", "The cipher suites offered, by number.") {
      .numbers($0.clientHello?.ciphers ?? [])
    },
    value(.tls, "alpn", "string[]", "The protocols offered: `h2`, `http/1.1`.") {
      .texts($0.clientHello?.protocols ?? [])
    },
    value(
      .tls, "weakest", "string?",
      "Why a cipher suite offered is weak: `RC4`, `export key`, `no encryption`, ...; nil if none is."
    ) {
      .text($0.clientHello?.ciphers.lazy.compactMap { TLSNames.weakness(ofCipher: $0) }.first)
    },
    value(.tlsAnswer, "version", "integer", "The version chosen: 0x0301 is TLS 1.0.") {
      .number($0.serverHello?.version)
    },
    value(.tlsAnswer, "version_name", "string", "The same as text: `TLS 1.0`.") {
      .text($0.serverHello.map { TLSNames.version($0.version) })
    },
    value(.tlsAnswer, "cipher", "integer", "The cipher suite chosen, by number.") { .number($0.serverHello?.cipher) },
    value(.tlsAnswer, "weakness", "string?", "Why the cipher suite chosen is weak; nil if nothing is known against it.")
    {
      .text($0.serverHello.flatMap { TLSNames.weakness(ofCipher: $0.cipher) })
    },
    value(.certificate, "subject", "string?", "The common name of whose it is.") { .text($0.certificate?.subject) },
    value(.certificate, "issuer", "string?", "The common name of who gave it.") { .text($0.certificate?.issuer) },
    value(.certificate, "not_before", "integer", "From when it holds, in seconds since 1970.") {
      .whole($0.certificate?.notBefore)
    },
    value(.certificate, "not_after", "integer", "Until when it holds, in seconds since 1970.") {
      .whole($0.certificate?.notAfter)
    },
    value(.http, "method", "string", "`GET`") { .text($0.request?.method) },
    value(.http, "target", "string", "What is asked for: `/index.html`.") { .text($0.request?.target) },
    value(.http, "version", "string", "`HTTP/1.1`") { .text($0.request?.version) },
    value(.http, "host", "string?", "The host that the request names.") { .text($0.request?.host) },
    value(.http, "authorization", "string?", "The scheme of its credentials: `Basic`. The credentials are not kept.") {
      .text($0.request?.authorization)
    },
    value(.http, "user_agent", "string?", "What the client calls itself.") { .text($0.request?.userAgent) },
    question("name", "string", "The name asked for, without the last dot.") { .text($0?.name) },
    question("type", "string", "`A`, `AAAA`, `TXT`, ...; `TYPE65280` of one without a name here.") {
      .text($0.map { DNSQuestion.typeName($0.type) })
    },
    question("response", "boolean", "It is an answer.") { .flag($0?.isResponse) },
    question("code", "integer", "Of an answer: 0 no error, 3 no such name.") {
      .whole($0.map { Int64($0.responseCode) })
    },
    question("answers", "integer", "How many answers there are.") { .whole($0.map { Int64($0.answerCount) }) },
  ]

  private static func value(
    _ type: APITypeName, _ name: String, _ returns: String, _ doc: String,
    get: @escaping @Sendable (ParsedPayload) -> ProtocolValue
  ) -> APIEntry {
    APIEntry(
      owner: .type(type), name: name, returns: returns, doc: doc,
      example: "conversation.\(type.name) and conversation.\(type.name).\(name)",
      binding: .record(
        { context in
          .value { call throws(HostFailure) in
            guard let base = unsafe call.record(0, of: context.types.record(type)), let auditing = context.auditing
            else { return call.pushNil() }
            call.charge(64)
            get(unsafe auditing.parsed(base)).push(to: call)
          }
        }, presence: nil))
  }

  private static func question(
    _ name: String, _ returns: String, _ doc: String, get: @escaping @Sendable (DNSQuestion?) -> ProtocolValue
  ) -> APIEntry {
    value(.dns, name, returns, doc) { get($0.question ?? $0.streamQuestion) }
  }
}

/// A value that was read, or that is not there.
enum ProtocolValue {
  case text(String?)
  case number(UInt16?)
  case whole(Int64?)
  case flag(Bool?)
  case numbers([UInt16])
  case texts([String])

  func push(to call: HostCall) {
    switch self {
    case .text(let text?): call.push(text)
    case .number(let number?): call.push(Int64(number))
    case .whole(let number?): call.push(number)
    case .flag(let flag?): call.push(flag)
    case .numbers(let list): call.push(.table(LuaTable(items: list.map { .integer(Int64($0)) })))
    case .texts(let list): call.push(.table(LuaTable(items: list.map { .string($0) })))
    case .text(nil), .number(nil), .whole(nil), .flag(nil): call.pushNil()
    }
  }
}
