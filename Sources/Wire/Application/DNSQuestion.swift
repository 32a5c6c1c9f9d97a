/// The first question of a DNS message (RFC 1035).
public struct DNSQuestion: Sendable, Hashable {
  /// Without the last dot; bytes that are no letters, digits, `-` or `_` as `\032`.
  public var name: String
  /// 1 is A, 16 TXT.
  public var type: UInt16
  public var isResponse: Bool
  /// Of a response: 3 is NXDOMAIN.
  public var responseCode: UInt8
  public var answerCount: UInt16

  /// - Parameter isStream: the message stands behind its length of two bytes, as over TCP.
  public init?(_ payload: [UInt8], isStream: Bool = false) {
    var reader = ByteReader(payload[...])
    if isStream, reader.number(2) == nil { return nil }
    guard reader.number(2) != nil, let flags = reader.number(2), let questions = reader.number(2),
      let answers = reader.number(2), reader.number(4) != nil, questions >= 1, flags >> 11 & 0xf == 0,
      flags & 0x40 == 0, let name = Self.name(&reader), let type = reader.number(2), let kind = reader.number(2),
      kind & 0x7fff == 1
    else { return nil }
    self.name = name
    self.type = UInt16(type)
    isResponse = flags >> 15 == 1
    responseCode = UInt8(flags & 0xf)
    answerCount = UInt16(answers)
  }

  /// Labels up to the empty one; 255 bytes at most. A question has nothing before it that a pointer could mean.
  private static func name(_ reader: inout ByteReader) -> String? {
    var text: [UInt8] = []
    var length = 1
    while let count = reader.number(1) {
      if count == 0 { return String(decoding: text, as: UTF8.self) }
      length += count + 1
      guard count < 64, length <= 255, let label = reader.take(count) else { return nil }
      if !text.isEmpty { text.append(UInt8(ascii: ".")) }
      for byte in label { append(byte, to: &text) }
    }
    return nil
  }

  private static func append(_ byte: UInt8, to text: inout [UInt8]) {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: text.append(byte)
    default: text += [0x5c, 0x30 + byte / 100, 0x30 + byte / 10 % 10, 0x30 + byte % 10]
    }
  }

  /// `A`, `TXT`; `TYPE64` of one without a name here.
  public static func typeName(_ number: UInt16) -> String {
    let names: [UInt16: String] = [
      1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
      35: "NAPTR", 43: "DS", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS", 252: "AXFR", 255: "ANY",
    ]
    return names[number] ?? "TYPE\(number)"
  }
}
