/// How interfaces are captured.
public struct CaptureOptions: Sendable {
  /// Bytes of a frame that are kept at most.
  public var snapLength = 262_144
  /// Memory that an interface's frames wait in.
  public var ringByteCount = 16 << 20
  /// How long a frame may wait for others in its block: little is immediate, much is a batch.
  public var blockMilliseconds = 10

  public init() {}
}
