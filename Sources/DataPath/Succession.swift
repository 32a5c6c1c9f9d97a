internal import Mirroring
internal import Wire

/// Which parts of a plan go on in the next one: mirrors by VPC and name, receivers by address, `first` filters by their
/// place in a mirror's filter.
struct Succession {
  /// By entry of the old plan: its entry in the new one, or -1.
  private(set) var mirrors: [Int]
  /// By entry of the new plan: its entry in the old one.
  private(set) var predecessors: [Int?]
  /// By entry of the old plan, by position of a receiver: its position in the new plan, or -1.
  private(set) var receivers: [[Int]]
  /// By entry of the old plan: conversations stay at their receivers.
  private(set) var keepsReceivers: [Bool]
  /// Ids of `first` filters, old to new.
  private(set) var firsts: [Int: Int] = [:]

  init(from old: MirrorPlan, to new: MirrorPlan, renamed: [MirrorIdentity: MirrorIdentity] = [:]) {
    let positions = Dictionary(
      new.enabled.enumerated().map { (new.identity($1), $0) }, uniquingKeysWith: { first, _ in first })
    mirrors = old.enabled.map { index in
      let identity = old.identity(index)
      return positions[renamed[identity] ?? identity] ?? -1
    }
    predecessors = Array(repeating: nil, count: new.enabled.count)
    receivers = old.enabled.map { old.mirrors[$0].receivers.map { _ in -1 } }
    keepsReceivers = Array(repeating: false, count: old.enabled.count)
    for (entry, successor) in mirrors.enumerated() where successor >= 0 {
      predecessors[successor] = entry
      let (before, after) = (old.mirrors[old.enabled[entry]], new.mirrors[new.enabled[successor]])
      receivers[entry] = before.receivers.map { after.receivers.firstIndex(of: $0) ?? -1 }
      keepsReceivers[entry] = after.balance.keepsConversations
      for (first, next) in zip(before.filter.firsts, after.filter.firsts) where first.bounds == next.bounds {
        if firsts[first.id] == nil { firsts[first.id] = next.id }
      }
    }
  }
}

extension BalanceMethod {
  /// A conversation stays at the receiver that it got first.
  fileprivate var keepsConversations: Bool {
    switch self {
    case .even, .flowHash, .weighted: true
    case .eniHash, .roundRobin, .script: false
    }
  }
}

extension FilterExpression {
  fileprivate struct First {
    var id: Int
    var bounds: [UInt64?]
  }

  /// The `first` filters in it, from left to right.
  fileprivate var firsts: [First] {
    switch self {
    case .first(let packets, let bytes, let id): [First(id: id, bounds: [packets, bytes])]
    case .all(let parts), .anyOf(let parts): parts.flatMap(\.firsts)
    case .not(let part): part.firsts
    case .any, .quintuple, .nat, .rules, .bpf, .sample, .script: []
    }
  }
}
