import Capture
import DataPath
import Foundation
import LuaRuntime
import Synchronization
import Threads

/// A capture of a session: it is read again and again, from places that an index in the background knows.
///
/// The index keeps a bookmark for the first batch of every so many, at most 65,536: whenever they would be more, every
/// other one is dropped. Packed captures have none: they are read from their beginning.
final class IndexedCapture: Sendable {
  struct Index {
    var bookmarks: [CaptureBookmark] = []
    /// Batches from one bookmark to the next.
    var stride = 1
    var frames: UInt64 = 0
    var consumed: UInt64 = 0
    var total: UInt64?
    var isWhole = false
    /// What ended it too early.
    var damage: CaptureError?
  }

  /// A file, as long as it is the same.
  private struct Identity: Equatable {
    var device: UInt64
    var number: UInt64
    var size: Int64
    var changed: Int64
  }

  private final class Shared: Sendable {
    let index = Mutex(Index())
    let isAbandoned = Atomic(false)
  }

  static let mostBookmarks = 1 << 16

  let path: String
  private let identity: Identity
  private let shared = Shared()

  /// - Throws: when nothing can be read of it; also for pipes, which can be read once.
  init(_ path: String) throws(HostFailure) {
    self.path = path
    guard path != "-", let identity = Self.identity(path) else {
      throw HostFailure("\(path): no such file; a session reads captures again and again, so it must be a regular file")
    }
    self.identity = identity
    // What is wrong with its beginning is said now.
    _ = try Self.open(path)
    let shared = shared
    do throws(NoThread) {
      try BackgroundThread.start("index") { Self.build(path, shared) }
    } catch {
      throw HostFailure(error.description)
    }
  }

  deinit { shared.isAbandoned.store(true, ordering: .relaxed) }

  var index: Index { shared.index.withLock { $0 } }

  /// Frames so far, and whether these are all.
  var count: (frames: UInt64, isWhole: Bool) { shared.index.withLock { ($0.frames, $0.isWhole) } }

  private static func open(_ path: String) throws(HostFailure) -> CaptureFileSource {
    do throws(CaptureError) {
      return try CaptureFileSource(path: path)
    } catch {
      throw HostFailure(error.description)
    }
  }

  private static func identity(_ path: String) -> Identity? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Identity(
      device: UInt64(status.st_dev), number: UInt64(status.st_ino), size: Int64(status.st_size),
      changed: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
  }

  func isFile(at path: String) -> Bool {
    Self.identity(path).map { $0.device == identity.device && $0.number == identity.number } ?? false
  }

  // MARK: Reading

  /// A source that stands at most some batches before the frame `number`, from 0.
  ///
  /// - Throws: when the file is not the one that was opened any more.
  func source(near number: UInt64) throws(HostFailure) -> CaptureFileSource {
    guard Self.identity(path) == identity else {
      throw HostFailure("\(path): has changed since it was opened; open it again with capture.open")
    }
    let source = try Self.open(path)
    if let bookmark = bookmark(before: number) {
      do throws(CaptureError) {
        try source.go(to: bookmark)
      } catch {
        throw HostFailure(error.description)
      }
    }
    return source
  }

  /// The last bookmark at or before the frame `number`, from 0.
  func bookmark(before number: UInt64) -> CaptureBookmark? {
    shared.index.withLock { index in
      var (low, high) = (0, index.bookmarks.count)
      while low < high {
        let middle = (low + high) / 2
        if index.bookmarks[middle].frameCount <= number { low = middle + 1 } else { high = middle }
      }
      return low > 0 ? index.bookmarks[low - 1] : nil
    }
  }

  // MARK: The index

  private static func build(_ path: String, _ shared: Shared) {
    let batch = FrameBatch()
    var batches = 0
    var damage: CaptureError?
    do throws(CaptureError) {
      let source = try CaptureFileSource(path: path)
      while !shared.isAbandoned.load(ordering: .relaxed) {
        let place = source.bookmark
        guard try source.fill(batch) else { break }
        shared.index.withLock { $0.note(place, batch: batches, frames: batch.count, source.progress) }
        batches += 1
      }
    } catch {
      damage = error
    }
    shared.index.withLock { index in
      index.damage = damage
      index.isWhole = true
    }
  }
}

extension IndexedCapture.Index {
  fileprivate mutating func note(
    _ place: CaptureBookmark?, batch: Int, frames count: Int, _ progress: (consumed: UInt64, total: UInt64?)
  ) {
    frames += UInt64(count)
    (consumed, total) = progress
    guard let place, batch % stride == 0 else { return }
    bookmarks.append(place)
    guard bookmarks.count == IndexedCapture.mostBookmarks else { return }
    bookmarks = bookmarks.indices.filter { $0 % 2 == 0 }.map { bookmarks[$0] }
    stride *= 2
  }
}
