package import LuaRuntime
package import Mirroring

/// Who has the mirrors of a session that is attached to an engine: they are not the session's to change.
package struct MirrorKeeper {
  /// Both answer why not; nil: it is done.
  package var setEnabled: (TrafficMirror, Bool) -> HostFailure?
  package var reload: () -> HostFailure?

  package init(
    setEnabled: @escaping (TrafficMirror, Bool) -> HostFailure?, reload: @escaping () -> HostFailure?
  ) {
    self.setEnabled = setEnabled
    self.reload = reload
  }

  package static let noFiles =
    "an attached session runs inside the engine, whose files are not yours: moontap repl without --attach has them"
  static let refusal =
    "the mirror is the engine's: it can be enabled and disabled here; to change it, change the policy, file or store that declares it"
  static let noDeclaring =
    "an attached session declares no mirrors: moontap mirror create, or a policy and a reload, give the engine one"
}

extension PolicyContext {
  /// Has the mirrors of an engine in place of those it had; handles of those that stay, by VPC and name, stay valid.
  ///
  /// - Parameters:
  ///   - faulted: positions of those whose scripts failed too often.
  ///   - counted: by position.
  package func follow(_ others: [TrafficMirror], faulted: Set<Int>, statistics counted: [Int: MirrorStatistics]) {
    struct Name: Hashable {
      var vpc: Int
      var name: String
    }
    let known = Dictionary(
      mirrors.indices.map { (Name(vpc: mirrors[$0].mirror.vpc, name: mirrors[$0].mirror.name), $0) },
      uniquingKeysWith: { first, _ in first })
    for index in mirrors.indices { mirrors[index].isDeleted = true }
    var positions: [Int: Int] = [:]
    for (position, mirror) in others.enumerated() {
      let index = known[Name(vpc: mirror.vpc, name: mirror.name)] ?? mirrors.count
      if index == mirrors.count { mirrors.append(MirrorObject(audited: mirror)) }
      mirrors[index].mirror = mirror
      mirrors[index].isDeleted = false
      mirrors[index].isEnabledAnew = false
      positions[index] = position
    }
    isFaulted = { index in positions[index].map(faulted.contains) ?? false }
    statistics = { index in positions[index].flatMap { counted[$0] } }
  }

  /// Files of an attached session would be those that the engine's user may read.
  func refuseFilesOfEngine() throws(HostFailure) {
    if keeper != nil { throw HostFailure(MirrorKeeper.noFiles) }
  }

  /// Has the keeper enable or disable a mirror.
  func keep(_ keeper: MirrorKeeper, _ index: Int, _ what: String) throws(HostFailure) {
    guard what == "enabled" || what == "disabled" else { throw HostFailure(MirrorKeeper.refusal) }
    if let failure = keeper.setEnabled(mirrors[index].mirror, what == "enabled") { throw failure }
    mirrors[index].mirror.isEnabled = what == "enabled"
  }
}
