/// The console's text form of receiving IPs: addresses between line breaks or commas; blanks do not count.
enum ReceiverText {
  struct Token: Equatable {
    var text: String
    /// From 1; of the token's first character.
    var line: Int
    var column: Int
  }

  /// The tokens that are not empty.
  static func tokens(_ text: String) -> [Token] {
    var tokens: [Token] = []
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      var (cursor, column) = (line.startIndex, 1)
      for part in line.split(separator: ",") {
        let leading = part.prefix { $0.isWhitespace }
        let rest = part.dropFirst(leading.count)
        guard let last = rest.lastIndex(where: { !$0.isWhitespace }) else { continue }
        column += line.distance(from: cursor, to: rest.startIndex)
        cursor = rest.startIndex
        tokens.append(Token(text: String(rest[...last]), line: index + 1, column: column))
      }
    }
    return tokens
  }
}
