extension JSONReader {
  /// Reads a string from its opening to its closing quote (RFC 8259 section 7); the result is valid Unicode.
  mutating func readString() throws(JSONError) -> String {
    offset += 1
    var decoded: [UInt8] = []
    var pieceStart = offset
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\""):
        let text =
          decoded.isEmpty ? try utf8(pieceStart..<offset) : try joined(decoded, pieceStart..<offset)
        offset += 1
        return text
      case UInt8(ascii: "\\"):
        try check(pieceStart..<offset)
        decoded += bytes[pieceStart..<offset]
        try readEscape(into: &decoded)
        pieceStart = offset
      case 0..<0x20: throw error(.controlCharacter(byte))
      case 0x80..<0xc0:
        continuations += 1
        offset += 1
      default: offset += 1
      }
    }
    throw error(.unexpectedEnd(expected: "the closing quote of a string"))
  }

  private mutating func readEscape(into decoded: inout [UInt8]) throws(JSONError) {
    let start = position
    offset += 1
    guard let letter = peek() else { throw error(.unexpectedEnd(expected: "an escape")) }
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(letter)
    case UInt8(ascii: "b"): decoded.append(8)
    case UInt8(ascii: "f"): decoded.append(12)
    case UInt8(ascii: "n"): decoded.append(10)
    case UInt8(ascii: "r"): decoded.append(13)
    case UInt8(ascii: "t"): decoded.append(9)
    case UInt8(ascii: "u"): decoded += Array(String(try readUnicodeEscape(start)).utf8)
    default:
      let name = letter > 0x20 && letter < 0x7f ? String(UnicodeScalar(letter)) : "(byte \(letter))"
      throw JSONError(file: file, position: start, reason: .invalidEscape("\\" + name))
    }
  }

  /// After `\u`: four hexadecimal digits, and the second half of a surrogate pair where the first was a high one.
  private mutating func readUnicodeEscape(_ start: JSONPosition) throws(JSONError) -> Character {
    let first = try readCodeUnit(start)
    if let scalar = UnicodeScalar(first) { return Character(scalar) }
    let lone = JSONError(file: file, position: start, reason: .loneSurrogate("\\u" + String(first, radix: 16)))
    guard first < 0xdc00, bytes[offset...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else { throw lone }
    offset += 2
    let second = try readCodeUnit(start)
    guard second >= 0xdc00, second < 0xe000 else { throw lone }
    let value = 0x10000 + UInt32(first - 0xd800) << 10 + UInt32(second - 0xdc00)
    guard let scalar = UnicodeScalar(value) else { throw lone }
    return Character(scalar)
  }

  private mutating func readCodeUnit(_ start: JSONPosition) throws(JSONError) -> UInt16 {
    let digits = bytes[offset...].prefix(4)
    let text = String(decoding: digits, as: UTF8.self)
    guard digits.count == 4, digits.allSatisfy(Self.isHexadecimal), let unit = UInt16(text, radix: 16) else {
      let shown = String(decoding: digits.prefix { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }, as: UTF8.self)
      throw JSONError(file: file, position: start, reason: .invalidEscape("\\u" + shown))
    }
    offset += 4
    return unit
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f"))
  }

  private func utf8(_ range: Range<Int>) throws(JSONError) -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else { throw invalidUTF8(range) }
    return text
  }

  private func check(_ range: Range<Int>) throws(JSONError) { _ = try utf8(range) }

  /// Pieces were checked one by one: an escape always stands on a character boundary.
  private func joined(_ decoded: [UInt8], _ range: Range<Int>) throws(JSONError) -> String {
    try check(range)
    return String(decoding: decoded + bytes[range], as: UTF8.self)
  }

  /// Finds the first byte of the range that is not UTF-8; the range lies on the current line.
  private func invalidUTF8(_ range: Range<Int>) -> JSONError {
    var iterator = bytes[range].makeIterator()
    var decoder = UTF8()
    var good = 0
    var scalars = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      good += UTF8.width(scalar)
      scalars += 1
    }
    let bad = range.lowerBound + good
    let skipped = bytes[bad..<offset].reduce(0) { $0 + ($1 & 0xc0 == 0x80 ? 1 : 0) }
    var place = position
    place.column -= offset - bad - skipped
    place.offset = bad
    return JSONError(file: file, position: place, reason: .invalidUTF8(bytes[min(bad, range.upperBound - 1)]))
  }
}
