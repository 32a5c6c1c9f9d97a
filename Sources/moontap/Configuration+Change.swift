import DataPath
import JSONText
import Mirroring
import Policy

// A configuration while it is at work: scripts change mirrors, and a reload replaces all of it.
extension Configuration {
  /// What the scripts asked for since the last call.
  func takeRequests() -> PolicyRequests {
    var all = PolicyRequests()
    for policy in policies {
      let requests = policy.takeRequests()
      all.changesMirrors = all.changesMirrors || requests.changesMirrors
      all.reloads = all.reloads || requests.reloads
    }
    return all
  }

  /// Mirrors as scripts want them, those of the JSON files first.
  private func mirrorsNow() -> [(mirror: TrafficMirror, owner: Owner?)] {
    var all: [(mirror: TrafficMirror, owner: Owner?)] = zip(plan.mirrors, owners).filter { $1 == nil }.map { ($0, $1) }
    for (index, policy) in policies.enumerated() {
      all += zip(policy.mirrors, policy.mirrorNumbers).map { ($0, Owner(policy: index, mirror: $1)) }
    }
    return all
  }

  func mirrors(besides policy: Int) -> [TrafficMirror] {
    mirrorsNow().filter { $0.owner?.policy != policy }.map(\.mirror)
  }

  /// A plan with what scripts changed.
  struct Change {
    var plan: MirrorPlan
    var owners: [Owner?]
    /// Mirrors that go on under another name.
    var renamed: [MirrorIdentity: MirrorIdentity]
  }

  /// - Parameter switched: mirrors of files that are to be enabled or disabled besides.
  func change(_ switched: [MirrorIdentity: Bool] = [:]) -> Change {
    var now = mirrorsNow()
    for (index, mirror) in plan.mirrors.enumerated() where owners[index] == nil {
      guard let isEnabled = switched[plan.identity(index)],
        let place = now.firstIndex(where: {
          $0.owner == nil && $0.mirror.name == mirror.name && $0.mirror.vpc == mirror.vpc
        })
      else { continue }
      now[place].mirror.isEnabled = isEnabled
    }
    let changed = MirrorPlan(inventory: plan.inventory, mirrors: now.map(\.mirror), options: options)
    let before = Dictionary(
      owners.enumerated().compactMap { index, owner in owner.map { ($0, plan.identity(index)) } },
      uniquingKeysWith: { first, _ in first })
    var renamed: [MirrorIdentity: MirrorIdentity] = [:]
    for (index, item) in now.enumerated() {
      guard let owner = item.owner, let old = before[owner], old != changed.identity(index) else { continue }
      renamed[old] = changed.identity(index)
    }
    return Change(plan: changed, owners: now.map(\.owner), renamed: renamed)
  }

  func carryOut(_ change: Change, in pipeline: Pipeline) {
    plan = change.plan
    owners = change.owners
    pipeline.adopt(plan: plan, scripts: policies, renamed: change.renamed)
    begin(in: pipeline)
  }

  /// Mirrors become what they are in the first worker's states; its plan follows by `change`.
  func follow(_ first: Configuration) { for (policy, other) in zip(policies, first.policies) { policy.follow(other) } }

  /// The engine could not carry out what scripts changed.
  func undoChanges() {
    for policy in policies { policy.undoChanges() }
  }

  /// `mirror:explain`, by the plan that is in force.
  func explain(_ owner: Owner, _ made: MadeFrame, at time: Int64) throws(TestRefusal) -> PacketExplanation {
    guard let mirror = owners.firstIndex(of: owner) else { throw TestRefusal("the mirror is deleted") }
    return try explain(mirror: mirror, made, at: time)
  }

  /// - Parameter mirror: its position in the plan.
  private func explain(mirror: Int, _ made: MadeFrame, at time: Int64) throws(TestRefusal) -> PacketExplanation {
    let explainer = MirrorExplainer(plan: plan, policies: policies, compiler: compiler)
    return try explainer.explain(mirror, made, at: time)
  }

  // MARK: Switching from outside

  /// - Throws: `Problem` when the mirror cannot be enabled or disabled here.
  func refuseSwitching(_ identity: MirrorIdentity, _ isEnabled: Bool) throws {
    let name = identity.name.quotedForMessage
    guard let index = plan.mirrors.indices.first(where: { plan.identity($0) == identity }) else {
      throw Problem(
        code: "mirror.unknown", sentence: "the engine has no mirror \(name) in VPC \(identity.vpc) any more")
    }
    if stored.values.contains(identity) {
      throw Problem(
        code: "mirror.stored", sentence: "mirror \(name) is the store's, which the engine follows",
        hint: "moontap mirror \(isEnabled ? "enable" : "disable") \(identity.name), without --engine")
    }
    if isEnabled, plan.mirrors[index].receivers.isEmpty {
      throw Problem(
        code: "receivers.empty", sentence: "mirror \(name) has no receiving IP",
        hint: "name at least one where it is declared, and reload")
    }
  }

  /// - Returns: false when it is no policy's mirror.
  func setEnabledByPolicy(_ identity: MirrorIdentity, _ isEnabled: Bool) -> Bool {
    guard let index = plan.mirrors.indices.first(where: { plan.identity($0) == identity }), let owner = owners[index]
    else { return false }
    policies[owner.policy].setEnabled(mirror: owner.mirror, isEnabled)
    return true
  }

  // MARK: Mirrors of the store

  /// What policies may know of stored mirrors that run.
  func storedRun(_ pipeline: Pipeline) -> StoredRun? {
    guard !stored.isEmpty else { return nil }
    let positions = Dictionary(
      plan.mirrors.indices.map { (plan.identity($0), $0) }, uniquingKeysWith: { first, _ in first })
    let byNumber = stored.compactMapValues { positions[$0] }
    let entries = Dictionary(plan.enabled.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    return StoredRun(
      statistics: { [weak self, weak pipeline] number in
        guard let self, let pipeline, let entry = byNumber[number].flatMap({ entries[$0] }) else { return nil }
        return self.statistics(entry, pipeline)
      },
      isFaulted: { [weak self] number in
        guard let self, let owner = byNumber[number].flatMap({ owners[$0] }) else { return false }
        return policies[owner.policy].faulted.contains(owner.mirror)
      },
      explain: { [weak self, weak pipeline] number, made throws(TestRefusal) in
        guard let self, let pipeline else { throw TestRefusal("nothing is running") }
        guard let mirror = byNumber[number] else {
          return PacketExplanation(verdict: TestVerdict(reason: "disabled"), lines: ["disabled: judges nothing"])
        }
        return try self.explain(mirror: mirror, made, at: pipeline.now)
      })
  }

  // MARK: Reload

  /// Names of the policies that an earlier configuration had with another text, or with other modules or files of sets.
  func policiesReadOtherwise(than earlier: Configuration) -> [String] {
    let old = Dictionary(uniqueKeysWithValues: zip(earlier.origins, earlier.policies.map(\.fingerprint)))
    return zip(origins, policies).filter { origin, policy in old[origin].map { $0 != policy.fingerprint } ?? false }
      .map(\.1.name)
  }

  /// What the configuration that comes is made with.
  var reload: Reload { Reload(shared: shared, desk: desk) }

  /// Takes the place of an earlier configuration of the same command line.
  func replace(_ earlier: Configuration, in pipeline: Pipeline) {
    let old = Dictionary(uniqueKeysWithValues: zip(earlier.origins, earlier.policies))
    for (origin, policy) in zip(origins, policies) {
      if let old = old[origin] { policy.inherit(from: old) }
    }
    colleagues = earlier.colleagues
    earlierFailures = earlier.earlierFailures.adding(earlier.policies.flatMap(\.failures))
    pipeline.adopt(plan: plan, scripts: policies, renamed: renamed(since: earlier))
    begin(in: pipeline)
  }
}

extension Configuration {
  /// Stored mirrors that go on under another name.
  private func renamed(since earlier: Configuration) -> [MirrorIdentity: MirrorIdentity] {
    var renamed: [MirrorIdentity: MirrorIdentity] = [:]
    for (id, identity) in stored {
      if let old = earlier.stored[id], old != identity { renamed[old] = identity }
    }
    return renamed
  }
}

/// Failures of scripts, summed up by function and kind; bounded, since every edition of a policy may have new functions.
struct FailureSum {
  private static let limit = 1000
  private(set) var list: [PolicyFailure] = []

  /// Those beyond the bound count with the last one of their kind.
  func adding(_ more: [PolicyFailure]) -> FailureSum {
    var sum = self
    for failure in more {
      let same = sum.list.firstIndex { $0.function == failure.function && $0.kind == failure.kind }
      let known = same ?? (sum.list.count >= Self.limit ? sum.list.lastIndex { $0.kind == failure.kind } : nil)
      if let known { sum.list[known].count += failure.count } else { sum.list.append(failure) }
    }
    return sum
  }
}
