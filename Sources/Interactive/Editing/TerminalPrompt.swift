import CEdit
import Foundation
import LuaRuntime

/// The loop of a session at a terminal: reads lines with editing until an input is whole, answers, pages long answers.
public final class TerminalPrompt {
  private let answering: any InputAnswering
  private let hasColour: Bool
  private let pager: String?
  private let resize: (_ columns: Int) -> Void
  private var editor: LineEditor!
  private var history: HistoryFile?
  /// Ctrl-C was the last thing at an empty prompt.
  private var isLeaving = false

  /// - Parameters:
  ///   - resize: told how wide the terminal is before every answer.
  ///   - pager: a shell command that gets long answers; nil: they are printed.
  public init?(
    _ answering: any InputAnswering, hasColour: Bool, pager: String?, resize: @escaping (_ columns: Int) -> Void
  ) {
    self.answering = answering
    self.hasColour = hasColour
    self.pager = pager
    self.resize = resize
    PromptSignals.shared.install(answering.interrupt)
    guard let editor = LineEditor(complete: { answering.completions(of: $0) }) else { return nil }
    self.editor = editor
    history = HistoryFile.standardPath.map { HistoryFile($0) }
    history?.entries.forEach(editor.remember)
  }

  /// - Returns: whether Ctrl-C ended it.
  public func run() -> Bool {
    var pending = PendingInput()
    while true {
      switch editor.read(prompt: prompt(isFirst: pending.isEmpty)) {
      case .end:
        print("\n")
        return false
      case .interrupted(let hadText):
        if interrupted(isIdle: !hadText && pending.isEmpty) { return true }
        pending.removeAll()
      case .text(let line):
        isLeaving = false
        if pending.isEmpty, line.allSatisfy(\.isWhitespace) { continue }
        pending.add(line)
        guard pending.isWorthAsking else { continue }
        switch answer(pending.text) {
        case .more: continue
        case .over: return false
        case .next: pending.removeAll()
        }
      }
    }
  }

  private enum Following { case more, next, over }

  private func answer(_ input: String) -> Following {
    resize(TerminalSize.current.columns)
    answering.interrupt.clear()
    let answer = answering.answer(input)
    if answer != .incomplete { remember(input) }
    switch answer {
    case .incomplete: return .more
    case .done(let lines): show(lines)
    case .failed(let lines): show(lines)
    case .interrupted: print("interrupted\n")
    case .leave: return .over
    }
    answering.interrupt.clear()
    return .next
  }

  /// - Returns: whether it was the second time.
  private func interrupted(isIdle: Bool) -> Bool {
    print("^C\n")
    if isLeaving, isIdle { return true }
    isLeaving = isIdle
    if isIdle { print("Ctrl-C again, Ctrl-D or :quit leaves\n") }
    return false
  }

  private func remember(_ input: String) {
    guard HistoryFile.isWorth(input) else { return }
    history?.add(input)
    editor.remember(input)
  }

  private func prompt(isFirst: Bool) -> String {
    let text = isFirst ? "moontap>" : "     ..."
    // libedit writes an escape sequence with what follows it: the last one would be left out.
    return hasColour ? "\u{1}\u{1b}[1m\u{1}\(text)\u{1}\u{1b}[0m\u{1} " : text + " "
  }

  // MARK: Showing

  private func print(_ text: String) { unsafe edit_write(text) }

  private func show(_ lines: [String]) {
    let isLong = lines.count > TerminalSize.current.rows - 2
    if isLong, let pager, page(lines, pager) { return }
    print(lines.joined(separator: "\n") + (lines.isEmpty ? "" : "\n"))
  }

  /// popen(3): the pager stays in our process group, and so may read the terminal.
  ///
  /// - Returns: false: there is no such pager.
  private func page(_ lines: [String], _ pager: String) -> Bool {
    guard let stream = unsafe popen(pager, "w") else { return false }
    // Ctrl-C is the pager's now, and one that ends early is no reason for us to end.
    let interrupts = signal(SIGINT, SIG_IGN)
    let brokenPipes = signal(SIGPIPE, SIG_IGN)
    unsafe fputs(lines.joined(separator: "\n") + "\n", stream)
    let status = unsafe pclose(stream)
    signal(SIGINT, interrupts)
    signal(SIGPIPE, brokenPipes)
    return status >> 8 & 0xff != 127
  }
}
