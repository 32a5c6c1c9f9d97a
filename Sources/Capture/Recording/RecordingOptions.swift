/// How a recording is cut into files, and how many of them stay.
public struct RecordingOptions: Sendable, Hashable {
  /// Which finished files stay; beyond that the oldest are removed.
  public enum Keep: Sendable, Hashable {
    case all
    case files(Int)
    case bytes(UInt64)
  }

  /// So that any packet fits.
  public static let smallestFile: UInt64 = 1_000_000

  /// Bytes of a file at most; not below `smallestFile`.
  public var fileByteCount: UInt64 = 100_000_000
  /// How long a file takes packets; nil: any time.
  public var fileNanoseconds: Int64?
  public var keep = Keep.all
  /// Memory in which packets wait for the disk, in buffers of 1 MiB.
  var bufferCount = 32

  public init() {}
}

/// Why a copy is not in the recording.
public enum RecordingLoss: String, Sendable, CaseIterable {
  /// The disk is slower than the copies come: no buffer was free.
  case queueFull = "queue-full"
  /// No buffer was free while the file system had no room (or the user's quota was used up).
  case diskFull = "disk-full"
  /// No buffer was free while files could not be written for another reason.
  case writeError = "write-error"
  /// Longer than 256 KiB.
  case tooBig = "too-big"
}

/// What a recording has come to; a snapshot. `packets` and what was lost are together all that it was given.
public struct RecordingReport: Sendable {
  public struct Counts: Sendable, Hashable {
    /// Taken: in files, or waiting for the disk; and their captured bytes.
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    /// By `RecordingLoss`, in its order.
    public var lost = [UInt64](repeating: 0, count: RecordingLoss.allCases.count)
    /// Files that are finished, and of all files in the folder those that were removed since.
    public var files: UInt64 = 0
    public var removed: UInt64 = 0
    /// Bytes that wait for the disk.
    public var waiting: UInt64 = 0
  }

  /// The folder, as the user named it.
  public var folder: String
  public var counts: Counts
  /// The name of the file that is being written.
  public var inUse: String?
  /// Why nothing can be written now.
  public var trouble: String?

  public var lost: [(reason: RecordingLoss, packets: UInt64)] { Array(zip(RecordingLoss.allCases, counts.lost)) }
}
