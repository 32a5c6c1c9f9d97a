public import DataPath
public import Policy

/// An engine that runs, as a session sees it that is attached to it. Called on the session's thread; the engine goes on.
public protocol RunningEngine: AnyObject {
  /// - Throws: what to say of it, as a `RunningEngineFailure`.
  func look() throws(RunningEngineFailure) -> EngineLook

  /// Enables or disables a mirror, until the engine reloads.
  func setEnabled(_ mirror: MirrorIdentity, _ isEnabled: Bool) throws(RunningEngineFailure)

  /// Has inventory, mirrors and policies read again, and waits for what becomes of it.
  func reload() throws(RunningEngineFailure) -> [String]

  /// The summary so far, in lines.
  func status() throws(RunningEngineFailure) -> [String]
}

public struct RunningEngineFailure: Error, Sendable {
  public var text: String
  public init(_ text: String) { self.text = text }
}

/// What an engine is at one time.
public struct EngineLook: Sendable {
  public var plan: MirrorPlan
  /// Positions in the plan's mirrors of those whose scripts failed too often.
  public var faulted: Set<Int>
  /// By position; those that were never enabled have none.
  public var statistics: [Int: MirrorStatistics]
  /// Rises whenever all was read again: what was known of the inventory is old.
  public var reloads: Int

  public init(plan: MirrorPlan, faulted: Set<Int>, statistics: [Int: MirrorStatistics], reloads: Int) {
    self.plan = plan
    self.faulted = faulted
    self.statistics = statistics
    self.reloads = reloads
  }
}
