import DataPath
import Foundation
import Synchronization
import Threads

/// What other threads ask of a run. The engine's thread carries it out between two batches, when nothing is half done; until
/// then who asks waits, the engine never.
final class EngineRequests: Sendable {
  private struct Item {
    var number: Int
    var work: @Sendable (Engine, (any FrameSink)?) -> Void
  }

  private struct Queue {
    var next = 0
    var items: [Item] = []
    var isClosed = false
  }

  private let queue = Mutex(Queue())
  /// All that the engine looks at when nobody asks.
  private let isAsked = Atomic<Bool>(false)
  /// Ends the waiting of an engine that no frame wakes. Both change together: one that rings for nothing would never be silenced.
  let bell: Bell

  init() throws {
    do throws(NoPipe) {
      bell = try Bell()
    } catch {
      throw Problem(code: "control.system", sentence: error.description, exit: .failed)
    }
  }

  // MARK: Who asks

  /// An engine that waits for a pipe looks four times a second; one that is slower than this is in trouble.
  private static let patience = DispatchTimeInterval.seconds(5)

  private final class Slot<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
  }

  /// Has the engine do something, and waits for what comes of it.
  ///
  /// - Throws: `Problem` when the run is over or does not come to it; what is asked is not done then, nor later.
  func ask<Value: Sendable>(
    _ body: @escaping @Sendable (Engine, (any FrameSink)?) throws -> Value
  ) throws -> Value {
    let slot = Slot<Value>()
    let number = queue.withLock { queue -> Int? in
      guard !queue.isClosed else { return nil }
      queue.next += 1
      queue.items.append(
        Item(number: queue.next) { engine, sink in
          let result = Result { try body(engine, sink) }
          slot.result.withLock { $0 = result }
          slot.done.signal()
        })
      return queue.next
    }
    guard let number else { throw Self.over }
    nudge()
    if slot.done.wait(timeout: .now() + Self.patience) == .timedOut {
      guard takeBack(number) == false else { throw queue.withLock(\.isClosed) ? Self.over : Self.silent }
      // It is being done just now.
      slot.done.wait()
    }
    guard let result = slot.result.withLock({ $0 }) else { throw Self.over }
    return try result.get()
  }

  /// - Returns: whether it had not begun.
  private func takeBack(_ number: Int) -> Bool {
    queue.withLock { queue in
      guard let position = queue.items.firstIndex(where: { $0.number == number }) else { return queue.isClosed }
      queue.items.remove(at: position)
      return true
    }
  }

  private static let over = Problem(code: "control.over", sentence: "the run is over", exit: .failed)
  private static let silent = Problem(
    code: "control.silent", sentence: "the engine did not come to it within 5 s", hint: "is the machine overloaded?",
    exit: .failed)

  /// Ends the engine's waiting for frames.
  func nudge() {
    queue.withLock { _ in
      isAsked.store(true, ordering: .releasing)
      bell.ring()
    }
  }

  // MARK: The engine

  /// Between two batches; one relaxed load while nobody asks.
  @inline(__always)
  func carryOut(_ engine: Engine, _ sink: (any FrameSink)?) {
    if hear() { carryOutAll(engine, sink) }
  }

  /// Whether anybody has asked since the last call.
  @inline(__always)
  func hear() -> Bool {
    guard isAsked.load(ordering: .relaxed) else { return false }
    queue.withLock { _ in
      isAsked.store(false, ordering: .relaxed)
      bell.silence()
    }
    return true
  }

  private func carryOutAll(_ engine: Engine, _ sink: (any FrameSink)?) {
    // One after the other, that one which waited too long can still be taken back.
    while let item = queue.withLock({ $0.items.isEmpty ? nil : $0.items.removeFirst() }) { item.work(engine, sink) }
  }

  /// The run is over: nothing more is carried out.
  func close(_ engine: Engine, _ sink: (any FrameSink)?) {
    queue.withLock { $0.isClosed = true }
    carryOutAll(engine, sink)
  }
}
