import JSONText

/// What was probably meant.
enum Nearest {
  static func name(to word: String, among known: [String]) -> String? { Spelling.nearest(to: word, among: known) }
}
