public import Mirroring

/// How copies are sent.
public struct SendOptions: Sendable {
  /// DSCP of the outer packets; CS1 (RFC 3662, lower effort): copies give way to production traffic.
  public var dscp: UInt8 = 8
  /// Of mirrors that do not say themselves.
  public var oversize = OversizePolicy.fragment
  public var budget = HostBudget()
  /// The interface that copies without encapsulation are sent out of, for an IDS on this host.
  public var injection: String?
  /// Memory in which copies to one receiver wait: its queue.
  public var queueByteCount = 4 << 20

  public init() {}
}
