import Foundation

/// Characters from the terminal: UTF-8 put together, and what woke the prompt besides.
struct TerminalInput {
  enum Event {
    case character(Unicode.Scalar)
    case interrupt
    case window
    case end
  }

  private var bytes: [UInt8] = []
  private var position = 0

  /// Waits for the next one.
  mutating func next(_ signals: PromptSignals) -> Event {
    while true {
      if let scalar = decode() { return .character(scalar) }
      var requests = [
        pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signals.readEnd, events: Int16(POLLIN), revents: 0),
      ]
      let ready = unsafe poll(&requests, 2, -1)
      if let wake = signals.take() {
        guard wake == .interrupt else { return .window }
        // What was pasted behind it is not wanted any more.
        bytes.removeAll()
        position = 0
        tcflush(STDIN_FILENO, TCIFLUSH)
        return .interrupt
      }
      if ready > 0, requests[0].revents != 0, !fill() { return .end }
    }
  }

  private mutating func fill() -> Bool {
    bytes.removeFirst(position)
    position = 0
    var room = [UInt8](repeating: 0, count: 4096)
    let count = unsafe read(STDIN_FILENO, &room, room.count)
    if count < 0, errno == EINTR || errno == EAGAIN { return true }
    guard count > 0 else { return false }
    bytes += room[..<count]
    return true
  }

  /// The next whole character; bytes that are none become U+FFFD. nil: there is none yet.
  private mutating func decode() -> Unicode.Scalar? {
    guard position < bytes.count else { return nil }
    let first = bytes[position]
    let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
    guard position + length <= bytes.count else { return nil }
    var decoder = UTF8()
    var iterator = bytes[position..<position + length].makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
      position += 1
      return "\u{fffd}"
    }
    position += length
    return scalar
  }
}
