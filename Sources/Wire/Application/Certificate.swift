/// Of the certificate of a server (X.509, RFC 5280), what says until when it holds and whose it is. Nothing is verified.
public struct ServerCertificate: Sendable, Hashable {
  /// The last common name, as it was written.
  public var subject: String?
  public var issuer: String?
  /// Seconds since 1970.
  public var notBefore: Int64
  public var notAfter: Int64

  /// The first certificate in the server's handshake, up to TLS 1.2; later it is encrypted.
  public init?(handshake payload: [UInt8]) {
    guard let body = TLSHandshake(payload[...])?.message(11) else { return nil }
    var reader = ByteReader(body)
    guard reader.number(3) != nil, let first = reader.countedAsFarAsItGoes(3) else { return nil }
    self.init(der: first)
  }

  public init?(der bytes: ArraySlice<UInt8>) {
    var outer = DERReader(bytes)
    guard let certificate = outer.next(0x30) else { return nil }
    var inside = DERReader(certificate)
    guard let body = inside.next(0x30) else { return nil }
    var fields = DERReader(body)
    _ = fields.next(0xa0)  // version
    guard fields.next(0x02) != nil, fields.next(0x30) != nil, let issuer = fields.next(0x30),
      let validity = fields.next(0x30), let subject = fields.next(0x30)
    else { return nil }
    var times = DERReader(validity)
    guard let from = times.time(), let until = times.time() else { return nil }
    notBefore = from
    notAfter = until
    self.issuer = Self.commonName(issuer)
    self.subject = Self.commonName(subject)
  }

  /// Names are sets of pairs of object identifier and text; 2.5.4.3 is the common name.
  private static func commonName(_ name: ArraySlice<UInt8>) -> String? {
    var sets = DERReader(name)
    var found: String?
    while let set = sets.next(0x31) {
      var pairs = DERReader(set)
      while let pair = pairs.next(0x30) {
        var parts = DERReader(pair)
        guard let identifier = parts.next(0x06), let text = parts.next() else { continue }
        if Array(identifier) == [0x55, 0x04, 0x03] { found = String(decoding: text.content, as: UTF8.self) }
      }
    }
    return found
  }
}

/// Tags and lengths of DER (X.690), the definite form, as far as the bytes go.
struct DERReader {
  private var reader: ByteReader

  init(_ bytes: ArraySlice<UInt8>) { reader = ByteReader(bytes) }

  /// The content of the next element, if it has the tag; else nothing is taken.
  mutating func next(_ tag: Int) -> ArraySlice<UInt8>? {
    let before = reader
    guard let element = next(), element.tag == tag else {
      reader = before
      return nil
    }
    return element.content
  }

  mutating func next() -> (tag: Int, content: ArraySlice<UInt8>)? {
    guard let tag = reader.number(1), var length = reader.number(1) else { return nil }
    if length >= 0x80 {
      guard length > 0x80, length <= 0x84, let long = reader.number(length - 0x80) else { return nil }
      length = long
    }
    return reader.take(min(length, reader.left)).map { (tag, $0) }
  }

  /// UTCTime (two digits: 1950 to 2049) or GeneralizedTime, both in UTC to the second, as certificates have them.
  mutating func time() -> Int64? {
    guard let element = next(), element.tag == 0x17 || element.tag == 0x18 else { return nil }
    let width = element.tag == 0x17 ? 2 : 4
    let digits = element.content.map { Int64($0) - 0x30 }
    guard digits.count == width + 11, digits.last == Int64(UInt8(ascii: "Z")) - 0x30,
      digits.dropLast().allSatisfy({ 0...9 ~= $0 })
    else { return nil }
    func number(_ range: Range<Int>) -> Int64 { digits[range].reduce(0) { $0 * 10 + $1 } }
    var year = number(0..<width)
    if width == 2 { year += year < 50 ? 2000 : 1900 }
    let parts = stride(from: width, to: width + 10, by: 2).map { number($0..<$0 + 2) }
    guard 1...12 ~= parts[0], 1...31 ~= parts[1] else { return nil }
    return Self.days(year, parts[0], parts[1]) * 86400 + parts[2] * 3600 + parts[3] * 60 + parts[4]
  }

  /// Days since 1970 of a date of the Gregorian calendar: years begin in March, so that leap days come last.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146097 + dayOfEra - 719468
  }
}
