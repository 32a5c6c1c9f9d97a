import JSONText

/// How a command ends (product.md).
enum Ending: Int32 {
  case ok = 0
  /// Findings, or failed tests.
  case findings = 1
  /// Something could not be evaluated: a script failed, a capture was damaged midway.
  case failed = 2
  /// Unreadable or invalid file.
  case badInput = 3
  case usage = 64
  case interrupted = 130
  case terminated = 143
}

/// One thing that is wrong, as people and programs read it.
struct Problem: Error {
  /// `inventory.json:12` or `web-to-ids.lua:8`; nil when no file is to blame.
  var place: String?
  /// Stable: `receivers.no-route`.
  var code: String
  var sentence: String
  var hint: String?
  var isWarning = false
  var exit: Ending

  init(
    place: String? = nil, code: String, sentence: String, hint: String? = nil, isWarning: Bool = false,
    exit: Ending = .badInput
  ) {
    self.place = place
    self.code = code
    self.sentence = sentence
    self.hint = hint
    self.isWarning = isWarning
    self.exit = exit
  }

  /// What a person reads of one sentence, in bytes; JSON has all of it.
  private static let textLimit = 4096

  /// `web.lua:8: receivers.empty: sentence` and, on a line of its own, the hint.
  var text: String {
    let prefix = place.map { clean($0) + ": " } ?? ""
    let mark = isWarning ? "warning: " : ""
    return prefix + mark + code + ": " + clean(sentence) + (hint.map { "\n  hint: " + clean($0) } ?? "") + "\n"
  }

  /// On one line, with nothing that moves the terminal's cursor or turns its text around.
  private func clean(_ text: String) -> String { text.cleanLine(limit: 4096) }
}

/// Several problems at once: all are shown, the gravest decides the exit code.
struct Problems: Error {
  var list: [Problem]

  /// What any error of this program says.
  static func list(_ error: any Error) -> [Problem] {
    switch error {
    case let problem as Problem: [problem]
    case let problems as Problems: problems.list
    default: [Problem(code: "internal", sentence: "\(error)", exit: .failed)]
    }
  }
}

extension [Problem] {
  /// So many are shown one by one: who has a hundred thousand mends the first and asks again.
  static var limit: Int { 100 }

  func complain() {
    for problem in prefix(Self.limit) { Terminal.complain(problem.text) }
    if let rest = leftOutInWords { Terminal.complain("and \(rest)\n") }
  }

  /// `8 more errors and 1 more warning`; nil when all are shown.
  private var leftOutInWords: String? {
    let rest = dropFirst(Self.limit)
    let warnings = rest.count(where: \.isWarning)
    let counts = [(rest.count - warnings, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map {
      "\(Words.count(UInt64($0))) more \($1)" + ($0 == 1 ? "" : "s")
    }
    return counts.isEmpty ? nil : counts.joined(separator: " and ")
  }

  /// `problems`, and `problemsLeftOut` when there are more than are shown.
  var json: [JSONMember] {
    let shown = JSONMember("problems", .array(prefix(Self.limit).map(\.json)))
    return count <= Self.limit ? [shown] : [shown, JSONMember("problemsLeftOut", .integer(count - Self.limit))]
  }
}
