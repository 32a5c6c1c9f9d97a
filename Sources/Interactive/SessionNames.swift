import Policy

/// Which inputs belong into a policy that is made of a session.
enum SessionNames {
  /// Names that policies do not have; methods with their colon.
  static let own: Set<String> = {
    let own = APIEntry.session.map(name)
    return Set(["_", "packets"] + own).subtracting(APIEntry.language.map(name))
  }()

  private static func name(_ entry: APIEntry) -> String {
    switch entry.owner {
    case .global: entry.name
    case .type: ":" + entry.name
    case .namespace(let name): name
    }
  }

  /// Statements, which may make what declarations need, and what declares; nothing that names what only sessions have.
  static func isOfPolicy(_ text: String, isExpression: Bool, declares: Bool) -> Bool {
    (!isExpression || declares) && own.isDisjoint(with: words(text))
  }

  /// Names in the text that stand outside of strings and comments; with the colon that stands before one.
  static func words(_ text: String) -> Set<String> {
    var words: Set<String> = []
    var word = ""
    var isMethod = false
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      if scalar == "_" || scalar.properties.isAlphabetic || !word.isEmpty && scalar.properties.numericType != nil {
        word.unicodeScalars.append(scalar)
        continue
      }
      if !word.isEmpty { words.insert((isMethod ? ":" : "") + word) }
      if !word.isEmpty || scalar != " " { isMethod = scalar == ":" }
      word = ""
      if scalar == "\"" || scalar == "'" { skipString(scalar, &rest) }
      if scalar == "-", rest.first == "-" { rest = rest.drop { $0 != "\n" } }
    }
    if !word.isEmpty { words.insert((isMethod ? ":" : "") + word) }
    return words
  }

  private static func skipString(_ quote: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>) {
    while let scalar = rest.popFirst(), scalar != quote {
      if scalar == "\\" { _ = rest.popFirst() }
    }
  }
}
