import Foundation
import Store
import Threads

/// Looks a few times a second whether the store has changed; then a reload is wanted.
///
/// It keeps a connection of its own, which asks for one number and holds no lock in between. A store that was replaced
/// (`moontap store restore`) is another file under the same name, and is opened anew.
final class StoreWatch: Sendable {
  private static let interval = DispatchTimeInterval.milliseconds(200)

  private let options: StoreOptions
  private let end = DispatchSemaphore(value: 0)
  private let finished = DispatchSemaphore(value: 0)

  /// - Parameter change: `MirrorStore.lastChange` of what is in force.
  init(_ options: StoreOptions, since change: Int64) throws {
    self.options = options
    try BackgroundThread.begin("store") { self.run(since: change) }
  }

  func stop() {
    end.signal()
    finished.wait()
  }

  private func run(since change: Int64) {
    defer { finished.signal() }
    var seen = change
    var file = StoreFile.identity(options.path)
    var store = try? options.open(.read)
    repeat {
      let now = StoreFile.identity(options.path)
      if now != file || store == nil {
        // While it is away there is nothing to read; whoever put it away puts it back, or the reload says so.
        store = now == nil ? nil : try? options.open(.read)
        if now != file, now != nil { seen = -1 }
        file = now
      }
      if let latest = try? store?.lastChange(), latest != seen {
        seen = latest
        Hangup.wake(Hangup.reload)
      }
    } while end.wait(timeout: .now() + Self.interval) == .timedOut
  }
}
