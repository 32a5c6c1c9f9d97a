import Foundation

/// A program at a terminal of its own: keys go in, what is on the screen comes out.
final class PseudoTerminal {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// TIOCSPTLCK, TIOCGPTN, POSIX_SPAWN_SETSID: macros that Swift does not see.
  private static let setLock: UInt = 0x4004_5431
  private static let getNumber: UInt = 0x8004_5430
  private static let newSession: Int16 = 0x80

  /// Without them a report would be lost on the screen.
  private static let sanitizerOptions = ProcessInfo.processInfo.environment.filter {
    ["ASAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"].contains($0.key)
  }

  private let controller: Int32
  private let process: pid_t
  private(set) var output: [UInt8] = []
  private var isOver = false

  /// Starts the program as the leader of a session whose terminal this is.
  init(_ program: String, _ arguments: [String], environment: [String: String], rows: UInt16 = 24, columns: UInt16 = 80)
    throws
  {
    // Linux's own way (ptmx(4)): Glibc's module does not have posix_openpt(3) and what belongs to it.
    controller = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (locked, number) = (Int32(0), Int32(0))
    guard controller >= 0, unsafe ioctl(controller, Self.setLock, &locked) == 0,
      unsafe ioctl(controller, Self.getNumber, &number) == 0
    else { throw Failure(description: "no pseudo-terminal") }
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    unsafe _ = ioctl(controller, UInt(TIOCSWINSZ), &size)
    process = try Self.start(program, arguments, environment, terminal: "/dev/pts/\(number)")
  }

  deinit {
    if !isOver {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    close(controller)
  }

  /// posix_spawn(3): a new session, and the first terminal that it opens becomes its own.
  private static func start(
    _ program: String, _ arguments: [String], _ environment: [String: String], terminal: String
  ) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, 0, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, 0, 2)
    unsafe posix_spawnattr_setflags(&attributes, newSession)
    let words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
    let variables =
      unsafe environment.merging(sanitizerOptions) { $1 }.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for index in unsafe words.indices { unsafe free(words[index]) }
      for index in unsafe variables.indices { unsafe free(variables[index]) }
    }
    var process: pid_t = 0
    let code = unsafe posix_spawn(&process, program, &actions, &attributes, words, variables)
    guard code == 0 else { throw Failure(description: "\(program): \(code)") }
    return process
  }

  // MARK: Keys

  func type(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let piece = Array(bytes.prefix(512))
      let count = unsafe write(controller, piece, piece.count)
      if count > 0 { bytes = bytes.dropFirst(count) } else if errno != EINTR { return }
      read(waiting: 0)
    }
  }

  func resize(rows: UInt16, columns: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    unsafe _ = ioctl(controller, UInt(TIOCSWINSZ), &size)
  }

  // MARK: The screen

  /// Waits until the text has come since the last wait; a minute, which only a fault takes.
  @discardableResult
  func wait(for text: String) throws -> String {
    let deadline = Date(timeIntervalSinceNow: 60)
    while true {
      let seen = plain(output)
      if let found = seen.range(of: text) {
        let before = String(seen[..<found.upperBound])
        output = Array(seen[found.upperBound...].utf8)
        return before
      }
      guard !isOver, Date() < deadline else {
        throw Failure(description: "\(text.debugDescription) did not come; the screen: \(seen)")
      }
      read(waiting: 100)
    }
  }

  /// The same for what is sent, escape sequences and all.
  func waitForBytes(_ text: String) throws {
    let deadline = Date(timeIntervalSinceNow: 60)
    while !output.contains(Array(text.utf8)) {
      guard !isOver, Date() < deadline else { throw Failure(description: "\(text.debugDescription) did not come") }
      read(waiting: 100)
    }
  }

  /// Waits for the end, and says how it ended.
  func end() throws -> Int32 {
    let deadline = Date(timeIntervalSinceNow: 60)
    var status: Int32 = 0
    while unsafe waitpid(process, &status, WNOHANG) == 0 {
      guard Date() < deadline else { throw Failure(description: "it does not end; the screen: \(plain(output))") }
      read(waiting: 50)
    }
    isOver = true
    return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
  }

  private func read(waiting milliseconds: Int32) {
    var request = pollfd(fd: controller, events: Int16(POLLIN), revents: 0)
    var room = [UInt8](repeating: 0, count: 65536)
    while unsafe poll(&request, 1, milliseconds) > 0, request.revents & Int16(POLLIN) != 0 {
      let count = unsafe Foundation.read(controller, &room, room.count)
      guard count > 0 else { return }
      output += room[..<count]
      if milliseconds > 0 { return }
    }
  }

  /// Without escape sequences and carriage returns.
  private func plain(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    var position = 0
    while position < bytes.count {
      if bytes[position] == 0x1b, position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "[") {
        position += 2
        while position < bytes.count, !(0x40...0x7e).contains(bytes[position]) { position += 1 }
      } else if bytes[position] != 0x0d {
        text.append(bytes[position])
      }
      position += 1
    }
    return String(decoding: text, as: UTF8.self)
  }
}
