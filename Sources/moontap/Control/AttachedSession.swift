import Control
import DataPath
import Foundation
import Interactive
import JSONText
import LuaRuntime
import Mirroring
import Policy
import Synchronization
import Threads

/// A prompt of a client, inside the engine's process: a session with an interpreter and a thread of its own, beside the
/// engine's. It sees snapshots; what it wants of the engine is carried out between two batches.
final class AttachedSession: Sendable {
  private enum Job {
    case input(String, columns: Int)
    case complete(String)
    case end
  }

  /// What one input may take: the host has other things to do.
  private static let time: Int64 = 10_000_000_000
  private static let outputLimit = 1 << 20
  /// Below the engine's threads.
  private static let nice: Int32 = 10

  private let control: EngineControl
  private let client: Int
  private let hasColour: Bool
  private let jobs = Mutex<[Job]>([])
  private let isWaiting = DispatchSemaphore(value: 0)
  private let interrupts = Mutex<LuaInterrupt?>(nil)

  init(_ control: EngineControl, _ client: Int, _ request: JSONValue) throws {
    self.control = control
    self.client = client
    hasColour = request["colour"]?.bool ?? false
    try BackgroundThread.begin("attached") { [self] in run() }
  }

  // MARK: The server's side

  /// An input, or a line to be completed; answered later.
  func take(_ request: JSONValue) throws -> ControlReply {
    if let text = request["text"]?.string {
      // Nothing runs now: what comes later is meant for this input.
      interrupts.withLock { $0?.clear() }
      add(.input(text, columns: min(max(request["columns"]?.integer ?? 100, 20), 1000)))
    } else if let line = request["line"]?.string {
      add(.complete(line))
    } else {
      throw Problem(code: "control.request", sentence: "an input has a text, a completion a line", exit: .failed)
    }
    return .later
  }

  func interrupt() { interrupts.withLock { $0?.request() } }

  /// The client is gone, or the engine.
  func end() {
    interrupt()
    add(.end)
  }

  private func add(_ job: Job) {
    jobs.withLock { $0.append(job) }
    isWaiting.signal()
  }

  // MARK: The session's side

  private func run() {
    setpriority(Int32(PRIO_PROCESS.rawValue), 0, Self.nice)
    var room = SessionRoom()
    while true {
      isWaiting.wait()
      switch jobs.withLock({ $0.removeFirst() }) {
      case .end: return
      case .input(let text, let columns):
        control.server.send(answer(text, columns, &room).json, to: client, isAnswer: true)
      case .complete(let line):
        let found = (try? follow(&room))?.completions(of: line) ?? Completions()
        control.server.send(found.json, to: client, isAnswer: true)
      }
    }
  }

  /// A session, and of which configuration of the engine it is.
  private struct SessionRoom {
    var session: Session?
    var engine: AttachedEngine?
    var reloads = 0
  }

  private func answer(_ text: String, _ columns: Int, _ room: inout SessionRoom) -> Answer {
    do {
      let session = try follow(&room)
      session.style.width = columns
      room.engine?.beginInput()
      return session.answer(text)
    } catch let failure as RunningEngineFailure {
      return .failed([failure.text])
    } catch {
      return .failed(Problems.list(error).map(\.sentence))
    }
  }

  /// The session, with the mirrors that the engine has now. Of an engine that has reloaded it is a new one: what the old one
  /// knew is of another inventory.
  private func follow(_ room: inout SessionRoom) throws -> Session {
    let engine =
      room.engine
      ?? AttachedEngine(control) { [control, client] line in
        control.server.send(["output": .string(line)], to: client, isAnswer: false)
      }
    room.engine = engine
    let look = try engine.look()
    if let session = room.session, room.reloads == look.reloads {
      session.follow(look)
      return session
    }
    if room.session != nil { engine.output("note: the engine has reloaded; the session begins anew") }
    let session = try make(look, engine)
    (room.session, room.reloads) = (session, look.reloads)
    session.follow(look)
    return session
  }

  private func make(_ look: EngineLook, _ engine: AttachedEngine) throws -> Session {
    var options = Session.Options()
    options.engine = engine
    options.limits.wallNanoseconds = Self.time
    options.style.hasColour = hasColour
    options.output = { [unowned engine] line in engine.output(line) }
    options.tools = Session.Tools(
      stages: { mirror, explanation, plan in
        ExplanationText.stages(of: mirror, explanation, plan).split(separator: "\n").map(String.init)
      },
      test: { _, _ in .failed([":test: nothing runs tests here"]) })
    let session = try Session(inventory: look.plan.inventory, options: options)
    interrupts.withLock { $0 = session.interrupt }
    return session
  }

  /// The engine, as the session asks it.
  private final class AttachedEngine: RunningEngine {
    private let control: EngineControl
    private let send: (String) -> Void
    private var outputLeft = AttachedSession.outputLimit

    init(_ control: EngineControl, send: @escaping (String) -> Void) {
      self.control = control
      self.send = send
    }

    func beginInput() { outputLeft = AttachedSession.outputLimit }

    /// Of one input so much is sent, and the rest is not kept.
    func output(_ line: String) {
      guard outputLeft > 0 else { return }
      outputLeft -= line.utf8.count + 1
      send(
        outputLeft > 0 ? line : "… more than \(AttachedSession.outputLimit >> 20) MiB of output, the rest is left out")
    }

    func look() throws(RunningEngineFailure) -> EngineLook {
      let summary = try asking { try control.snapshots.take() }
      let counted = (summary.report.mirrors + summary.report.former).compactMap { mirror in
        mirror.index.map { ($0, MirrorStatistics(mirror)) }
      }
      return EngineLook(
        plan: summary.plan, faulted: Set(summary.faults.keys),
        statistics: Dictionary(counted, uniquingKeysWith: { first, _ in first }), reloads: summary.reloads)
    }

    func setEnabled(_ mirror: MirrorIdentity, _ isEnabled: Bool) throws(RunningEngineFailure) {
      try asking {
        try control.requests.ask { engine, sink in try engine.setEnabled(mirror, isEnabled, sink) }
      }
    }

    func reload() throws(RunningEngineFailure) -> [String] {
      switch try asking({ try control.reloadAndWait() }) {
      case .done(let before, let after, let policies, let warnings):
        return [ReloadChange(from: before, to: after, policies: policies).text] + warnings.map(\.line)
      case .refused(let problems):
        throw RunningEngineFailure(
          "refused, everything stays as it was: " + problems.map(\.line).joined(separator: "; "))
      }
    }

    func status() throws(RunningEngineFailure) -> [String] {
      try asking { try control.snapshots.take().plainText.split(separator: "\n").map(String.init) }
    }

    private func asking<Value>(_ body: () throws -> Value) throws(RunningEngineFailure) -> Value {
      do {
        return try body()
      } catch {
        throw RunningEngineFailure(Problems.list(error).map(\.line).joined(separator: "; "))
      }
    }
  }
}

extension Problem {
  /// Sentence and hint.
  fileprivate var line: String { sentence + (hint.map { " (\($0))" } ?? "") }
}

extension EngineControl {
  /// For threads that may wait.
  func reloadAndWait() throws -> ReloadOutcome {
    final class Slot: Sendable {
      let outcome = Mutex<ReloadOutcome?>(nil)
      let done = DispatchSemaphore(value: 0)
    }
    let slot = Slot()
    reload { outcome in
      slot.outcome.withLock { $0 = outcome }
      slot.done.signal()
    }
    guard slot.done.wait(timeout: .now() + 60) == .success, let outcome = slot.outcome.withLock({ $0 }) else {
      throw Problem(code: "control.silent", sentence: "the reload has not ended within a minute", exit: .failed)
    }
    return outcome
  }
}

// MARK: - Answers on their way

extension Answer {
  /// As the protocol has it, see docs/control.md.
  var json: JSONValue {
    func message(_ kind: String, _ lines: [String] = []) -> JSONValue {
      ["answer": .string(kind), "lines": .array(lines.map { .string($0) })]
    }
    return switch self {
    case .incomplete: message("incomplete")
    case .done(let lines): message("done", lines)
    case .failed(let lines): message("failed", lines)
    case .interrupted: message("interrupted")
    case .leave: message("leave")
    }
  }

  init?(json: JSONValue) {
    let lines = (json["lines"]?.array ?? []).compactMap(\.string)
    switch json["answer"]?.string {
    case "incomplete": self = .incomplete
    case "done": self = .done(lines)
    case "failed": self = .failed(lines)
    case "interrupted": self = .interrupted
    case "leave": self = .leave
    default: return nil
    }
  }
}

extension Completions {
  var json: JSONValue {
    ["completions": ["replaces": .integer(replaces), "words": .array(words.map { .string($0) })]]
  }

  init?(json: JSONValue) {
    guard let found = json["completions"] else { return nil }
    self.init(
      replaces: max(0, found["replaces"]?.integer ?? 0), words: (found["words"]?.array ?? []).compactMap(\.string))
  }
}
