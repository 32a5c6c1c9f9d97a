internal import JSONText
internal import LuaRuntime
internal import Mirroring

// What scripts do to mirrors that are there: checked at once by the rules of `mirror{}`, in force between two batches.
extension PolicyContext {
  /// What is wanted is what the first worker's state wants, too; or it was by chance that only this one did.
  private var isPassive: Bool { options.isSecondary && !isLoading }

  func mirrorIndex(_ call: HostCall) -> Int { call.handle(0, of: types.handle(.mirror)) ?? 0 }

  /// The mirror as the engine has it; before it has, as it is declared.
  func mirrorInForce(_ index: Int) -> TrafficMirror {
    index < inForce.count ? inForce[index].mirror : mirrors[index].mirror
  }

  func state(ofMirror index: Int) -> String {
    if mirrors[index].isDeleted { return "deleted" }
    if !mirrors[index].isEnabledAnew, isFaulted?(index) == true { return "faulted" }
    return mirrors[index].mirror.isEnabled ? "enabled" : "disabled"
  }

  /// - Parameter what: what the log calls the change.
  func change(_ call: HostCall, _ what: String, _ edit: (inout MirrorDraft) -> Void) throws(HostFailure) {
    let index = mirrorIndex(call)
    try refuseDeleted(index)
    if let keeper { return try keep(keeper, index, what) }
    if isPassive { return }
    var draft = mirrors[index].draft
    edit(&draft)
    draft.location = location(call)
    let others = standing.filter { $0 != index }.map { mirrors[$0].mirror }
    var changed = try validated(draft, besides: mirrorsOfOthers() + others, call)
    let before = mirrors[index]
    changed.draft.location = before.draft.location
    changed.mirror.origin = before.mirror.origin
    changed.isEnabledAnew = before.isEnabledAnew
    // A number that nobody asked for is the mirror's for its life, whatever it is called by now.
    if draft.explicitVNI == nil, changed.mirror.encapsulation.kind == before.mirror.encapsulation.kind {
      changed.mirror.encapsulation.vni = before.mirror.encapsulation.vni
    }
    mirrors[index] = changed
    noteChange(call, before.mirror, what)
  }

  func delete(_ call: HostCall) throws(HostFailure) {
    try refuseDeleted(mirrorIndex(call))
    if keeper != nil { throw HostFailure(MirrorKeeper.refusal) }
    if isPassive { return }
    mirrors[mirrorIndex(call)].isDeleted = true
    noteChange(call, mirrors[mirrorIndex(call)].mirror, "deleted")
  }

  /// While the engine runs: it is asked, and the log says who changed what.
  private func noteChange(_ call: HostCall, _ mirror: TrafficMirror, _ what: String) {
    guard !isLoading else { return }
    requests.changesMirrors = true
    log.write(.info, location(call).description, "mirror \"\(mirror.name)\" \(what)", at: clock)
  }

  private func refuseDeleted(_ index: Int) throws(HostFailure) {
    guard mirrors[index].isDeleted else { return }
    throw HostFailure("mirror \"\(mirrors[index].mirror.name.cleanLine(limit: 80))\" is deleted")
  }

  func requestReload() throws(HostFailure) {
    if let keeper {
      if let failure = keeper.reload() { throw failure }
      return
    }
    guard isInTimer else {
      throw HostFailure(
        isLoading
          ? "mirrors.reload can be used in timers, not while the policy loads: it would never end"
          : "mirrors.reload can be used in timers, not while a packet is judged")
    }
    if !isPassive { requests.reloads = true }
  }
}
