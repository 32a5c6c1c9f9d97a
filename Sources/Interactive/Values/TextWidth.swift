/// Columns that text takes on a terminal, and text that fits into some.
enum TextWidth {
  /// Escape sequences that set colours take none.
  static func of(_ text: String) -> Int {
    var columns = 0
    var isInEscape = false
    for scalar in text.unicodeScalars {
      if isInEscape {
        if scalar == "m" { isInEscape = false }
      } else if scalar == "\u{1b}" {
        isInEscape = true
      } else {
        columns += of(scalar)
      }
    }
    return columns
  }

  /// Wide letters of East Asia and pictures take two, combining marks none.
  static func of(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x20..<0x7f: return 1
    case 0x300..<0x370, 0x200b...0x200f, 0xfe00...0xfe0f: return 0
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
      0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1faff,
      0x20000...0x3fffd:
      return 2
    default: return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
    }
  }

  static func pad(_ text: String, to columns: Int, onLeft: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, columns - of(text)))
    return onLeft ? blanks + text : text + blanks
  }

  /// Lines of whole words, as wide as `columns` where words allow.
  static func wrapped(_ text: String, to columns: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, of(last) + 1 + of(String(word)) <= columns {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }

  /// The text without colours, cut with `…` if need be.
  static func cut(_ text: String, to columns: Int) -> String {
    guard of(text) > columns else { return text }
    var kept = String.UnicodeScalarView()
    var used = 0
    for scalar in text.unicodeScalars {
      guard used + of(scalar) < columns else { break }
      used += of(scalar)
      kept.append(scalar)
    }
    return String(kept) + "…"
  }
}
