import Foundation
import LuaRuntime
import Mirroring
import Policy

/// A failure as people read it: place and sentence, the line with a mark under what is meant, the calls that led there.
struct ErrorText {
  let style: Style
  let log: InputLog

  func lines(_ error: LuaError, violations: [MirrorViolation] = []) -> [String] {
    var lines = [head(error, violations)]
    lines += sourceLines(error)
    for violation in violations {
      lines.append("  " + style.paint(violation.code, .error) + violation.sentence.dropFirst(violation.code.count))
      if let hint = violation.hint { lines.append("    " + style.paint("hint: " + hint, .note)) }
    }
    if [.runtime, .stale].contains(error.kind), violations.isEmpty, let hint = FailureHint.hint(for: error) {
      lines.append("  " + style.paint("hint: " + hint, .note))
    }
    return lines + calls(error).map { style.paint("  " + $0, .note) }
  }

  private func head(_ error: LuaError, _ violations: [MirrorViolation]) -> String {
    let place = error.place.map { $0.line > 0 ? "\($0): " : "\($0.chunk): " } ?? ""
    guard let first = violations.first else { return style.paint(place, .head) + style.paint(message(error), .error) }
    let name = first.mirror.isEmpty ? "this mirror" : "mirror \(LuaText.quoted(Array(first.mirror.utf8)))"
    let rules = violations.count == 1 ? "breaks a rule" : "breaks \(violations.count) rules"
    return style.paint(place, .head) + style.paint("\(name) \(rules)", .error)
  }

  private func message(_ error: LuaError) -> String {
    switch error.kind {
    case .memory: error.message + "; let go of something, as in x = nil"
    default:
      if error.message.hasPrefix("attempt to call a nil value (global '"),
        let note = Self.culprit(error.message).flatMap(Session.commandNote)
      {
        "\(error.message); \(note)"
      } else {
        MissingGlobal.explained(error.message)
      }
    }
  }

  // MARK: The line

  private func sourceLines(_ error: LuaError) -> [String] {
    guard let place = error.place, let source = log.line(place.line, of: place.chunk) else { return [] }
    let text = LuaText.escaped(Array(String(source.map { $0 == "\t" ? " " : $0 }).utf8), quotes: false)
    let indent = text.prefix { $0 == " " }.count
    let line = String(text.dropFirst(indent))
    guard let column = Self.culprit(error.message).flatMap({ Self.column(of: $0, in: line) }), column < style.width - 6
    else { return ["    " + TextWidth.cut(line, to: style.width - 4)] }
    let mark = String(repeating: " ", count: TextWidth.of(String(line.prefix(column))))
    return ["    " + TextWidth.cut(line, to: style.width - 4), "    " + mark + style.paint("^", .error)]
  }

  /// What the message is about, as it stands in the line: `(global 'x')`, `near 'end'`, `to 'open'`, `field 'x' in`.
  static func culprit(_ message: String) -> String? {
    if message.hasSuffix("near <eof>") { return "" }
    for mark in [
      "(global '", "(local '", "(upvalue '", "(field '", "(method '", "(constant '", "near '", " to '", "field '",
    ] {
      guard let start = message.range(of: mark)?.upperBound else { continue }
      let name = message[start...].prefix { $0 != "'" }
      if !name.isEmpty { return String(name) }
    }
    return nil
  }

  /// Where the word begins, in characters; the end of the line for the empty one.
  private static func column(of word: String, in line: String) -> Int? {
    if word.isEmpty { return line.count }
    let characters = Array(line)
    let wanted = Array(word)
    guard characters.count >= wanted.count else { return nil }
    func isWord(_ position: Int) -> Bool {
      characters.indices.contains(position)
        && (characters[position].isLetter || characters[position].isNumber || characters[position] == "_")
    }
    let isName = wanted.first.map { $0.isLetter || $0 == "_" } ?? false
    return (0...(characters.count - wanted.count)).first { start in
      guard Array(characters[start..<(start + wanted.count)]) == wanted else { return false }
      return !isName || !isWord(start - 1) && !isWord(start + wanted.count)
    }
  }

  // MARK: Calls

  /// Without the host's own frames, and nothing at all if there is only the line that is shown already.
  private func calls(_ error: LuaError) -> [String] {
    let calls = error.traceback.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("[host]") }
    return calls.count > 1 ? calls.map { "at " + $0 } : []
  }
}
