import ArgumentParser
import Control
import Foundation
import JSONText
import Synchronization

struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "A live screen of a running engine: mirrors, ENIs, receivers, interfaces, with rates.",
    discussion: """
      q leaves. Rates are those between two looks.

      EXAMPLES:
        sudo moontap top
        sudo moontap top --once --interval 5
      """)

  @OptionGroup var engine: EngineOptions

  @Option(help: ArgumentHelp("Time between two looks, 0.1 to 60. (default: 1)", valueName: "seconds"))
  var interval: Double?

  @Flag(help: "Print one frame, of two looks, and end.")
  var once = false

  func validate() throws {
    if let interval, !(0.1...60).contains(interval) {
      throw ValidationError("--interval is from 0.1 to 60 seconds, not \(interval).")
    }
    guard once || TopTerminal.isUsable else {
      throw ValidationError("A live screen needs a terminal that can place its cursor: --once prints one frame.")
    }
  }

  private var pause: Duration { .milliseconds(Int64((interval ?? 1) * 1000)) }

  func run() throws {
    try finish {
      let client = try engine.connect()
      return once ? try printOnce(client) : try watch(client)
    }
  }

  private func look(_ client: ControlClient) throws -> TopFrame.Look {
    TopFrame.Look(try client.asked(["request": "status"], for: "status"))
  }

  private func printOnce(_ client: ControlClient) throws -> Ending {
    let before = try look(client)
    Thread.sleep(forTimeInterval: interval ?? 1)
    let frame = TopFrame(from: before, to: try look(client))
    try Terminal.write(frame.lines(rows: .max).map { $0 + "\n" }.joined())
    return .ok
  }

  private func watch(_ client: ControlClient) throws -> Ending {
    var before = try look(client)
    var frame = TopFrame(from: before, to: before)
    let terminal = try TopTerminal()
    defer { terminal.restore() }
    while true {
      let deadline = ContinuousClock.now + pause
      repeat {
        terminal.draw(frame)
        switch terminal.wait(until: deadline) {
        case .leave: return .ok
        case .interrupted: return .interrupted
        case .terminated: return .terminated
        case .redraw, .time: break
        }
      } while ContinuousClock.now < deadline
      let now = try look(client)
      frame = TopFrame(from: before, to: now)
      before = now
    }
  }
}

/// The terminal while it is ours: other screen, keys one by one. What it was comes back with `restore`, whatever happens.
final class TopTerminal {
  enum Event { case leave, interrupted, terminated, redraw, time }

  static var isUsable: Bool {
    let term = ProcessInfo.processInfo.environment["TERM"] ?? ""
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term != "dumb" && !term.isEmpty
  }

  /// SIGTERM, SIGHUP, SIGINT from elsewhere: the handler only says so.
  private static let isEnding = Atomic<Bool>(false)

  private var before = termios()

  init() throws {
    guard unsafe tcgetattr(STDIN_FILENO, &before) == 0 else {
      throw Problem(code: "top.terminal", sentence: "the terminal cannot be used", exit: .failed)
    }
    for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = {
        if $0 != SIGWINCH { TopTerminal.isEnding.store(true, ordering: .relaxed) }
      }
      unsafe sigaction(number, &action, nil)
    }
    var raw = before
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
    unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)
    Terminal.paint("\u{1b}[?1049h\u{1b}[?25l")
  }

  func restore() {
    Terminal.paint("\u{1b}[?25h\u{1b}[?1049l")
    unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
  }

  private var size: (rows: Int, columns: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
      return (24, 80)
    }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  func draw(_ frame: TopFrame) {
    let (rows, columns) = size
    let lines = frame.lines(rows: rows).prefix(rows).map { line in
      TopFrame.isHead(line) && Terminal.hasColour
        ? "\u{1b}[1m\(Self.cut(TopFrame.text(line), columns))\u{1b}[0m" : Self.cut(TopFrame.text(line), columns)
    }
    Terminal.paint("\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J")
  }

  private static func cut(_ line: String, _ columns: Int) -> String {
    var (text, width) = ("", 0)
    for character in line {
      width += TextTable.width(String(character))
      guard width <= columns else { break }
      text.append(character)
    }
    return text
  }

  /// A key, a signal, or the time.
  func wait(until deadline: ContinuousClock.Instant) -> Event {
    let left = max(0, (deadline - .now) / .milliseconds(1))
    var request = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    let ready = unsafe poll(&request, 1, Int32(clamping: Int64(left) + 1))
    if Self.isEnding.load(ordering: .relaxed) { return .terminated }
    if ready < 0 { return .redraw }
    guard ready > 0 else { return .time }
    var key: UInt8 = 0
    guard unsafe read(STDIN_FILENO, &key, 1) == 1 else { return .leave }
    switch key {
    case UInt8(ascii: "q"), UInt8(ascii: "Q"), 4: return .leave
    case 3: return .interrupted
    default: return .redraw
    }
  }
}
