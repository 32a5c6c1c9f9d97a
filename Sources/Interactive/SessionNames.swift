import Policy

/// Which inputs belong into a policy that is made of a session.
enum SessionNames {
  /// Names that policies do not have.
  static let own: Set<String> = {
    var names: Set<String> = ["_", "packets"]
    for entry in APIEntry.session {
      switch entry.owner {
      case .global, .type: names.insert(entry.name)
      case .namespace(let name): names.insert(name)
      }
    }
    return names
  }()

  /// Statements, which may make what declarations need, and what declares; nothing that names what only sessions have.
  static func isOfPolicy(_ text: String, isExpression: Bool, declares: Bool) -> Bool {
    (!isExpression || declares) && own.isDisjoint(with: words(text))
  }

  /// Names in the text that stand outside of strings and comments.
  static func words(_ text: String) -> Set<String> {
    var words: Set<String> = []
    var word = ""
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      if scalar == "_" || scalar.properties.isAlphabetic || !word.isEmpty && scalar.properties.numericType != nil {
        word.unicodeScalars.append(scalar)
        continue
      }
      if !word.isEmpty { words.insert(word) }
      word = ""
      if scalar == "\"" || scalar == "'" { skipString(scalar, &rest) }
      if scalar == "-", rest.first == "-" { rest = rest.drop { $0 != "\n" } }
    }
    if !word.isEmpty { words.insert(word) }
    return words
  }

  private static func skipString(_ quote: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>) {
    while let scalar = rest.popFirst(), scalar != quote {
      if scalar == "\\" { _ = rest.popFirst() }
    }
  }
}
