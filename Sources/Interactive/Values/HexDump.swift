/// Bytes as lines of sixteen: where, what, and as text.
enum HexDump {
  static func lines(_ bytes: [UInt8], limit: Int = 256) -> [String] {
    let rows = Array(stride(from: 0, to: bytes.count, by: 16).prefix(limit))
    var lines = rows.map { line(bytes[$0..<min($0 + 16, bytes.count)], at: $0) }
    let left = bytes.count - rows.count * 16
    if left > 0 { lines.append("… \(left) more bytes") }
    return lines
  }

  private static func line(_ bytes: ArraySlice<UInt8>, at offset: Int) -> String {
    var digits = ""
    for (position, byte) in bytes.enumerated() {
      if position > 0 { digits += position == 8 ? "  " : " " }
      digits += two(byte)
    }
    let text = bytes.map { (0x20..<0x7f).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
    let place = String(offset, radix: 16)
    return String(repeating: "0", count: max(0, 4 - place.count)) + place + "  " + TextWidth.pad(digits, to: 48) + "  "
      + text
  }

  private static func two(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }

  /// The bytes that a long text of hexadecimal digits stands for, such as `packet:hex()`; nil: it is other text.
  static func bytes(ofDigits text: [UInt8]) -> [UInt8]? {
    guard text.count >= 64, text.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    for position in stride(from: 0, to: text.count, by: 2) {
      guard let high = digit(text[position]), let low = digit(text[position + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}
