import DataPath
import Live
import Mirroring

/// What a mirror is doing, as summaries, `status` and metrics say it.
enum MirrorState: String, CaseIterable {
  case running
  case disabled
  /// Not all of its receivers answer.
  case degraded
  /// Its scripts failed too often and are not called any more, or its copies came back and it is paused.
  case faulted
  /// A budget leaves out some of its copies.
  case throttled
  /// It is in no plan any more; its counters stay.
  case removed

  init(_ state: LiveReport.Mirror.State) {
    switch state {
    case .running: self = .running
    case .degraded: self = .degraded
    case .faulted: self = .faulted
    case .throttled: self = .throttled
    }
  }

  /// Those that a mirror of the plan can be in.
  static let ofPlan = allCases.filter { $0 != .removed }
}

extension Summary {
  /// For whoever is not at this process's terminal.
  var plainText: String { Terminal.unmarked(text) }

  /// - Parameter index: in the plan's mirrors.
  func state(of index: Int) -> MirrorState {
    guard plan.mirrors[index].isEnabled else { return .disabled }
    guard faults[index] == nil else { return .faulted }
    let identity = plan.identity(index)
    return live?.mirrors.first { $0.identity == identity }.map { MirrorState($0.state) } ?? .running
  }
}
