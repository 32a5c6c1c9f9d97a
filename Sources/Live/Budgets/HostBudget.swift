public import Mirroring

/// What all mirrors of an engine together may take.
public struct HostBudget: Sendable {
  /// Of copies. The engine's processor time is `cpuShare`, not `limits.cpu`.
  public var limits = MirrorBudget()
  /// Share of one processor's time, above 0, at most 1; nil: any.
  public var cpuShare: Double?

  public init() {}

  var isLimited: Bool { limits != MirrorBudget() || cpuShare != nil }
}
