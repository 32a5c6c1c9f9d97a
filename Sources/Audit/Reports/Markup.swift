/// Text that strangers wrote, as part of XML and HTML: no character of it is markup, and none is one that XML 1.0 cannot say.
enum Markup {
  static func attribute(_ text: String) -> String { "\"" + escaped(text) + "\"" }

  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n": result += "\n"
      default: result.unicodeScalars.append(isMute(scalar) ? "\u{fffd}" : scalar)
      }
    }
    return result
  }

  /// Controls, marks that turn the direction of text, and what is no character.
  private static func isMute(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x61c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: true
    default: scalar.value & 0xfffe == 0xfffe
    }
  }
}
