import Foundation
import JSONText
import Mirroring
import Policy
import Store
import Synchronization
import Threads

/// Carries out what the policies of a run want of the store, one after the other on a thread of its own: a disk that is slow
/// or a lock that another process holds stalls no packet. The desk is the run's, and outlives reloads.
///
/// What it carries out comes into force as every change of the store does: the run follows it. What it cannot carry out is
/// said on standard error, with the script's line, and once more at the end of the run.
final class StoreDesk: Sendable {
  /// Changes that a policy may want at once, and how long it takes until it may want another: each is a line of the history,
  /// which is never shortened.
  static let burst = 16
  static let interval = Duration.seconds(10)
  /// Changes of all policies that wait.
  static let room = 64

  private struct Allowance {
    var left = burst
    /// When the last one was added.
    var filled: ContinuousClock.Instant

    mutating func take(_ now: ContinuousClock.Instant) -> Bool {
      while left < burst, filled + interval <= now {
        left += 1
        filled += interval
      }
      if left == burst { filled = now }
      guard left > 0 else { return false }
      left -= 1
      return true
    }
  }

  private struct Box {
    var orders: [StoreChange] = []
    var allowances: [PolicyOrigin: Allowance] = [:]
    var isWorking = false
    var isClosed = false
    var firstRefusal: Problem?
  }

  private let options: StoreOptions
  /// Before rights are given up: who started the run.
  private let actor = Actor.name
  private let box = Mutex(Box())
  private let work = DispatchSemaphore(value: 0)
  private let finished = DispatchSemaphore(value: 0)
  private let refused = Atomic<Int>(0)

  init(_ options: StoreOptions) { self.options = options }

  /// How many changes could not be carried out.
  var refusals: Int { refused.load(ordering: .acquiring) }

  /// To be said at the end: something was wanted and could not be done.
  var problems: [Problem] {
    guard var problem = box.withLock({ $0.firstRefusal }) else { return [] }
    let count = refusals
    problem.sentence =
      "\(count == 1 ? "a change" : "\(count) changes") of the store that scripts wanted could not be carried out; the first: "
      + problem.sentence
    problem.exit = .failed
    return [problem]
  }

  // MARK: The scripts' side

  /// Never waits.
  func take(_ change: StoreChange, from origin: PolicyOrigin) throws(StoreRefusal) {
    let now = ContinuousClock.now
    try box.withLock { box throws(StoreRefusal) in
      guard !box.isClosed else { throw StoreRefusal(code: "store.closed", sentence: "the run has ended") }
      guard box.orders.count < Self.room else {
        throw StoreRefusal(code: "store.busy", sentence: "\(Self.room) changes wait already", hint: "try again later")
      }
      guard box.allowances[origin, default: Allowance(filled: now)].take(now) else {
        throw StoreRefusal(
          code: "store.rate",
          sentence: "a policy may change the store \(Self.burst) times at once, then once in 10 seconds",
          hint: "ask first whether something is to be changed: if mirrors.web.enabled then ...")
      }
      if !box.isWorking { try begin() }
      box.isWorking = true
      box.orders.append(change)
    }
    work.signal()
  }

  /// What was taken is carried out; nothing is taken any more.
  func close() {
    let isWorking = box.withLock { box in
      defer { box.isClosed = true }
      return box.isWorking && !box.isClosed
    }
    guard isWorking else { return }
    work.signal()
    finished.wait()
  }

  // MARK: The thread's side

  /// Filter texts are loaded here, which nests C calls.
  private func begin() throws(StoreRefusal) {
    do throws(NoThread) {
      try BackgroundThread.start("store desk") { self.run() }
    } catch {
      throw StoreRefusal(code: "store.busy", sentence: error.description, hint: "try again later")
    }
  }

  private func run() {
    defer { finished.signal() }
    var isLocked = false
    while true {
      work.wait()
      let (order, isClosed) = box.withLock { box in
        (box.orders.isEmpty ? nil : box.orders.removeFirst(), box.isClosed)
      }
      guard let order else {
        if isClosed { return }
        continue
      }
      // Whoever ends a run waits for a lock once, not for every order.
      if isClosed, isLocked {
        refuse(order, .locked(path: options.path, seconds: MirrorStore.patience))
      } else {
        isLocked = carryOut(order)
      }
    }
  }

  /// - Returns: whether somebody holds the store.
  private func carryOut(_ order: StoreChange) -> Bool {
    do throws(StoreError) {
      let store = try MirrorStore(options, .change)
      _ = try store.carryOut(order, by: "\(actor) by \(order.place.description.cleanLine(limit: 200))")
      return false
    } catch {
      refuse(order, error)
      if case .locked = error { return true }
      return false
    }
  }

  private func refuse(_ order: StoreChange, _ error: StoreError) {
    let problems = Problems(error).list.filter { !$0.isWarning }.map { problem in
      var problem = problem
      problem.place = order.place.description
      if case .invalid = error { return problem }
      problem.sentence = "mirror \(order.name.quotedForMessage): \(order.verb): \(problem.sentence)"
      return problem
    }
    problems.complain()
    box.withLock { box in if box.firstRefusal == nil { box.firstRefusal = problems.first } }
    refused.add(1, ordering: .releasing)
  }
}
