// The way of a receiver's health: routes, neighbours, ICMP errors and probes are looked at by `ReceiverRounds`, on a thread of its
// own -> what has changed is put on the board here, and told -> before a batch the packet loop loads one number; if it is
// another than before, it takes the set of receivers that are down.

public import DataPath
internal import Glibc
internal import Mirroring
internal import Synchronization
internal import Threads

/// Looks after receivers.
public final class ReceiverWatch: Sendable {
  private struct Board {
    var plan: SinkPlan
    var health: [SinkPlan.Destination: LiveReport.Health] = [:]
    /// What the packet loop has to say, which must not wait for who reads it.
    var lines: [String] = []
  }

  private let board: Mutex<Board>
  /// Rises when receivers go down or come back; and when there are others to look after.
  private let changes = Atomic<Int>(0)
  private let plans = Atomic<Int>(1)
  private let isStopping = Atomic<Bool>(false)
  /// Wakes the thread.
  private let bell: Bell
  private let options: HealthOptions
  private let tell: @Sendable (String) -> Void

  /// - Parameter tell: what there is to say, a sentence each; called by the thread.
  public init(_ plan: SinkPlan, options: HealthOptions, tell: @escaping @Sendable (String) -> Void) throws(LiveError) {
    do throws(NoPipe) { bell = try Bell() } catch { throw LiveError("looking after receivers", error) }
    board = Mutex(Board(plan: plan))
    self.options = options
    self.tell = tell
  }

  // MARK: The packet loop's side

  /// Another number than last time: ask for `down`.
  public var change: Int { changes.load(ordering: .acquiring) }

  public var down: Set<SinkPlan.Destination> {
    board.withLock { board in Set(board.health.filter { $0.value.trouble != nil }.keys) }
  }

  public func health(of destination: SinkPlan.Destination) -> LiveReport.Health {
    board.withLock { $0.health[destination] ?? LiveReport.Health() }
  }

  /// Looks after the receivers of another plan. Those that are in both stay what they are.
  public func adopt(_ plan: SinkPlan) {
    board.withLock { $0.plan = plan }
    plans.add(1, ordering: .releasing)
    bell.ring()
  }

  /// Has the thread tell something.
  public func say(_ line: String) {
    board.withLock { $0.lines.append(line) }
    bell.ring()
  }

  public func stop() {
    isStopping.store(true, ordering: .releasing)
    bell.ring()
  }

  // MARK: The thread's side

  /// The thread's work, until `stop`.
  public func run() {
    let rounds = ReceiverRounds(options) { [tell] in tell($0.description) }
    var seen = 0
    while !isStopping.load(ordering: .acquiring) {
      let now = plans.load(ordering: .acquiring)
      let isOther = now != seen
      seen = now
      if isOther { rounds.look(after: board.withLock { $0.plan }) }
      // What is looked after no longer is not down either: it may come back with a later plan.
      if rounds.goRound() || isOther { publish(rounds.health) }
      for line in takeLines() { tell(line) }
      rounds.wait(orFor: bell.descriptor)
      bell.silence()
    }
  }

  private func takeLines() -> [String] {
    board.withLock { board in
      defer { board.lines = [] }
      return board.lines
    }
  }

  private func publish(_ health: [SinkPlan.Destination: LiveReport.Health]) {
    let (before, plan) = board.withLock { board in
      defer { board.health = health }
      return (board.health, board.plan)
    }
    guard health != before else { return }
    changes.add(1, ordering: .releasing)
    for line in HealthWords.lines(from: before, to: health, plan) { tell(line) }
  }
}

/// What is said when receivers go and come back.
enum HealthWords {
  typealias Health = [SinkPlan.Destination: LiveReport.Health]

  static func lines(from before: Health, to after: Health, _ plan: SinkPlan) -> [String] {
    func isDown(_ destination: SinkPlan.Destination, _ health: Health) -> Bool { health[destination]?.trouble != nil }
    var lines: [String] = []
    var told: Set<SinkPlan.Destination> = []
    for destination in plan.routes.map(\.destination) where told.insert(destination).inserted {
      guard isDown(destination, before) != isDown(destination, after) else { continue }
      let trouble = after[destination]?.trouble
      lines.append("receiver \(destination) \(trouble.map { "is down: \($0.rawValue)" } ?? "is back")")
    }
    let mirrors = Dictionary(grouping: plan.routes) { MirrorName(vpc: $0.vpc, name: $0.mirrorName) }
    for (mirror, routes) in mirrors.sorted(by: { ($0.key.vpc, $0.key.name) < ($1.key.vpc, $1.key.name) }) {
      guard routes.allSatisfy({ isDown($0.destination, after) }) else { continue }
      guard !routes.allSatisfy({ isDown($0.destination, before) }) else { continue }
      lines.append("mirror \(mirror.name): no receiver is left, its packets are left out as no-receiver")
    }
    return lines
  }

  private struct MirrorName: Hashable {
    var vpc: String
    var name: String
  }
}

extension SinkPlan.Destination: CustomStringConvertible {
  /// `10.20.9.10 (vxlan, port 4789)`
  public var description: String {
    "\(receiver) (\(kind.rawValue)" + (port > 0 ? ", port \(port))" : ")")
  }
}
