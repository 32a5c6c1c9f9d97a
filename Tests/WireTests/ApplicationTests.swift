import Testing
import Wire

/// What is read of TLS, X.509, HTTP and DNS: right where it is whole, nil or less where it is cut, and never a trap.
@Suite struct ApplicationTests {
  // MARK: Bytes

  private static func big(_ number: Int, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  private static func counted(_ bytes: [UInt8], _ width: Int) -> [UInt8] { big(bytes.count, width) + bytes }

  private static func record(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    [22, 3, 1] + counted([type] + counted(body, 3), 2)
  }

  private static let random = [UInt8](repeating: 7, count: 32)

  private static let clientHello = record(
    1,
    [3, 3] + random + [0] + counted([0x0a, 0x0a, 0x13, 0x01, 0x00, 0x05], 2) + [1, 0]
      + counted(
        [0, 0] + counted(counted([0] + counted(Array("shop.example".utf8), 2), 2), 2)
          + [0, 16] + counted(counted(counted(Array("h2".utf8), 1) + counted(Array("http/1.1".utf8), 1), 2), 2)
          + [0, 43] + counted(counted([0x2a, 0x2a, 3, 4, 3, 3], 1), 2), 2))

  private static let serverHello = record(
    2, [3, 3] + random + [0, 0x13, 0x01, 0] + counted([0, 43] + counted([3, 4], 2), 2))

  private static func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    [tag] + (content.count < 128 ? [UInt8(content.count)] : [0x82] + big(content.count, 2)) + content
  }

  private static func name(_ text: String) -> [UInt8] {
    der(0x30, der(0x31, der(0x30, der(0x06, [0x55, 4, 3]) + der(0x0c, Array(text.utf8)))))
  }

  private static func certificate(from: [UInt8], until: [UInt8]) -> [UInt8] {
    let body =
      der(0xa0, der(2, [2])) + der(2, [1]) + der(0x30, []) + name("issuer") + der(0x30, from + until) + name("subject")
    return der(0x30, der(0x30, body) + der(0x30, []) + der(3, [0]))
  }

  private static let whole = certificate(
    from: der(0x17, Array("491231235959Z".utf8)), until: der(0x18, Array("20500101000000Z".utf8)))
  private static let certificateMessage = record(11, counted(counted(whole, 3), 3))
  private static let request = Array(
    "POST /a?b HTTP/1.1\r\nHost: shop.example\r\nuser-agent: x\r\nAuthorization: Basic c2VjcmV0\r\n\r\nHost: no\r\n"
      .utf8)
  private static let question: [UInt8] =
    [0x12, 0x34, 0x81, 0x83, 0, 1, 0, 2, 0, 0, 0, 0, 3, 0x77, 0x20, 0x77, 4, 0x73, 0x68, 0x6f, 0x70, 0, 0, 16, 0, 1]

  // MARK: Whole

  @Test func readsAClientHello() throws {
    let hello = try #require(TLSClientHello(Self.clientHello))
    #expect(hello.version == 0x0304)
    #expect(hello.versions == [0x0304, 0x0303])
    #expect(hello.ciphers == [0x1301, 0x0005])
    #expect(hello.serverName == "shop.example")
    #expect(hello.protocols == ["h2", "http/1.1"])
  }

  @Test func readsAClientHelloInSeveralRecords() throws {
    let message = Array(Self.clientHello.dropFirst(5))
    let pieces = [message[..<40], message[40...]].map { [22, 3, 1] + Self.counted(Array($0), 2) }
    #expect(TLSClientHello(pieces[0] + pieces[1]) == TLSClientHello(Self.clientHello))
  }

  @Test func readsWhatAServerChose() throws {
    let hello = try #require(TLSServerHello(Self.serverHello))
    #expect(hello.version == 0x0304)
    #expect(hello.cipher == 0x1301)
    #expect(TLSNames.version(0x0301) == "TLS 1.0")
    #expect(TLSNames.version(0x7f1c) == "0x7f1c")
    #expect(TLSNames.weakness(ofCipher: 0x0005) == "RC4")
    #expect(TLSNames.weakness(ofCipher: 0x1301) == nil)
  }

  @Test func readsACertificate() throws {
    let certificate = try #require(ServerCertificate(handshake: Self.serverHello + Self.certificateMessage))
    #expect(certificate.subject == "subject")
    #expect(certificate.issuer == "issuer")
    #expect(certificate.notBefore == 2_524_607_999)
    #expect(certificate.notAfter == 2_524_608_000)
  }

  @Test(arguments: [
    ("700101000000Z", 0), ("500101000000Z", -631_152_000), ("240229120000Z", 1_709_208_000),
    ("000301000000Z", 951_868_800),
  ]) func readsTimes(text: String, seconds: Int64) throws {
    let time = Self.der(0x17, Array(text.utf8))
    let certificate = try #require(ServerCertificate(der: Self.certificate(from: time, until: time)[...]))
    #expect(certificate.notBefore == seconds)
  }

  @Test(arguments: ["2401010000Z", "240101000000", "24010100000xZ", "241301000000Z", ""])
  func refusesTimesThatAreNone(text: String) {
    let time = Self.der(0x17, Array(text.utf8))
    #expect(ServerCertificate(der: Self.certificate(from: time, until: time)[...]) == nil)
  }

  @Test func readsARequest() throws {
    let request = try #require(HTTPRequest(Self.request))
    #expect(request.method == "POST")
    #expect(request.target == "/a?b")
    #expect(request.version == "HTTP/1.1")
    #expect(request.host == "shop.example")
    #expect(request.userAgent == "x")
    #expect(request.authorization == "Basic")
  }

  @Test(arguments: [
    "", "GET", "GET / HTTP/1.1", "get / HTTP/1.1\r\n", "GET  / HTTP/1.1\r\n", "GET /\r\n", "SSH-2.0-x\r\n",
  ])
  func refusesWhatIsNoRequest(text: String) { #expect(HTTPRequest(Array(text.utf8)) == nil) }

  @Test func readsAQuestion() throws {
    let question = try #require(DNSQuestion(Self.question))
    #expect(question.name == #"w\032w.shop"#)
    #expect(DNSQuestion.typeName(question.type) == "TXT")
    #expect(question.isResponse)
    #expect(question.responseCode == 3)
    #expect(question.answerCount == 2)
    #expect(DNSQuestion(Self.counted(Self.question, 2), isStream: true) == question)
    #expect(DNSQuestion.typeName(65_280) == "TYPE65280")
  }

  @Test func refusesQuestionsThatAreNone() {
    var pointer = Self.question
    pointer[12] = 0xc0
    var none = Self.question
    none[5] = 0
    var otherClass = Self.question
    otherClass[25] = 3
    for bytes in [pointer, none, otherClass] { #expect(DNSQuestion(bytes) == nil) }
    let long = [UInt8](repeating: 0, count: 5) + [1] + [0, 0, 0, 0, 0, 0]
    let labels = (0..<5).flatMap { _ in [63] + [UInt8](repeating: 0x61, count: 63) }
    #expect(DNSQuestion(long + labels + [0, 0, 1, 0, 1]) == nil)
  }

  // MARK: Cut, and damaged

  private static let all = [clientHello, serverHello, serverHello + certificateMessage, request, question, whole]

  private func readAll(_ bytes: [UInt8]) {
    _ = TLSClientHello(bytes)
    _ = TLSServerHello(bytes)
    _ = ServerCertificate(handshake: bytes)
    _ = ServerCertificate(der: bytes[...])
    _ = HTTPRequest(bytes)
    _ = DNSQuestion(bytes)
    _ = DNSQuestion(bytes, isStream: true)
  }

  @Test func everyBeginningIsReadOrRefused() {
    for message in Self.all { for length in 0...message.count { readAll(Array(message[..<length])) } }
    #expect(TLSServerHello(Array(Self.serverHello.prefix(30))) == nil)
    #expect(TLSClientHello(Array(Self.clientHello.prefix(60)))?.serverName == nil)
  }

  @Test func everyByteMayBeAnything() {
    for message in Self.all {
      for position in message.indices {
        for value in [0, 1, 0x7f, 0x80, 0x84, 0xff] as [UInt8] {
          var bytes = message
          bytes[position] = value
          readAll(bytes)
        }
      }
    }
    #expect(TLSClientHello(Self.serverHello) == nil)
    #expect(TLSServerHello(Self.clientHello) == nil)
  }
}
