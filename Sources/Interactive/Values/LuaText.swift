import Foundation

/// Values as they would be written in Lua.
enum LuaText {
  /// In quotes; what is no text, or would move the cursor or turn the direction of text round, is escaped.
  static func quoted(_ bytes: [UInt8]) -> String { "\"" + escaped(bytes, quotes: true) + "\"" }

  /// - Parameter quotes: quotes and backslashes are escaped, too.
  static func escaped(_ bytes: [UInt8], quotes: Bool) -> String {
    var text = ""
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let (scalar, length) = first(rest) else {
        text += hexadecimal(rest.removeFirst())
        continue
      }
      rest = rest.dropFirst(length)
      text += escaped(scalar, quotes: quotes)
    }
    return text
  }

  private static func first(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
    var decoder = UTF8()
    var iterator = bytes.prefix(4).makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return (scalar, UTF8.width(scalar))
  }

  private static func escaped(_ scalar: Unicode.Scalar, quotes: Bool) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\"" where quotes: return "\\\""
    case "\\" where quotes: return "\\\\"
    default: break
    }
    switch scalar.value {
    case 0..<0x20, 0x7f: return hexadecimal(UInt8(scalar.value))
    case 0x80..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff:
      return "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    default: return String(scalar)
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "\\x" + (digits.count == 1 ? "0" : "") + digits
  }

  /// A float as Lua's `tostring` writes it.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let text = String(format: "%.14g", value)
    return text.contains(where: { $0 == "." || $0 == "e" }) ? text : text + ".0"
  }

  static func isName(_ bytes: [UInt8]) -> Bool {
    guard let first = bytes.first, !(0x30...0x39).contains(first) else { return false }
    let isWord = bytes.allSatisfy {
      (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f
    }
    return isWord && !keywords.contains(String(decoding: bytes, as: UTF8.self))
  }

  static let keywords: Set<String> = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not",
    "or", "repeat", "return", "then", "true", "until", "while",
  ]
}
