/// What the data path counted for one mirror: the answer of `mirror:stats()`.
public struct MirrorStatistics: Sendable, Hashable {
  public struct Tally: Sendable, Hashable {
    public var packets: UInt64
    public var bytes: UInt64

    public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
      self.packets = packets
      self.bytes = bytes
    }

    static func + (a: Tally, b: Tally) -> Tally { Tally(packets: a.packets + b.packets, bytes: a.bytes + b.bytes) }
  }

  public var observed: Tally
  public var collected: Tally
  /// By the verdict's name: `filtered`.
  public var reasons: [String: Tally]

  public static func + (a: MirrorStatistics, b: MirrorStatistics) -> MirrorStatistics {
    MirrorStatistics(
      observed: a.observed + b.observed, collected: a.collected + b.collected,
      reasons: a.reasons.merging(b.reasons, uniquingKeysWith: +))
  }

  public init(observed: Tally, collected: Tally, reasons: [String: Tally]) {
    self.observed = observed
    self.collected = collected
    self.reasons = reasons
  }
}
