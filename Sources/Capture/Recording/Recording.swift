// The way of a copy: the packet loop copies it into a buffer, under a lock that the writer holds for a few instructions only
// -> the writer, on a thread of its own, puts the buffer into the file in use -> the file gets its name when it is whole.
//
// The loop never waits for the disk. When the disk takes nothing, the writer keeps what it has, and tries again each second; buffers
// run out, and what finds none is lost from the recording, and counted.

public import DataPath
internal import Dispatch
internal import Glibc
internal import Synchronization
internal import Threads

/// Records copies into the files of a folder, beside or instead of sending them.
///
/// Safe because: `state` is touched under `lock` only.
public final class Recording: @unchecked Sendable {
  private static let retryInterval: Int64 = 1_000_000_000
  private static let tellInterval: Int64 = 60_000_000_000

  private let folder: RecordingFolder
  private let options: RecordingOptions
  private let tell: @Sendable (String) -> Void
  private let lock = Mutex<Void>(())
  private var state: RecordingState
  /// Wakes the writer.
  private let alarm: Bell
  /// The writer has ended. No pipe: that could lose the one ring that there is.
  private let end = DispatchSemaphore(value: 0)

  /// - Parameter tell: what there is to say, a sentence each; called by the thread, must not wait.
  public init(
    _ folder: RecordingFolder, _ plan: SinkPlan, options: RecordingOptions, tell: @escaping @Sendable (String) -> Void
  ) throws(CaptureError) {
    self.folder = folder
    self.options = options
    self.tell = tell
    state = RecordingState(plan, options)
    do throws(NoPipe) {
      alarm = try Bell()
    } catch {
      throw .outputFolder(path: folder.path, what: "no pipe for its thread: \(CaptureError.text(ofErrno: error.code))")
    }
  }

  // MARK: The packet loop's side

  /// Takes copies, in order.
  ///
  /// - Parameter drop: called for each that is not taken: its index, and why.
  public func append(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, RecordingLoss) -> Void
  ) {
    let batch = unsafe CopyBatch(copies: copies, count: count, frames: frames)
    let now = RecordingMoment.now
    let wakes = lock.withLock { _ in
      let hadMore = state.hasMore
      state.append(batch, interfaces, now, drop)
      return state.hasMore && !hadMore
    }
    if wakes { alarm.ring() }
  }

  /// From the next copies on they index another plan.
  public func adopt(_ plan: SinkPlan) { lock.withLock { _ in state.adopt(plan) } }

  /// Waits until all is written, as far as there is room, and the last file has its name. `run` must have been started.
  public func finish() {
    lock.withLock { _ in state.finish() }
    alarm.ring()
    end.wait()
  }

  public var report: RecordingReport {
    lock.withLock { _ in
      RecordingReport(folder: folder.path, counts: state.counts, inUse: state.inUse, trouble: state.trouble?.text)
    }
  }

  // MARK: The thread's side

  /// The thread's work, until `finish`.
  public func run() {
    let writer = RecordingWriter(folder, keep: options.keep)
    var teller = Teller()
    while true {
      let (item, isOver) = lock.withLock { _ in (state.next(.now), state.isOver) }
      switch item {
      case .data(let buffer): write(buffer, writer, &teller)
      case .end: endFile(writer)
      case nil where isOver:
        end.signal()
        return
      case nil: alarm.hear(atMost: RecordingState.flushInterval / 2)
      }
      tellLosses(&teller)
    }
  }

  /// Writes a buffer, however long that takes; but when the recording is over, what has no room is lost.
  private func write(_ buffer: RecordingBuffer, _ writer: RecordingWriter, _ teller: inout Teller) {
    var offset = 0
    while true {
      do throws(SystemFailure) {
        if let torn = writer.torn { throw torn }
        try writer.write(buffer, from: &offset)
        return done(buffer, writer)
      } catch {
        let isOver = lock.withLock { _ in
          state.trouble = error
          return state.isOver
        }
        if isOver { return give(up: buffer, from: offset, error, writer) }
        tellLosses(&teller)
        pause()
      }
    }
  }

  private func done(_ buffer: RecordingBuffer, _ writer: RecordingWriter) {
    lock.withLock { _ in
      state.giveBack(buffer)
      state.trouble = nil
      state.inUse = writer.inUse
    }
  }

  private func give(up buffer: RecordingBuffer, from offset: Int, _ failure: SystemFailure, _ writer: RecordingWriter) {
    writer.tear(failure)
    let rest = buffer.blocks(from: offset, to: buffer.used)
    lock.withLock { _ in
      state.counts.packets -= rest.packets
      state.counts.bytes -= rest.bytes
      state.lose(rest.packets, failure.loss)
      state.giveBack(buffer)
    }
  }

  /// Until the next attempt, or the end.
  private func pause() {
    let until = RecordingMoment.now.monotonic + Self.retryInterval
    while true {
      let left = until - RecordingMoment.now.monotonic
      guard left > 0, !lock.withLock({ _ in state.isOver }) else { return }
      alarm.hear(atMost: left)
    }
  }

  private func endFile(_ writer: RecordingWriter) {
    lock.withLock { _ in state.inUse = nil }
    do throws(SystemFailure) {
      let (isFinished, removed) = try writer.end()
      lock.withLock { _ in
        state.counts.files += isFinished ? 1 : 0
        state.counts.removed += UInt64(removed)
      }
    } catch {
      tell("recording \(folder.path): a file could not be finished, or an old one not be removed: \(error.text)")
    }
  }

  // MARK: What is told

  private struct Teller {
    var last: Int64?
    var lost: UInt64 = 0
    var hasTrouble = false
  }

  /// That packets are lost, at once and then once a minute; and that it goes on.
  private func tellLosses(_ teller: inout Teller) {
    let report = report
    let lost = report.counts.lost.reduce(0, +)
    let now = RecordingMoment.now.monotonic
    if teller.hasTrouble, report.trouble == nil {
      teller.hasTrouble = false
      tell("recording \(folder.path): goes on")
    }
    guard report.trouble != nil && !teller.hasTrouble || lost > teller.lost else { return }
    if let last = teller.last, now - last < Self.tellInterval { return }
    teller = Teller(last: now, lost: lost, hasTrouble: report.trouble != nil)
    let reasons = report.lost.filter { $0.packets > 0 }.map { "\($0.reason.rawValue) \($0.packets)" }
    let trouble = report.trouble.map { "cannot write: \($0)" } ?? "the disk is too slow"
    let told = reasons.isEmpty ? "packets wait" : "lost from it so far: " + reasons.joined(separator: ", ")
    tell("recording \(folder.path): \(trouble); \(told)")
  }
}

extension RecordingMoment {
  static var now: RecordingMoment {
    func read(_ clock: clockid_t) -> Int64 {
      var time = timespec()
      unsafe clock_gettime(clock, &time)
      return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
    return RecordingMoment(wall: read(CLOCK_REALTIME), monotonic: read(CLOCK_MONOTONIC))
  }
}
