public import Inventory
public import Mirroring
internal import Wire

/// Mirrors and inventory as flat tables of indices: what the packet loop looks things up in. Decided once, at
/// configuration; an engine swaps whole plans.
public struct MirrorPlan: Sendable {
  /// One enabled mirror.
  struct Entry: Sendable {
    var vpc: Int
    var range: Range
    var direction: CollectionDirection
    var isPerENI: Bool
    /// First operation of its filter, or `FilterProgram.accept` / `.reject`.
    var filter: Int32
    var balance: Balance
    /// Its receivers are `routes[firstRoute ..< firstRoute + receiverCount]`.
    var firstRoute: Int
    var receiverCount: Int
    var rendezvous: Rendezvous
    var collectsOnError: Bool
  }

  /// Membership by index: `enis[i]`, `subnets[i]` (for unlisted ENIs).
  struct Range: Sendable {
    var isWholeVPC: Bool
    var isENIRange: Bool
    var enis: Set<Int>
    var subnets: Set<Int>
  }

  enum Balance: Sendable, Equatable {
    case even, eniHash, flowHash, roundRobin, weighted
    case script(host: Int, function: Int)
  }

  /// Where copies of an address would go, if the address is a receiver.
  struct Endpoint: Sendable, Equatable {
    var vpc: Int
    var kind: Encapsulation.Kind
    var port: UInt16
  }

  public let inventory: Inventory
  /// All mirrors given, in order; `enabled` points into it.
  public let mirrors: [TrafficMirror]
  /// Positions in `mirrors` of the enabled ones, in order: what `entries` stand for.
  public let enabled: [Int]
  let entries: [Entry]
  let program: FilterProgram
  public let sinkPlan: SinkPlan
  /// Receiver addresses of enabled mirrors and how copies reach them.
  let endpoints: [IPAddress: [Endpoint]]
  /// VPCs that have enabled mirrors, with the positions of their entries.
  let groups: [(vpc: Int, entries: [Int])]
  /// ENIs that hold a receiving IP of their VPC.
  let receiverENIs: Set<Int>
  let options: PlanOptions

  public init(inventory: Inventory, mirrors: [TrafficMirror], options: PlanOptions = PlanOptions()) {
    self.inventory = inventory
    self.mirrors = mirrors
    self.options = options
    enabled = mirrors.indices.filter { mirrors[$0].isEnabled && !mirrors[$0].receivers.isEmpty }
    var builder = PlanBuilder(inventory: inventory)
    for position in enabled { builder.add(mirrors[position]) }
    entries = builder.entries
    program = builder.program
    endpoints = builder.endpoints
    groups = builder.groups
    receiverENIs = builder.receiverENIs()
    sinkPlan = SinkPlan(routes: builder.routes(), origins: builder.origins())
  }
}

/// What a run may choose about observations.
public struct PlanOptions: Sendable {
  /// Addresses inside a subnet that no ENI lists stand for unlisted ENIs (semantics section 5, rule 3).
  public var includesUnlisted = true
  /// Later fragments get the ports of their first fragment.
  public var tracksFragments = false
  /// Conversations remembered at most.
  public var conversationLimit = 1 << 20
  /// Nanoseconds without a packet after which a conversation is over.
  public var conversationIdle: Int64 = 300_000_000_000

  public init() {}
}

/// Gathers the tables of a plan mirror by mirror.
private struct PlanBuilder {
  let inventory: Inventory
  var entries: [MirrorPlan.Entry] = []
  var program = FilterProgram()
  var endpoints: [IPAddress: [MirrorPlan.Endpoint]] = [:]
  var groups: [(vpc: Int, entries: [Int])] = []
  private var routeMirrors: [(mirror: TrafficMirror, receiver: IPAddress)] = []

  init(inventory: Inventory) { self.inventory = inventory }

  mutating func add(_ mirror: TrafficMirror) {
    let filter = program.append(mirror.filter)
    var weights: [UInt32]?
    if case .weighted(let given) = mirror.balance { weights = given }
    entries.append(
      MirrorPlan.Entry(
        vpc: mirror.vpc, range: range(mirror.range), direction: mirror.direction,
        isPerENI: mirror.copies == .perENI, filter: filter, balance: balance(mirror.balance),
        firstRoute: routeMirrors.count, receiverCount: mirror.receivers.count,
        rendezvous: Rendezvous(receivers: mirror.receivers, weights: weights),
        collectsOnError: mirror.onError == .collect))
    routeMirrors += mirror.receivers.map { (mirror, $0) }
    addEndpoints(mirror)
    if let group = groups.firstIndex(where: { $0.vpc == mirror.vpc }) {
      groups[group].entries.append(entries.count - 1)
    } else {
      groups.append((mirror.vpc, [entries.count - 1]))
    }
  }

  private func range(_ range: CollectionRange) -> MirrorPlan.Range {
    switch range {
    case .vpc: .init(isWholeVPC: true, isENIRange: false, enis: [], subnets: [])
    case .subnets(let subnets):
      .init(
        isWholeVPC: false, isENIRange: false,
        enis: Set(inventory.enis.indices.filter { subnets.contains(inventory.enis[$0].subnet) }),
        subnets: Set(subnets))
    case .enis(let enis), .selected(let enis, _):
      .init(isWholeVPC: false, isENIRange: true, enis: Set(enis), subnets: [])
    }
  }

  private func balance(_ method: BalanceMethod) -> MirrorPlan.Balance {
    switch method {
    case .even: .even
    case .eniHash: .eniHash
    case .flowHash: .flowHash
    case .roundRobin: .roundRobin
    case .weighted: .weighted
    case .script(let function): .script(host: function.host, function: function.function)
    }
  }

  private mutating func addEndpoints(_ mirror: TrafficMirror) {
    let endpoint = MirrorPlan.Endpoint(
      vpc: mirror.vpc, kind: mirror.encapsulation.kind, port: mirror.encapsulation.port)
    for receiver in mirror.receivers where endpoints[receiver]?.contains(endpoint) != true {
      endpoints[receiver, default: []].append(endpoint)
    }
  }

  func receiverENIs() -> Set<Int> {
    Set(
      inventory.enis.indices.filter { eni in
        inventory.enis[eni].addresses.contains { address in
          endpoints[address]?.contains { $0.vpc == inventory.enis[eni].vpc } == true
        }
      })
  }

  /// One file stem per receiver; the VPC's id in front when two VPCs have receivers of one address.
  func routes() -> [SinkPlan.Route] {
    var vpcs: [IPAddress: Set<Int>] = [:]
    for route in routeMirrors { vpcs[route.receiver, default: []].insert(route.mirror.vpc) }
    return routeMirrors.map { mirror, receiver in
      let address = String(receiver.description.map { $0 == ":" ? "-" : $0 })
      let isShared = vpcs[receiver]!.count > 1
      return SinkPlan.Route(
        mirrorName: mirror.name, receiver: receiver, encapsulation: mirror.encapsulation,
        fileStem: isShared ? qualifiedID(mirror.vpc) + "_" + address : address)
    }
  }

  /// The VPC's id, with its region where ids repeat.
  private func qualifiedID(_ vpc: Int) -> String {
    let id = inventory.vpcs[vpc].id
    let isUnique = inventory.vpcs.filter { $0.id == id }.count == 1
    return isUnique ? id : inventory.regions[inventory.vpcs[vpc].region].id + "_" + id
  }

  /// Listed ENIs first, then one origin a subnet for its unlisted ENIs.
  func origins() -> [SinkPlan.Origin] {
    let listed = inventory.enis.map { eni in
      SinkPlan.Origin(
        name: eni.id, mac: eni.mac, v4: eni.addresses.first { $0.family == .v4 },
        v6: eni.addresses.first { $0.family == .v6 })
    }
    let unlisted = inventory.subnets.map { subnet in
      SinkPlan.Origin(name: subnet.id + " (unlisted)", mac: nil, v4: nil, v6: nil)
    }
    return listed + unlisted
  }
}
