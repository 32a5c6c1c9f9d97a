/// How copies are sent.
public struct SendOptions: Sendable {
  /// What becomes of copies that are too long for the path.
  public enum Oversize: String, Sendable, CaseIterable { case fragment, truncate, drop }

  /// DSCP of the outer packets; CS1 (RFC 3662, lower effort): copies give way to production traffic.
  public var dscp: UInt8 = 8
  public var oversize = Oversize.fragment
  /// Memory in which copies to one receiver wait: its queue.
  public var queueByteCount = 4 << 20

  public init() {}
}
