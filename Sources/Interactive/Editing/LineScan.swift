/// The end of a line, taken apart from behind: `packets:take(5).x` is `packets`, `:take(...)`, `.x`.
struct LineScan {
  enum Link: Equatable { case start, dot, colon }

  struct Step: Equatable {
    var link: Link
    var name: String
    /// `[...]` behind the name, as often.
    var indexes = 0
    /// `(...)`, a string or a table behind it: it is called.
    var isCalled = false
  }

  /// The text of the string that the line ends in.
  private(set) var openString: String?
  /// What stands in front of that string.
  private(set) var beforeString = ""
  private(set) var path: [Step] = []

  init(_ line: String) {
    let characters = Array(line)
    var quote: (mark: Character, at: Int)?
    var position = 0
    while position < characters.count {
      let character = characters[position]
      if let open = quote {
        if character == "\\" { position += 1 } else if character == open.mark { quote = nil }
      } else if character == "\"" || character == "'" {
        quote = (character, position)
      }
      position += 1
    }
    if let quote {
      openString = String(characters[(quote.at + 1)...])
      beforeString = String(characters[..<quote.at])
    } else {
      path = Self.path(characters)
    }
  }

  private static func isName(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || character == "_")
  }

  /// Steps from behind until something that is no part of it.
  private static func path(_ characters: [Character]) -> [Step] {
    var steps: [Step] = []
    var end = characters.count
    var (isFirst, isWhole) = (true, false)
    while !isWhole {
      var step = Step(link: .start, name: "")
      if !isFirst { skipCalls(characters, &end, &step) }
      var start = end
      while start > 0, isName(characters[start - 1]) { start -= 1 }
      step.name = String(characters[start..<end])
      if step.name.isEmpty, !isFirst { return [] }
      end = start
      switch end > 0 ? characters[end - 1] : " " {
      case "." where end < 2 || characters[end - 2] != ".": step.link = .dot
      case ":" where end < 2 || characters[end - 2] != ":": step.link = .colon
      default: isWhole = true
      }
      if !isWhole { end -= 1 }
      steps.append(step)
      isFirst = false
    }
    return steps.reversed()
  }

  /// Steps back over `(...)`, `[...]`, `{...}` and strings behind a name.
  private static func skipCalls(_ characters: [Character], _ end: inout Int, _ step: inout Step) {
    while end > 0 {
      let last = characters[end - 1]
      if last == " " {
        end -= 1
      } else if last == ")" || last == "]" || last == "}" {
        guard let open = opening(characters, end - 1) else { return }
        if last == "]" { step.indexes += 1 } else { step.isCalled = true }
        end = open
      } else if last == "\"" || last == "'" {
        guard let open = characters[..<(end - 1)].lastIndex(of: last) else { return }
        step.isCalled = true
        end = open
      } else {
        return
      }
    }
  }

  private static func opening(_ characters: [Character], _ closing: Int) -> Int? {
    var depth = 0
    for position in stride(from: closing, through: 0, by: -1) {
      if ")]}".contains(characters[position]) { depth += 1 }
      if "([{".contains(characters[position]) { depth -= 1 }
      if depth == 0 { return position }
    }
    return nil
  }
}
