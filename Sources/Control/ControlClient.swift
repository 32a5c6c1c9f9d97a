internal import Glibc
public import JSONText

/// A connection to an engine, which waits for answers.
public final class ControlClient {
  /// The protocol that both sides speak.
  public static let version = 1

  public let path: String
  private let descriptor: Int32
  private var input: [UInt8] = []
  private var position = 0
  /// What the engine said of itself.
  public private(set) var greeting = JSONValue(.null)

  /// - Parameter limit: how long whoever listens may take to greet.
  public init(path: String, limit: Duration = .seconds(5)) throws(ControlError) {
    self.path = path
    descriptor = try UnixSocket.connect(to: path)
    let first = try receive(until: .now + limit)
    if let refusal = Self.refusal(first) { throw refusal }
    guard let spoken = first["moontap"]?.integer else { throw .broken("\(path): no engine of Moontap answers there") }
    guard spoken == Self.version else {
      throw .broken("\(path): the engine speaks version \(spoken) of the protocol, this program \(Self.version)")
    }
    greeting = first
  }

  deinit { close(descriptor) }

  // MARK: Asking

  /// - Parameter limit: nil: as long as it takes.
  public func ask(_ request: JSONValue, limit: Duration? = .seconds(30)) throws(ControlError) -> JSONValue {
    try send(request)
    return try answer(until: limit.map { .now + $0 })
  }

  public func answer(until deadline: ContinuousClock.Instant? = nil) throws(ControlError) -> JSONValue {
    let answer = try receive(until: deadline)
    if let refusal = Self.refusal(answer) { throw refusal }
    return answer
  }

  private static func refusal(_ message: JSONValue) -> ControlError? {
    guard let error = message["error"] else { return nil }
    return .refused(
      code: error["code"]?.string ?? "control.broken", sentence: error["sentence"]?.string ?? "it refused",
      hint: error["hint"]?.string)
  }

  public func send(_ message: JSONValue) throws(ControlError) {
    let bytes = message.line
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { room in
        unsafe Glibc.send(descriptor, room.baseAddress! + written, room.count - written, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        written += count
      } else if errno == EAGAIN {
        _ = wait(for: POLLOUT, until: nil)
      } else if errno == EPIPE || errno == ECONNRESET {
        // Why it closed it may have said before.
        return
      } else if errno != EINTR {
        throw .last(path)
      }
    }
  }

  // MARK: Hearing

  /// The next message.
  public func receive(until deadline: ContinuousClock.Instant?) throws(ControlError) -> JSONValue {
    while true {
      if let message = try next() { return message }
      guard wait(for: POLLIN, until: deadline) else { throw .broken("\(path): the engine does not answer in time") }
    }
  }

  /// The next message, if one comes within the time; also nil when a signal came.
  public func receive(within limit: Duration) throws(ControlError) -> JSONValue? {
    if let message = try next() { return message }
    _ = wait(for: POLLIN, until: .now + limit, isPatient: false)
    return try next()
  }

  private func next() throws(ControlError) -> JSONValue? {
    while true {
      if let end = input[position...].firstIndex(of: 10) {
        defer {
          input.removeFirst(end + 1)
          position = 0
        }
        return try Self.parse(Array(input[..<end]), path)
      }
      position = input.count
      guard try read() else { return nil }
    }
  }

  private static func parse(_ line: [UInt8], _ path: String) throws(ControlError) -> JSONValue {
    do {
      return try JSONValue(json: line, file: path)
    } catch {
      throw .broken("\(path): what answers there is no JSON: \(error)")
    }
  }

  /// - Returns: false when there is nothing now.
  private func read() throws(ControlError) -> Bool {
    var room = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe Glibc.read(descriptor, &room, room.count)
      if count > 0 {
        input += room[..<count]
        return true
      }
      if count < 0, errno == EAGAIN { return false }
      if count < 0, errno == EINTR { continue }
      throw .broken("\(path): the engine has ended, or closed the connection")
    }
  }

  /// poll(2).
  ///
  /// - Parameter isPatient: signals do not end it.
  /// - Returns: whether there is something.
  private func wait(for events: Int32, until deadline: ContinuousClock.Instant?, isPatient: Bool = true) -> Bool {
    while true {
      var milliseconds: Int32 = -1
      if let deadline {
        let left = (deadline - .now) / .milliseconds(1)
        guard left > 0 else { return false }
        milliseconds = Int32(clamping: Int64(left) + 1)
      }
      var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
      let ready = unsafe poll(&request, 1, milliseconds)
      if ready > 0 { return true }
      if ready < 0, errno != EINTR || !isPatient { return false }
    }
  }
}
