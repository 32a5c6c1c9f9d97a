public import DataPath
import Glibc
import Wire

/// A capture file as a source of frames: pcap or pcapng, plain or gzip'ed, from a file, a pipe or standard input.
///
/// The way of the bytes: `init` opens and looks at the first header; `fill` parses records in a tight loop over the bytes
/// that lie in memory, and when that stops, `resume` finds out why: end of the window, end of the file, damage.
///
/// 1. Frames of a batch lie in one piece of memory that stays until the next `fill`.
/// 2. What was delivered was whole in the file: damage is thrown by the `fill` after the frames before it.
public final class CaptureFileSource: FrameSource {
  /// What a file is, after its first header.
  enum Format {
    case pcap(PcapLayout)
    case pcapng
  }

  public let path: String
  public internal(set) var interfaces: [CaptureInterface] = []
  let input: CaptureInput
  var format: Format = .pcapng
  var section = PcapngSection()
  /// Where an interface stands in `interfaces`.
  var interfaceIndices: [CaptureInterface: UInt32] = [:]
  /// Frames delivered so far.
  var frameCount: UInt64 = 0
  var isAtEnd = false
  private let isCancelled: @Sendable () -> Bool

  /// Opens a capture and checks its first header.
  ///
  /// - Parameters:
  ///   - path: a file, a FIFO, or `-` for standard input. Opening a FIFO waits for its first bytes.
  ///   - isCancelled: asked while a pipe is silent and when it ends; true makes the capture end there.
  /// - Throws: when nothing can be read of it. Damage behind the first header is thrown by `fill`.
  public convenience init(
    path: String, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws(CaptureError) {
    try self.init(descriptor: try Self.open(path), path: path, isCancelled: isCancelled)
  }

  /// The same with a file that is open; it is taken over, unless it is standard input by the path `-`.
  public init(
    descriptor: Int32, path: String, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws(CaptureError) {
    self.path = path
    self.isCancelled = isCancelled
    do {
      input = try CaptureInput(descriptor: descriptor, ownsDescriptor: path != "-", isCancelled: isCancelled)
    } catch {
      if path != "-" { close(descriptor) }
      throw Self.openingError(path, error)
    }
    try readFirstHeader()
  }

  public var progress: (consumed: UInt64, total: UInt64?) { (input.consumed, input.total) }

  public func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
    batch.removeAll()
    guard !isAtEnd else { return false }
    do throws(CaptureError) {
      repeat {
        let count = unsafe try parse(into: batch.frames)
        if count > 0 {
          batch.setCount(count)
          frameCount += UInt64(count)
          return true
        }
      } while try resume()
    } catch {
      isAtEnd = true
      guard isCancelled() else { throw error }
    }
    isAtEnd = true
    return false
  }

  /// Parses whole records that are in memory, without moving any: 0 to `FrameBatch.capacity` frames.
  private func parse(into frames: UnsafeMutablePointer<Frame>) throws(CaptureError) -> Int {
    switch format {
    case .pcap(let layout): unsafe parsePcap(layout, into: frames)
    case .pcapng: try unsafe parsePcapng(into: frames)
    }
  }

  /// Brings the next record into memory; called when no frame of the last batch is in use.
  ///
  /// - Returns: false at the end of the file, between two records.
  private func resume() throws(CaptureError) -> Bool {
    switch format {
    case .pcap(let layout): try resumePcap(layout)
    case .pcapng: try resumePcapng()
    }
  }
}

// MARK: - Opening

extension CaptureFileSource {
  private static func open(_ path: String) throws(CaptureError) -> Int32 {
    if path == "-" { return STDIN_FILENO }
    // O_NONBLOCK: a FIFO opens before its writer does; waiting is done by poll(2), which Ctrl-C can end.
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(path: path, errno: errno) }
    return descriptor
  }

  private static func openingError(_ path: String, _ failure: InputFailure) -> CaptureError {
    switch failure {
    case .system(let code): code == EISDIR ? .isFolder(path: path) : .unreadable(path: path, errno: code)
    case .stream(let what): .damaged(path: path, offset: 0, isUnpacked: true, what: what)
    }
  }

  private func readFirstHeader() throws(CaptureError) {
    do {
      _ = try input.require(PcapFileHeader.byteCount)
    } catch {
      throw Self.openingError(path, error)
    }
    guard input.available > 0 else { throw .empty(path: path) }
    switch unsafe CaptureFileKind(firstBytes: input.bytes.bytes) {
    case .pcap: try beginPcap()
    case .pcapng: try checkFirstSection()
    case .gzip: throw .badHeader(path: path, .unsupportedFormat("a gzip file inside a gzip file"))
    case .unsupported(let name): throw .badHeader(path: path, .unsupportedFormat(name))
    case .unknown: throw unsafe .notCapture(path: path, firstBytes: Array(input.bytes.prefix(4)))
    }
  }
}

// MARK: - Damage

extension CaptureFileSource {
  /// Damage at the input's position.
  func damage(_ what: String) -> CaptureError {
    .damaged(path: path, offset: input.offset, isUnpacked: input.isUnpacked, what: what)
  }

  /// `CaptureInput.require`, with errors that name the file and the place.
  func require(_ count: Int) throws(CaptureError) -> Bool {
    do {
      return try input.require(count)
    } catch {
      throw damage(error)
    }
  }

  func skip(_ count: UInt64) throws(CaptureError) -> UInt64 {
    do {
      return try input.skip(count)
    } catch {
      throw damage(error)
    }
  }

  private func damage(_ failure: InputFailure) -> CaptureError {
    switch failure {
    case .system(let code): damage("reading failed: \(CaptureError.text(ofErrno: code))")
    case .stream(let what): damage(what)
    }
  }
}

extension CaptureFileSource {
  /// Progress of several captures: sums; no total when one of them is a pipe.
  static func progress(of sources: [CaptureFileSource]) -> (consumed: UInt64, total: UInt64?) {
    var consumed: UInt64 = 0
    var total: UInt64? = 0
    for source in sources {
      let progress = source.progress
      consumed += progress.consumed
      total = total.flatMap { sum in progress.total.map { sum + $0 } }
    }
    return (consumed, total)
  }
}
