public import Wire

/// One captured frame, borrowed from its source: valid until the source fills the next batch.
@safe @frozen public struct Frame {
  /// First captured byte of the link-layer frame.
  public var bytes: UnsafeRawPointer
  /// Nanoseconds since 1970-01-01 UTC.
  public var time: Int64
  /// Captured bytes at `bytes`; at most 262,144.
  public var captured: UInt32
  /// Length on the wire; at least `captured` in a sane file, but whatever the file says.
  public var original: UInt32
  /// Index into the source's `interfaces`.
  public var interface: UInt32
  /// What the capture says about the direction (pcapng epb_flags); `.unknown` in pcap.
  public var direction: CaptureDirection

  @inlinable public init(
    bytes: UnsafeRawPointer, time: Int64, captured: UInt32, original: UInt32, interface: UInt32,
    direction: CaptureDirection
  ) {
    unsafe self.bytes = bytes
    self.time = time
    self.captured = captured
    self.original = original
    self.interface = interface
    self.direction = direction
  }
}

/// Direction of a frame as its capture recorded it, seen from the capturing interface.
@frozen public enum CaptureDirection: UInt8, Sendable {
  case unknown = 0
  case inbound = 1
  case outbound = 2
}

/// One interface of a capture: what a frame's `interface` index stands for.
public struct CaptureInterface: Sendable, Hashable {
  public var linkType: LinkType
  /// if_name of pcapng, or nil.
  public var name: String?
  /// The path of the capture it comes from, as given by the user (`-` for standard input).
  public var origin: String

  public init(linkType: LinkType, name: String?, origin: String) {
    self.linkType = linkType
    self.name = name
    self.origin = origin
  }
}

/// A fixed block of frames, filled by a source and walked by the pipeline.
///
/// Safe because: `frames` is owned memory for `capacity` frames, `count <= capacity`, and only `append` raises `count`.
@safe public final class FrameBatch {
  /// Frames a batch holds at most.
  public static let capacity = 128

  public let frames: UnsafeMutablePointer<Frame>
  public private(set) var count = 0

  public init() {
    unsafe frames = .allocate(capacity: Self.capacity)
  }

  deinit {
    unsafe frames.deallocate()
  }

  public func removeAll() { count = 0 }

  /// For sources: say how many frames were written to `frames[0 ..< count]`.
  public func setCount(_ newCount: Int) {
    precondition(newCount >= 0 && newCount <= Self.capacity)
    count = newCount
  }
}
