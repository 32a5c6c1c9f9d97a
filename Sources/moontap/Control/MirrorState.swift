import DataPath
import Mirroring

/// What a mirror is doing, as summaries, `status` and metrics say it.
enum MirrorState: String, CaseIterable {
  case running
  case disabled
  /// Not all of its receivers answer.
  case degraded
  /// Its scripts failed too often and are not called any more.
  case faulted
  /// It has used up what it may send.
  case throttled
  /// It is in no plan any more; its counters stay.
  case removed

  /// Those that a mirror of the plan can be in.
  static let ofPlan = allCases.filter { $0 != .removed }
}

extension Summary {
  /// For whoever is not at this process's terminal.
  var plainText: String { Terminal.unmarked(text) }

  /// - Parameter index: in the plan's mirrors.
  func state(of index: Int) -> MirrorState {
    guard plan.mirrors[index].isEnabled else { return .disabled }
    return faults[index] == nil ? .running : .faulted
  }
}
