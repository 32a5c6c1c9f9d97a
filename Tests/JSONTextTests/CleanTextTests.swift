import JSONText
import Testing

@Suite struct CleanTextTests {
  static let steering: [UInt32] =
    Array(0..<0x20) + Array(0x7f..<0xa0) + [0x61c, 0x200e, 0x200f, 0xfeff] + Array(0x2028...0x202e)
    + Array(0x2066...0x2069)

  @Test func nothingThatSteersATerminalIsLeft() {
    for value in Self.steering {
      let scalar = Unicode.Scalar(value)!
      let line = "a\(String(scalar))b".cleanLine()
      let isLeft = line.unicodeScalars.contains { $0.isSteering }
      #expect(!isLeft && line.count > 2, "U+\(String(value, radix: 16))")
      let isPlain = JSONValue.string(String(scalar)).text().utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
      #expect(isPlain, "U+\(String(value, radix: 16))")
    }
  }

  @Test func everythingElseStays() {
    for text in ["", "plain", "Größe", "日本語", "עברית", "👩‍👩‍👧", "a\u{a0}b"] { #expect(text.cleanLine() == text) }
    #expect("a\tb\nc\u{1b}[2J\u{202e}d".cleanLine() == "a b\\nc\\x1b[2J\\u{202e}d")
  }

  @Test func longTextIsCutAtACharacter() {
    #expect("abcdef".cleanLine(limit: 6) == "abcdef")
    #expect("abcdefg".cleanLine(limit: 6) == "abcdef…")
    #expect("äöü".cleanLine(limit: 5) == "äö…")
    #expect("a\u{202e}".cleanLine(limit: 5) == "a…")
  }
}
