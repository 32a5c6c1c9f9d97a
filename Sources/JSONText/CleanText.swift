// Text that strangers wrote, made fit for a terminal and a log. What C prints for scripts keeps the same list (CLuaShims,
// `is_control`).

extension Unicode.Scalar {
  /// Terminals and readers obey it rather than show it: C0, DEL and C1 controls (U+0085 breaks lines), line and paragraph
  /// separators, and the marks that turn the direction of text around.
  public var isSteering: Bool {
    switch value {
    case 0..<0x20, 0x7f..<0xa0, 0x61c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: true
    default: false
    }
  }

  /// `\n`, `\x1b`, `\u{202e}`; a tab is a blank.
  public var escapedForLine: String {
    switch value {
    case 0x09: " "
    case 0x0a: "\\n"
    case 0x0d: "\\r"
    case 0..<0x80: "\\x" + (value < 16 ? "0" : "") + String(value, radix: 16)
    default: "\\u{" + String(value, radix: 16) + "}"
    }
  }
}

extension String {
  /// The text on one line, nothing in it obeyed by a terminal, cut at `limit` bytes.
  public func cleanLine(limit: Int = .max) -> String {
    if utf8.count <= limit, utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return self }
    var result = UnicodeScalarView()
    var left = limit
    for scalar in unicodeScalars {
      if scalar.isSteering {
        let escape = scalar.escapedForLine.unicodeScalars
        left -= escape.count
        if left >= 0 { result.append(contentsOf: escape) }
      } else {
        left -= UTF8.width(scalar)
        if left >= 0 { result.append(scalar) }
      }
      if left < 0 { return String(result) + "…" }
    }
    return String(result)
  }
}
