// The clear part of TLS handshakes (RFC 5246, RFC 8446): read from the first bytes of each side, as far as they go.

/// Handshake messages of the first records of one side, without the records' headers.
struct TLSHandshake {
  private let bytes: [UInt8]

  /// - Returns: nil unless the bytes begin with a handshake record.
  init?(_ payload: ArraySlice<UInt8>) {
    var reader = ByteReader(payload)
    var messages: [UInt8] = []
    while let type = reader.number(1) {
      guard type == 22, let version = reader.number(2), version >> 8 == 3,
        let body = reader.countedAsFarAsItGoes(2)
      else { break }
      messages += body
    }
    guard !messages.isEmpty else { return nil }
    bytes = messages
  }

  /// The body of the first message of a type, as far as it is there.
  func message(_ wanted: Int) -> ArraySlice<UInt8>? {
    var reader = ByteReader(bytes[...])
    while let type = reader.number(1), let body = reader.countedAsFarAsItGoes(3) {
      if type == wanted { return body }
    }
    return nil
  }
}

/// What a client offers.
public struct TLSClientHello: Sendable, Hashable {
  /// The highest version offered: 0x0301 is TLS 1.0, 0x0304 TLS 1.3.
  public var version: UInt16
  /// Each version offered, where the client lists them (`supported_versions`).
  public var versions: [UInt16] = []
  public var ciphers: [UInt16] = []
  /// The name of the server (SNI), as it was sent.
  public var serverName: String?
  public var protocols: [String] = []

  /// - Returns: nil unless the bytes begin with a ClientHello whose cipher suites are there.
  public init?(_ payload: [UInt8]) {
    guard let body = TLSHandshake(payload[...])?.message(1) else { return nil }
    var reader = ByteReader(body)
    guard let version = reader.number(2), reader.take(32) != nil, reader.counted(1) != nil,
      let suites = reader.counted(2), reader.counted(1) != nil
    else { return nil }
    self.version = UInt16(version)
    ciphers = Self.numbers(suites).filter { !Self.isGrease($0) }
    guard let extensions = reader.countedAsFarAsItGoes(2) else { return }
    var list = ByteReader(extensions)
    while let type = list.number(2), let content = list.counted(2) { read(type, content) }
  }

  private mutating func read(_ type: Int, _ content: ArraySlice<UInt8>) {
    var reader = ByteReader(content)
    switch type {
    case 0:
      guard let names = reader.counted(2) else { return }
      var list = ByteReader(names)
      guard list.number(1) == 0, let name = list.counted(2) else { return }
      serverName = String(decoding: name, as: UTF8.self)
    case 16:
      guard let names = reader.counted(2) else { return }
      var list = ByteReader(names)
      while let name = list.counted(1) { protocols.append(String(decoding: name, as: UTF8.self)) }
    case 43:
      guard let offered = reader.counted(1) else { return }
      versions = Self.numbers(offered).filter { !Self.isGrease($0) }
      version = versions.max() ?? version
    default: break
    }
  }

  static func numbers(_ bytes: ArraySlice<UInt8>) -> [UInt16] {
    var reader = ByteReader(bytes)
    var numbers: [UInt16] = []
    while let number = reader.number(2) { numbers.append(UInt16(number)) }
    return numbers
  }

  /// Values that clients send to keep servers tolerant (RFC 8701).
  static func isGrease(_ number: UInt16) -> Bool { number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff }
}

/// What a server chose.
public struct TLSServerHello: Sendable, Hashable {
  public var version: UInt16
  public var cipher: UInt16

  public init?(_ payload: [UInt8]) {
    guard let body = TLSHandshake(payload[...])?.message(2) else { return nil }
    var reader = ByteReader(body)
    guard let version = reader.number(2), reader.take(32) != nil, reader.counted(1) != nil,
      let cipher = reader.number(2)
    else { return nil }
    self.version = UInt16(version)
    self.cipher = UInt16(cipher)
    guard reader.number(1) != nil, let extensions = reader.countedAsFarAsItGoes(2) else { return }
    var list = ByteReader(extensions)
    while let type = list.number(2), let content = list.counted(2) {
      if type == 43, let chosen = TLSClientHello.numbers(content).first { self.version = chosen }
    }
  }
}

/// Names of versions and of the cipher suites that audits speak of.
public enum TLSNames {
  /// `TLS 1.2`; `0x7f1c` of one without a name.
  public static func version(_ number: UInt16) -> String {
    switch number {
    case 0x0002: "SSL 2.0"
    case 0x0300: "SSL 3.0"
    case 0x0301: "TLS 1.0"
    case 0x0302: "TLS 1.1"
    case 0x0303: "TLS 1.2"
    case 0x0304: "TLS 1.3"
    default: "0x" + hex(number)
    }
  }

  /// Why a cipher suite is weak, by what its name in IANA's registry says; nil: nothing known against it.
  public static func weakness(ofCipher number: UInt16) -> String? {
    switch number {
    case 0x0000, 0x0001, 0x0002, 0x003b, 0x00b0, 0x00b1, 0x00b4, 0x00b5, 0x00b8, 0x00b9, 0xc001, 0xc006, 0xc00b, 0xc010,
      0xc015, 0xc039, 0xc03a, 0xc03b:
      "no encryption"
    case 0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019, 0x0026...0x002b, 0x0062...0x0065:
      "export key"
    case 0x0018, 0x001a, 0x001b, 0x0034, 0x003a, 0x006c, 0x006d, 0x0046, 0x0089, 0x009b, 0x00a6, 0x00a7,
      0xc016...0xc019:
      "no authentication"
    case 0x0004, 0x0005, 0x0020, 0x0024, 0x0066, 0x008a, 0x008e, 0x0092, 0xc002, 0xc007, 0xc00c, 0xc011, 0xc033:
      "RC4"
    case 0x0009, 0x000c, 0x000f, 0x0012, 0x0015, 0x001e, 0x0022: "single DES"
    case 0x000a, 0x000d, 0x0010, 0x0013, 0x0016, 0x001f, 0x0023, 0x008b, 0x008f, 0x0093, 0xc003, 0xc008, 0xc00d, 0xc012,
      0xc01a...0xc01c, 0xc034:
      "triple DES"
    default: nil
    }
  }

  static func hex(_ number: UInt16) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 4 - digits.count) + digits
  }
}
