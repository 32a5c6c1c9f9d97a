import Foundation
import JSONText

/// What the terminal is, and what may be written to it.
enum Terminal {
  /// Standard error is a terminal: progress may be drawn there.
  static let errorIsTerminal = isatty(STDERR_FILENO) == 1

  /// Colours on standard output: only on a terminal, never with NO_COLOR (no-color.org).
  static let hasColour =
    isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    && ProcessInfo.processInfo.environment["TERM"] != "dumb"

  /// Makes sure of three things before anything is opened.
  ///
  /// 1. Descriptors 0 to 2 that the parent closed are taken, so that no file of ours gets their numbers: what is printed would
  ///    be written into a capture. Reading and writing them fails.
  /// 2. Who reads our messages may go: the run goes on. Without a reader of the output the process ends, as others do.
  /// 3. A limit of file sizes (setrlimit(2)) is an error of the write.
  static func prepare() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }

  static func bold(_ text: String) -> String { hasColour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
  static func dim(_ text: String) -> String { hasColour ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

  /// Writes all of the text to standard output, `clean`.
  ///
  /// - Throws: `Problem` when it cannot be written (closed pipe, full disk): output that is not whole is no success.
  static func write(_ text: String) throws {
    try write(clean(text), to: STDOUT_FILENO)
  }

  /// Writes all of the text to standard error, `clean`, as far as that can be done.
  static func complain(_ text: String) {
    try? write(clean(text), to: STDERR_FILENO)
  }

  /// Writes what is ours alone, as it is: the progress line.
  static func draw(_ text: String) {
    try? write(Array(text.utf8), to: STDERR_FILENO)
  }

  /// Writes to standard output what is ours alone, with what moves the cursor in it.
  static func paint(_ text: String) {
    try? write(Array(text.utf8), to: STDOUT_FILENO)
  }

  /// Our own marks: what `bold` and `dim` write.
  private static let marks = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"]

  /// The text without our own marks, for somebody else's terminal.
  static func unmarked(_ text: String) -> String {
    marks.reduce(text) { text, mark in text.split(separator: mark, omittingEmptySubsequences: false).joined() }
  }

  /// The last gate: whatever a name, a message or a file holds, a terminal obeys nothing of it but line ends, tabs and our
  /// own marks. Where text must stay on one line, its writer says so with `cleanLine`.
  static func clean(_ text: String) -> [UInt8] {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f || $0 == 0x0a }) { return Array(text.utf8) }
    if text.unicodeScalars.allSatisfy(isHarmless) { return Array(text.utf8) }
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.first {
      if hasColour, scalar == "\u{1b}", let mark = marks.first(where: { rest.starts(with: $0.unicodeScalars) }) {
        result.append(contentsOf: mark.unicodeScalars)
        rest = rest.dropFirst(mark.unicodeScalars.count)
        continue
      }
      if isHarmless(scalar) {
        result.append(scalar)
      } else {
        result.append(contentsOf: scalar.escapedForLine.unicodeScalars)
      }
      rest = rest.dropFirst()
    }
    return Array(String(result).utf8)
  }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    !scalar.isSteering || scalar == "\n" || scalar == "\t"
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EPIPE, descriptor == STDOUT_FILENO { exit(128 + SIGPIPE) }
      guard count > 0 else {
        throw Problem(
          code: "output", sentence: unsafe "standard output: \(String(cString: strerror(errno)))", exit: .failed)
      }
      written += count
    }
  }
}
