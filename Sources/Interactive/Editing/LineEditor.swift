import CEdit
import Foundation

/// Lines from a terminal with editing, history and completion: libedit (editline(3)) behind one method.
///
/// Safe because: `editor` and `history` are ours from `el_init` and `history_init` to `deinit`; libedit calls back only
/// inside `read`, and finds this object by the client data, which is set as long as it lives.
@safe final class LineEditor {
  enum Line: Equatable {
    case text(String)
    /// Ctrl-C; whether something had been typed.
    case interrupted(hadText: Bool)
    /// Ctrl-D, or the terminal is gone.
    case end
  }

  private let editor: OpaquePointer
  private let history: OpaquePointer
  private let complete: (String) -> Completions
  private var input = TerminalInput()
  /// What the prompt callback returned; libedit reads it after that.
  private var prompt: UnsafeMutablePointer<CChar>?
  private var wasInterrupted = false
  /// The completions that the last Tab found, to list them at the next one.
  private var offered: Completions?

  /// - Parameter complete: what could stand at the end of a line.
  init?(complete: @escaping (String) -> Completions) {
    Self.chooseEncoding()
    guard let history = unsafe history_init(), let editor = unsafe edit_new("moontap") else {
      return nil
    }
    unsafe self.history = history
    unsafe self.editor = editor
    self.complete = complete
    unsafe edit_set_client_data(editor, Unmanaged.passUnretained(self).toOpaque())
    unsafe edit_set_prompt(editor, { editor in unsafe UnsafePointer(LineEditor.of(editor).prompt) }, 1)
    unsafe edit_set_editor(editor, "emacs")
    unsafe edit_set_signals(editor, 0)
    unsafe edit_set_get_character(editor) { editor, character in
      unsafe LineEditor.of(editor).nextCharacter(character)
    }
    unsafe edit_history_limit(history, Int32(HistoryFile.most))
    unsafe edit_use_history(editor, history)
    unsafe edit_add_command(editor, "complete", "complete what is typed") { editor, _ in
      unsafe LineEditor.of(editor).completeWord()
    }
    for (key, command) in [("^I", "complete"), ("^R", "em-inc-search-prev"), ("^W", "ed-delete-prev-word")] {
      unsafe edit_bind(editor, key, command)
    }
    for key in ["\\e[1;5D", "\\eb"] { unsafe edit_bind(editor, key, "ed-prev-word") }
    for key in ["\\e[1;5C", "\\ef"] { unsafe edit_bind(editor, key, "em-next-word") }
    // The user's own bindings.
    unsafe el_source(editor, nil)
  }

  deinit {
    unsafe el_end(editor)
    unsafe history_end(history)
    unsafe free(prompt)
  }

  private static func of(_ editor: OpaquePointer!) -> LineEditor {
    unsafe Unmanaged<LineEditor>.fromOpaque(edit_client_data(editor)!).takeUnretainedValue()
  }

  /// Characters are what the terminal's locale says; one that is not UTF-8 is taken for one whose locale is not set up.
  /// Only the characters: numbers stay as they are.
  private static func chooseEncoding() {
    unsafe setlocale(LC_CTYPE, "")
    let name = unsafe String(cString: nl_langinfo(Int32(CODESET)))
    if name != "UTF-8" { unsafe setlocale(LC_CTYPE, "C.UTF-8") }
  }

  // MARK: Reading

  /// Reads one line. Escape sequences of the prompt stand between two bytes 1.
  func read(prompt text: String) -> Line {
    unsafe free(prompt)
    unsafe prompt = strdup(text)
    wasInterrupted = false
    offered = nil
    let signals = PromptSignals.shared
    signals.setReading(true)
    defer { signals.setReading(false) }
    // libedit shows the prompt first: a Ctrl-D in between would be the terminal's, and lost.
    unsafe edit_prepare_terminal(editor, 1)
    var count: Int32 = 0
    guard let line = unsafe el_gets(editor, &count), count > 0 else {
      return wasInterrupted ? .interrupted(hadText: hasText) : .end
    }
    var bytes = unsafe Array(UnsafeRawBufferPointer(start: line, count: Int(count)))
    if bytes.last == 0x0a { bytes.removeLast() }
    return .text(String(decoding: bytes, as: UTF8.self))
  }

  func remember(_ entry: String) { unsafe edit_history_enter(history, entry) }

  private var hasText: Bool {
    guard let info = unsafe el_line(editor) else { return false }
    return unsafe info.pointee.lastchar > info.pointee.buffer
  }

  private func nextCharacter(_ character: UnsafeMutablePointer<wchar_t>!) -> Int32 {
    while true {
      switch input.next(.shared) {
      case .character(let scalar):
        unsafe character.pointee = wchar_t(scalar.value)
        return 1
      case .window:
        unsafe el_resize(editor)
        unsafe edit_refresh(editor)
      case .interrupt:
        wasInterrupted = true
        return -1
      case .end: return 0
      }
    }
  }

  // MARK: Completing

  private var textBeforeCursor: String {
    guard let info = unsafe el_line(editor)?.pointee else { return "" }
    let bytes = unsafe UnsafeRawBufferPointer(start: info.buffer, count: info.cursor - info.buffer)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }

  private func completeWord() -> UInt8 {
    let line = textBeforeCursor
    let found = complete(line)
    guard let first = found.words.first else { return UInt8(CC_ERROR) }
    let typed = String(decoding: line.utf8.suffix(found.replaces), as: UTF8.self)
    let common = found.words.dropFirst().reduce(first) { String($0.commonPrefix(with: $1)) }
    if common.utf8.count > typed.utf8.count || found.words.count == 1 {
      replace(typed, with: common)
      offered = nil
      return UInt8(CC_REFRESH)
    }
    // The second Tab lists them.
    guard offered == found else {
      offered = found
      unsafe el_beep(editor)
      return UInt8(CC_NORM)
    }
    list(found.words)
    return UInt8(CC_REDISPLAY)
  }

  private func replace(_ typed: String, with word: String) {
    unsafe el_deletestr(editor, Int32(typed.unicodeScalars.count))
    _ = unsafe el_insertstr(editor, word)
  }

  private func list(_ words: [String]) {
    let most = 200
    let width = max(20, TerminalSize.current.columns)
    let shown = words.prefix(most)
    let column = (shown.map { TextWidth.of($0) }.max() ?? 1) + 2
    let columns = max(1, width / column)
    let rows = (shown.count + columns - 1) / columns
    var text = "\n"
    for row in 0..<rows {
      let cells = stride(from: row, to: shown.count, by: rows).map { TextWidth.pad(shown[$0], to: column) }
      text += cells.joined() + "\n"
    }
    if words.count > most { text += "… \(words.count - most) more\n" }
    unsafe edit_write(text)
  }
}

/// Rows and columns of the terminal.
struct TerminalSize {
  var rows = 24
  var columns = 80

  static var current: TerminalSize {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return TerminalSize() }
    return TerminalSize(rows: Int(size.ws_row), columns: Int(size.ws_col))
  }
}
