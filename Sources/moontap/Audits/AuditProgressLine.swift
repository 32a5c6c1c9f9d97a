import Audit
import Foundation
import Synchronization
import Threads

/// Draws how far a run of audits is, beside it: only on a terminal, only for work longer than a second.
enum AuditProgressLine {
  static func show(_ run: AuditRun, _ body: () -> AuditReport) -> AuditReport {
    guard Terminal.errorIsTerminal else { return body() }
    let state = State()
    let total = run.captures.reduce(UInt64(0)) { $0 + UInt64($1.byteCount) * UInt64(run.readings(of: $1)) }
    let isDrawn: Void? = try? BackgroundThread.start("progress") {
      var progress = Progress()
      while !state.isOver.load(ordering: .acquiring) {
        progress.update(packets: run.progress.packets, consumed: run.progress.bytes, total: total)
        Thread.sleep(forTimeInterval: 0.1)
      }
      progress.clear()
      state.cleared.signal()
    }
    // Without a thread there is no line.
    guard isDrawn != nil else { return body() }
    defer {
      state.isOver.store(true, ordering: .releasing)
      state.cleared.wait()
    }
    return body()
  }

  private final class State: Sendable {
    let isOver = Atomic(false)
    let cleared = DispatchSemaphore(value: 0)
  }
}
