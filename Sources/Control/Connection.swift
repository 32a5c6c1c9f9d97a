internal import Glibc

/// One client of a server: what it sent that is not answered, what it is to get. Nothing here waits.
final class Connection {
  enum Kind { case control, web }

  enum Limit {
    /// Bytes of one request.
    static let request = 256 << 10
    /// Bytes that wait for a client before the next answer: whoever does not read is left.
    static let waiting = 4 << 20
    /// From the connection, or the answer before, to a whole request.
    static let web = Duration.seconds(10)
    static let first = Duration.seconds(10)
    static let idle = Duration.seconds(300)
    /// In which something of what waits must be taken.
    static let reading = Duration.seconds(30)
    /// For the other side's end, once it has its page.
    static let lingering = Duration.seconds(1)
  }

  let number: Int
  let kind: Kind
  let descriptor: Int32
  private(set) var input: [UInt8] = []
  private var output: [UInt8] = []
  private var written = 0
  /// An answer comes later.
  var isBusy = false
  /// It may say nothing for as long as it likes.
  var isKept = false
  /// It is over when all is written.
  private(set) var isEnding = false
  /// It is over, and the other side is given time to see so.
  private(set) var isLingering = false
  private(set) var isOver = false
  private(set) var deadline: ContinuousClock.Instant

  init(_ number: Int, _ kind: Kind, _ descriptor: Int32) {
    self.number = number
    self.kind = kind
    self.descriptor = descriptor
    deadline = .now + (kind == .web ? Limit.web : Limit.first)
  }

  deinit { close(descriptor) }

  // MARK: In

  var wantsToRead: Bool { isLingering || !isEnding && !hasEnded && input.count <= Limit.request }

  /// The other side sends no more.
  private var hasEnded = false

  /// Takes what has come, at most 64 KiB.
  ///
  /// - Parameter isHungUp: the other side neither sends nor reads any more.
  func read(isHungUp: Bool) {
    var room = [UInt8](repeating: 0, count: 64 << 10)
    let count = unsafe Glibc.read(descriptor, &room, room.count)
    if count > 0 {
      if !isLingering { input += room[..<count] }
    } else if count == 0, !isHungUp, !isLingering {
      // A client may close its half and still read.
      hasEnded = true
    } else if count == 0 || errno != EAGAIN && errno != EINTR {
      isOver = true
    }
  }

  /// The next whole line, without its end.
  func takeLine() -> [UInt8]? {
    guard let end = input.firstIndex(of: 10) else { return nil }
    defer { input.removeFirst(end + 1) }
    return Array(input[..<end])
  }

  var hasLine: Bool { input.contains(10) }
  var isTooLong: Bool { input.count > Limit.request && !hasLine }

  // MARK: Out

  var wantsToWrite: Bool { written < output.count }

  /// - Parameter isLast: the connection is over with it.
  func send(_ bytes: [UInt8], isLast: Bool = false) {
    guard !isEnding, !isLingering, !isOver else { return }
    guard output.count - written <= Limit.waiting else {
      isOver = true
      return
    }
    if !wantsToWrite {
      output = bytes
      written = 0
    } else {
      output += bytes
    }
    deadline = .now + Limit.reading
    isEnding = isLast
    write()
  }

  /// Gives what there is room for.
  func write() {
    while wantsToWrite {
      let count = unsafe output.withUnsafeBytes { bytes in
        unsafe Glibc.send(descriptor, bytes.baseAddress! + written, bytes.count - written, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return }
      guard count > 0 else {
        isOver = true
        return
      }
      written += count
      deadline = .now + Limit.reading
    }
    output = []
    written = 0
    deadline = .now + Limit.idle
    if isEnding { linger() }
  }

  /// Closing at once would take the answer back, should anything that came be unread (RFC 9112 section 9.6).
  private func linger() {
    isEnding = false
    isLingering = true
    input = []
    shutdown(descriptor, Int32(SHUT_WR))
    deadline = .now + Limit.lingering
  }

  // MARK: Time

  /// Ends what took too long. Whoever waits for an answer has time, and whoever is kept.
  func expire(at now: ContinuousClock.Instant) {
    let mayWait = !wantsToWrite && !isLingering && (isBusy || isKept)
    if !mayWait, now > deadline { isOver = true }
    let hasNoRequest = kind == .web || !hasLine
    if hasEnded, hasNoRequest, !isBusy, !wantsToWrite, !isLingering { isOver = true }
  }
}
