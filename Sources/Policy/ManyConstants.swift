internal import LuaRuntime
internal import Mirroring

/// Lua 5.4.0 to 5.4.4 compile `1 ~ (2 or 3)` to a wrong answer in functions with more than 256 constants: a policy that may
/// have such a function is warned.
enum ManyConstants {
  static func warnings(_ source: [UInt8], file: String) -> [MirrorViolation] {
    guard LuaSelfTest.miscompilesBitOperators, isLikely(source) else { return [] }
    return [
      MirrorViolation(
        code: "lua.constants", location: SourceLocation(file: file),
        message:
          "\(LuaSelfTest.release) gives wrong answers for 1 ~ (2 or 3) and its like in functions with more than 256 constants, and this file may have one",
        hint: "put the part in brackets into a local variable first", isWarning: true)
    ]
  }

  /// More than 256 different names, numbers and texts, and a bit operator beside a bracket.
  private static func isLikely(_ source: [UInt8]) -> Bool {
    var words: Set<ArraySlice<UInt8>> = []
    var start = source.startIndex
    for position in source.indices where !isWord(source[position]) {
      if start < position { words.insert(source[start..<position]) }
      start = position + 1
    }
    return words.count > 256 && hasOperatorBesideBracket(source)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "."), 0x80...0xff: true
    default: false
    }
  }

  private static func hasOperatorBesideBracket(_ source: [UInt8]) -> Bool {
    let marks = source.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0a && $0 != 0x0d }
    return zip(marks, marks.dropFirst()).contains { left, right in
      isOperator(left) && right == UInt8(ascii: "(") || left == UInt8(ascii: ")") && isOperator(right)
    }
  }

  private static func isOperator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "~"), UInt8(ascii: "<"), UInt8(ascii: ">"): true
    default: false
    }
  }
}
