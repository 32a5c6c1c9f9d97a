// Interfaces come and go, and plans: what is captured follows.

internal import CLiveShims
public import DataPath
internal import Glibc
internal import Inventory
internal import Wire

extension LiveSource {
  /// The ENIs' interfaces. One that two ENIs name is nobody's, as in captures.
  func want(_ plan: MirrorPlan) {
    let bound = Dictionary(grouping: plan.inventory.enis.filter { $0.interface != nil }, by: { $0.interface! })
    wanted = bound.filter { $0.value.count == 1 }.sorted { $0.key < $1.key }
      .map { (InterfacePlace($0.key), plan.inventory.name(ofVPC: $0.value[0].vpc)) }
  }

  /// Goes on with another plan: interfaces and filters are those that it needs. What it does not need stays open until
  /// `closeUnwanted`: frames of it may be in hand.
  public func adopt(_ plan: MirrorPlan) {
    guard !isStopped else { return }
    self.plan = plan
    want(plan)
    hasUnwanted = captures.contains { $0.isOpen && !isWanted($0) }
    whileHeld {
      adoptFilters()
      openMissing()
    }
  }

  /// Called with no batch in hand.
  public func closeUnwanted() {
    guard hasUnwanted else { return }
    hasUnwanted = false
    whileHeld {
      for capture in captures where capture.isOpen && !isWanted(capture) {
        capture.close()
        say("interface \(capture.place.name) is no longer captured: no ENI has it")
      }
      // An interface may be another VPC's now.
      openMissing()
    }
  }

  private func isWanted(_ capture: LiveCapture) -> Bool {
    wanted.contains { $0.place == capture.place && $0.vpc == capture.vpc }
  }

  private func adoptFilters() {
    for capture in captures where capture.isOpen && isWanted(capture) {
      // Its MTU may be another one now. Where it cannot be asked, as in namespaces once rights are given up, it is what it was.
      let now = try? capture.place.enter { () throws(LiveError) in try capture.place.find() }
      capture.mtu = now.map { Int($0.mtu) } ?? capture.mtu
      do throws(LiveError) {
        try capture.setFilter(filter(capture.place, capture.linkType, mtu: capture.mtu))
      } catch {
        tell(error)
      }
    }
  }

  /// Opens what has come, closes what has gone. Called when there is reason to, and now and then.
  ///
  /// - Parameter retries: tries again what could not be opened.
  public func lookAfterInterfaces(retries: Bool = false) {
    var hasChanged = false
    for descriptor in watches.values where lv_links_changed(descriptor) { hasChanged = true }
    let isGone = captures.contains { $0.isOpen && !$0.isBound }
    guard hasChanged || isGone || (retries && !troubled.isEmpty) else { return }
    whileHeld {
      for capture in captures where capture.isOpen && (!capture.isBound || hasChanged && !follow(capture)) {
        capture.close()
        say("interface \(capture.place.name) is gone")
      }
      openMissing()
    }
  }

  /// Interfaces get other names, and become ports of bridges.
  ///
  /// - Returns: false when it has another name now.
  private func follow(_ capture: LiveCapture) -> Bool {
    // What cannot be asked, as in namespaces once rights are given up, is what it was.
    guard let index = try? capture.place.enter({ () throws(LiveError) in try capture.place.find()?.index ?? 0 }) else {
      return true
    }
    guard index == capture.index else { return false }
    capture.isHostEnd = capture.place.isHostEnd
    return true
  }

  private func openMissing() {
    for item in wanted where !captures.contains(where: { $0.place == item.place && $0.isOpen }) {
      do throws(LiveError) {
        if try open(item.place, vpc: item.vpc) { say("interface \(item.place.name) is captured") }
        troubled.remove(item.place.name)
      } catch {
        if troubled.insert(item.place.name).inserted { tell(error) }
      }
    }
  }

  /// Captures on an interface, if it is there.
  ///
  /// - Returns: whether it is.
  @discardableResult
  func open(_ place: InterfacePlace, vpc: String) throws(LiveError) -> Bool {
    if place.isNowhere { return false }
    return try place.enter { () throws(LiveError) in
      watch(place.namespace)
      guard let interface = try place.find() else { return false }
      guard let linkType = interface.linkType else {
        throw .unsupportedLink(interface: place.name, hardware: interface.hardware)
      }
      let rings = try openRings(place.name, interface.index, filter(place, linkType, mtu: Int(interface.mtu)))
      let known = captures.first { $0.place == place && $0.vpc == vpc && $0.linkType == linkType }
      let capture = known ?? add(place, vpc: vpc, interface, linkType)
      for (lane, ring) in zip(capture.lanes, rings) { lane.ring = ring }
      (capture.index, capture.mtu, capture.isHostEnd) = (interface.index, Int(interface.mtu), place.isHostEnd)
      return true
    }
  }

  /// One for each worker, in their order: it says which flows are whose. None takes a frame before all share them: until then each
  /// would get all.
  private func openRings(_ name: String, _ interface: Int32, _ filter: [BPFInstruction]) throws(LiveError)
    -> [CaptureRing]
  {
    guard readers.count > 1 else {
      return [try CaptureRing(name, interface: interface, options: options, filter: filter)]
    }
    var rings: [CaptureRing] = []
    var group: Int32?
    for _ in readers {
      let ring = try CaptureRing(name, interface: interface, options: options, filter: KernelFilter.nothing)
      try ring.join(&group)
      rings.append(ring)
    }
    for ring in rings { try ring.setFilter(filter) }
    return rings
  }

  private func filter(_ place: InterfacePlace, _ linkType: LinkType, mtu: Int) -> [BPFInstruction] {
    KernelFilter.make(
      plan, interface: place.name, linkType: linkType, mtu: mtu, snapLength: options.snapLength, compiler: compiler)
  }

  /// Hears of interfaces in the namespace that the thread is in.
  private func watch(_ namespace: String?) {
    guard watches[namespace] == nil else { return }
    var fault = lv_fault()
    let descriptor = unsafe lv_links_watch(&fault)
    if descriptor >= 0 { watches[namespace] = descriptor } else { tell(LiveError("watching interfaces", fault)) }
  }
}

extension Inventory {
  /// One that stays, whatever else is in the inventory; ids are unique within a region.
  fileprivate func name(ofVPC vpc: Int) -> String { "\(regions[vpcs[vpc].region].id)/\(vpcs[vpc].id)" }
}
