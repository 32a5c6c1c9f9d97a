import Control
import DataPath
import Foundation
import JSONText
import Synchronization

/// Answers what clients ask of a run, on the server's thread. What it tells is a snapshot that the engine took between two
/// batches; what changes the engine is carried out there, too.
final class EngineControl: RequestAnswering {
  let requests: EngineRequests
  let snapshots: RunSnapshots
  let reload: @Sendable (_ tell: @escaping @Sendable (ReloadOutcome) -> Void) -> Void
  let server: ControlServer
  private let sessions = Mutex<[Int: AttachedSession]>([:])
  /// Clients that wait for the end.
  private let stopping = Mutex<[Int]>([])
  private let isLive: Bool
  private let input: InputOptions
  private let started = Date().timeIntervalSince1970

  /// Sessions at once: each has an interpreter of its own.
  private static let mostSessions = 4

  /// Answers from now on.
  init(_ door: ControlDoor, _ engine: Engine, isLive: Bool) throws {
    requests = engine.requests
    snapshots = RunSnapshots(engine.requests)
    reload = engine.reload
    self.isLive = isLive
    input = engine.input
    do throws(ControlError) {
      server = try ControlServer(socket: door.socket, web: door.web, greeting: Self.greeting)
    } catch {
      throw Problem(error)
    }
    do throws(ControlError) { try server.start(self) } catch { throw Problem(error) }
    if let web = door.web { Terminal.complain("metrics: http://\(web.address)/metrics\n") }
    if let socket = door.socket { Terminal.complain("control: \(socket.path)\n") }
  }

  private static var greeting: JSONValue {
    ["moontap": .integer(ControlClient.version), "version": .string(Moontap.number), "pid": .integer(Int(getpid()))]
  }

  /// Tells those who wait for it how the run ended, and closes the door.
  func finish(_ summary: Summary?, _ ending: Ending) {
    let message: JSONValue = [
      "stopped": ["exit": .integer(Int(ending.rawValue)), "summary": summary?.json ?? .null]
    ]
    for client in stopping.withLock({ $0 }) { server.send(message, to: client, isAnswer: true) }
    for session in sessions.withLock({ Array($0.values) }) { session.end() }
    server.stop()
  }

  // MARK: Requests

  func answer(_ request: JSONValue, from client: Int) -> ControlReply {
    do {
      return try carryOut(request, client)
    } catch {
      return .now(.refusal(Problems.list(error)))
    }
  }

  private func carryOut(_ request: JSONValue, _ client: Int) throws -> ControlReply {
    switch request["request"]?.string {
    case "status": return .now(["status": try status()])
    case "stop":
      stopping.withLock { $0.append(client) }
      Interrupt.request()
      requests.nudge()
      return .later
    case "reload":
      reload { [server] outcome in server.send(Self.message(outcome), to: client, isAnswer: true) }
      return .later
    case "mirrors": return .now(["mirrors": try mirrors()])
    case "enable": return .now(["mirror": try switchMirror(request, true)])
    case "disable": return .now(["mirror": try switchMirror(request, false)])
    case "attach": return .now(try attach(request, client), keeps: true)
    case "input", "complete": return try session(of: client).take(request)
    default:
      let words = "status, stop, reload, mirrors, enable, disable, attach, input, complete, interrupt"
      return .now(.refusal(code: "control.request", "a request is one of \(words)"))
    }
  }

  func interject(_ request: JSONValue, from client: Int) -> Bool {
    guard request["request"]?.string == "interrupt" else { return false }
    sessions.withLock { $0[client] }?.interrupt()
    return true
  }

  func closed(_ client: Int) {
    sessions.withLock { $0.removeValue(forKey: client) }?.end()
    stopping.withLock { $0.removeAll { $0 == client } }
  }

  // MARK: Status and reload

  private func status() throws -> JSONValue {
    let summary = try snapshots.take()
    return [
      "format": "moontap.status/1",
      "engine": [
        "version": .string(Moontap.number), "pid": .integer(Int(getpid())), "mode": isLive ? "live" : "offline",
        "started": .double((started * 1000).rounded() / 1000),
        "policies": .array(input.policies.map { .string($0) }), "mirrors": .array(input.mirrors.map { .string($0) }),
        "inventory": input.inventory.map { .string($0) } ?? .null,
        "store": input.usesStore ? .string(input.storeOptions.path) : .null,
        "control": server.path.map { .string($0) } ?? .null, "metrics": server.page.map { .string($0) } ?? .null,
      ],
      "summary": summary.json,
      "text": .string(summary.plainText),
    ]
  }

  private static func message(_ outcome: ReloadOutcome) -> JSONValue {
    switch outcome {
    case .refused(let problems): return .refusal(problems)
    case .done(let before, let after, let policies, let warnings):
      let change = ReloadChange(from: before, to: after, policies: policies)
      let shown = JSONMember("text", .string(change.text))
      return ["reload": .object((change.json.members ?? []) + [shown] + warnings.json)]
    }
  }

  // MARK: Attached sessions

  private func attach(_ request: JSONValue, _ client: Int) throws -> JSONValue {
    try sessions.withLock { sessions in
      guard sessions[client] == nil, sessions.count < Self.mostSessions else {
        throw Problem(
          code: "control.busy", sentence: "\(Self.mostSessions) sessions are attached to the engine", exit: .failed)
      }
      sessions[client] = try AttachedSession(self, client, request)
    }
    return ["attached": true]
  }

  private func session(of client: Int) throws -> AttachedSession {
    guard let session = sessions.withLock({ $0[client] }) else {
      throw Problem(code: "control.request", sentence: "there is no session: attach first", exit: .failed)
    }
    return session
  }

  // MARK: Metrics

  func page(_ path: String, accept: String) -> HTTPAnswer {
    guard path == "/metrics" else {
      return HTTPAnswer(status: 404, body: Array("there is /metrics\n".utf8))
    }
    do {
      let format = MetricsText.Format(accept: accept)
      let page = MetricsPage(try snapshots.take(), started: started).text(format)
      return HTTPAnswer(status: 200, type: format.contentType, body: page)
    } catch {
      let words = Problems.list(error).map(\.text).joined()
      return HTTPAnswer(status: 503, body: Array(words.utf8))
    }
  }
}
