/// How receivers are looked after.
public struct HealthOptions: Sendable {
  /// What is asked of receivers each second, besides what the kernel says of them.
  public enum Probe: Sendable, Hashable {
    /// An echo request.
    case icmp
    /// A connection to this port, closed again.
    case tcp(port: UInt16)
  }

  public var probe: Probe?
  /// Nothing bad for so long before a receiver that was down gets copies again; nanoseconds. More, if it flaps.
  public var recovery: Int64 = 5_000_000_000

  public init() {}
}
