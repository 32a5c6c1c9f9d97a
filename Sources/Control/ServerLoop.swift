// The way of a request: a client is let in -> what it sends is gathered until a request is whole -> whoever answers is asked,
// for one request of each client in turn -> what is to be sent is written as the client takes it.
//
// What strangers may do is bounded in number (connections), size (a request, what waits for a client) and time (from
// connection to request, from answer to reading it); see `Connection.Limit`. Nothing here waits for a client.

internal import Foundation
internal import JSONText

final class ServerLoop {
  /// Connections of one kind.
  static let most = 32

  private let server: ControlServer
  private let answering: any RequestAnswering
  private let wake: Int32
  private var connections: [Connection] = []
  private var nextNumber = 1
  /// There were no descriptors left: until then nobody is let in.
  private var pause = ContinuousClock.now
  private var end: ContinuousClock.Instant?

  init(_ server: ControlServer, _ answering: any RequestAnswering, wake: Int32) {
    self.server = server
    self.answering = answering
    self.wake = wake
  }

  func run() {
    while !isOver {
      wait()
      for post in server.takePosts() { deliver(post) }
      letIn()
      for connection in connections { answer(connection) }
      leave()
    }
    for connection in connections { answering.closed(connection.number) }
  }

  private var isOver: Bool {
    guard server.wantsToStop else { return false }
    // What was sent before the end was wanted.
    for post in server.takePosts() { deliver(post) }
    let end = end ?? .now + .seconds(1)
    self.end = end
    return !connections.contains(where: \.wantsToWrite) || .now > end
  }

  // MARK: Waiting

  /// poll(2), and what it says of the clients.
  private func wait() {
    var requests = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
    for connection in connections {
      let events = (connection.wantsToRead ? POLLIN : 0) | (connection.wantsToWrite ? POLLOUT : 0)
      requests.append(pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
    }
    if ContinuousClock.now >= pause {
      for listener in [server.socket?.descriptor, server.web?.descriptor] {
        if let listener { requests.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0)) }
      }
    }
    let hasWork = connections.contains { $0.hasLine && !$0.isBusy }
    _ = unsafe poll(&requests, nfds_t(requests.count), hasWork ? 0 : 200)
    for (connection, request) in zip(connections, requests.dropFirst()) {
      if request.revents & Int16(POLLOUT) != 0 { connection.write() }
      guard request.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 else { continue }
      connection.read(isHungUp: request.revents & Int16(POLLHUP | POLLERR) != 0)
    }
  }

  // MARK: Clients come

  private func letIn() {
    guard !server.wantsToStop, ContinuousClock.now >= pause else { return }
    if let socket = server.socket { letIn(socket.descriptor, .control) }
    if let web = server.web { letIn(web.descriptor, .web) }
  }

  /// At most so many at once, that those who are here have their turn.
  private func letIn(_ listener: Int32, _ kind: Connection.Kind) {
    for _ in 0..<64 {
      let descriptor = accept(listener, nil, nil)
      if descriptor < 0 {
        if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM {
          pause = .now + .milliseconds(100)
        }
        return
      }
      let connection = Connection(nextNumber, kind, descriptor)
      nextNumber += 1
      guard descriptor.makeOwn() else { continue }
      greet(connection)
    }
  }

  private func greet(_ connection: Connection) {
    let isFull = connections.count { $0.kind == connection.kind } >= Self.most
    switch connection.kind {
    case .web:
      // One that has no room is closed when `connection` goes.
      if isFull { connection.send(HTTPAnswer.failure(503, "too many connections").bytes(isHead: false)) }
      if !isFull { connections.append(connection) }
    case .control:
      if let refusal = refusal(of: connection, isFull: isFull) { return connection.send(refusal.line) }
      connections.append(connection)
      connection.send(server.greeting.line)
    }
  }

  /// Root and the user of the engine may ask, whatever became of the socket's mode.
  private func refusal(of connection: Connection, isFull: Bool) -> JSONValue? {
    guard let user = connection.descriptor.peerUser, user == 0 || user == geteuid() else {
      return .refusal(code: "control.permission", "only root and the engine's own user may ask it")
    }
    return isFull ? .refusal(code: "control.busy", "\(Self.most) others are connected") : nil
  }

  // MARK: Requests

  private func answer(_ connection: Connection) {
    guard !connection.isOver else { return }
    switch connection.kind {
    case .web: answerPage(connection)
    case .control: answerLine(connection)
    }
  }

  private func answerLine(_ connection: Connection) {
    guard let line = connection.takeLine() else {
      if connection.isTooLong {
        let words = "a request has at most \(Connection.Limit.request >> 10) KiB"
        connection.send(JSONValue.refusal(code: "control.request", words).line, isLast: true)
      }
      return
    }
    do {
      try answer(JSONValue(json: line, file: "request"), connection)
    } catch {
      let words = "a request is one line of JSON: \(error)".cleanLine(limit: 300)
      connection.send(JSONValue.refusal(code: "control.request", words).line, isLast: true)
    }
  }

  private func answer(_ request: JSONValue, _ connection: Connection) {
    if connection.isBusy {
      guard !answering.interject(request, from: connection.number) else { return }
      let refusal = JSONValue.refusal(code: "control.busy", "the answer to an earlier request is not there yet")
      return connection.send(refusal.line)
    }
    connection.isBusy = true
    if case .now(let message, let keeps) = answering.answer(request, from: connection.number) {
      connection.isBusy = false
      if keeps { connection.isKept = true }
      connection.send(message.line)
    }
  }

  private func deliver(_ post: ControlServer.Post) {
    guard let connection = connections.first(where: { $0.number == post.client }) else { return }
    if post.isAnswer { connection.isBusy = false }
    connection.send(post.bytes)
  }

  private func answerPage(_ connection: Connection) {
    guard !connection.isLingering, !connection.isEnding, let head = HTTPRequestHead.parse(connection.input[...]) else {
      return
    }
    switch head {
    case .failure(.bad): send(.failure(400, "this is no HTTP request"), connection)
    case .failure(.tooLong): send(.failure(431, "a head has at most \(HTTPRequestHead.limit) bytes"), connection)
    case .success(let request):
      let isHead = request.method == "HEAD"
      guard isHead || request.method == "GET" else { return send(.failure(405, "GET only"), connection) }
      send(answering.page(request.path, accept: request.accept), connection, isHead: isHead)
    }
  }

  private func send(_ answer: HTTPAnswer, _ connection: Connection, isHead: Bool = false) {
    connection.send(answer.bytes(isHead: isHead), isLast: true)
  }

  // MARK: Clients go

  private func leave() {
    let now = ContinuousClock.now
    for connection in connections { connection.expire(at: now) }
    for connection in connections where connection.isOver { answering.closed(connection.number) }
    connections.removeAll(where: \.isOver)
  }
}
