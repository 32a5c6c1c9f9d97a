public import Inventory
public import Mirroring
internal import Wire

/// Mirrors and inventory as flat tables of indices: what the packet loop looks things up in. Decided once, at
/// configuration; an engine swaps whole plans.
public struct MirrorPlan: Sendable {
  /// One enabled mirror, as the stages see it.
  struct Entry: Sendable, BitwiseCopyable {
    var vpc: Int
    /// First word of its range in `rangeWords`: one bit for each origin; -1: the whole VPC.
    var firstRangeWord: Int
    /// The range names ENIs, so that ENIs that hold a receiving IP are left out.
    var isENIRange: Bool
    var wantsOutbound: Bool
    var wantsInbound: Bool
    var isPerENI: Bool
    /// First operation of its filter, or `FilterProgram.accept` / `.reject`.
    var filter: Int32
    var balance: Balance
    /// Its receivers are `routes[firstRoute ..< firstRoute + receiverCount]`.
    var firstRoute: Int
    var receiverCount: Int
    var collectsOnError: Bool
  }

  enum Balance: Sendable, Equatable, BitwiseCopyable {
    case even, eniHash, flowHash, roundRobin, weighted
    case script(host: Int32, function: Int32)
  }

  /// The enabled mirrors of one VPC: `groupEntries[first ..< first + count]`.
  struct Group: Sendable, BitwiseCopyable {
    var vpc: Int
    var first: Int
    var count: Int
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
  /// By entry.
  let rendezvous: [Rendezvous]
  let rangeWords: [UInt64]
  let program: FilterProgram
  public let sinkPlan: SinkPlan
  /// Receiver addresses of enabled mirrors and how copies reach them.
  let endpoints: EndpointTable
  /// VPCs that have enabled mirrors, with the positions of their entries.
  let groups: [Group]
  let groupEntries: [Int]
  /// ENIs that hold a receiving IP of their VPC.
  let receiverENIs: Set<Int>
  package let options: PlanOptions

  public init(inventory: Inventory, mirrors: [TrafficMirror], options: PlanOptions = PlanOptions()) {
    self.inventory = inventory
    self.mirrors = mirrors
    self.options = options
    enabled = mirrors.indices.filter { mirrors[$0].isEnabled && !mirrors[$0].receivers.isEmpty }
    var builder = PlanBuilder(inventory: inventory)
    for position in enabled { builder.add(mirrors[position]) }
    entries = builder.entries
    rendezvous = builder.rendezvous
    rangeWords = builder.rangeWords
    program = builder.program
    endpoints = EndpointTable(builder.endpoints)
    groupEntries = builder.groups.flatMap(\.entries)
    var first = 0
    groups = builder.groups.map { group in
      defer { first += group.entries.count }
      return Group(vpc: group.vpc, first: first, count: group.entries.count)
    }
    receiverENIs = builder.receiverENIs()
    sinkPlan = SinkPlan(
      routes: builder.routes(), origins: builder.origins(),
      mirrors: enabled.map { index in
        let mirror = mirrors[index]
        return SinkPlan.Mirror(oversize: mirror.oversize, budget: mirror.budget, priority: mirror.priority)
      })
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
  var rendezvous: [Rendezvous] = []
  var rangeWords: [UInt64] = []
  var endpoints: [IPAddress: [MirrorPlan.Endpoint]] = [:]
  var groups: [(vpc: Int, entries: [Int])] = []
  private var routeMirrors: [(mirror: TrafficMirror, entry: Int, receiver: IPAddress)] = []

  init(inventory: Inventory) { self.inventory = inventory }

  mutating func add(_ mirror: TrafficMirror) {
    let filter = program.append(mirror.filter)
    var weights: [UInt32]?
    if case .weighted(let given) = mirror.balance { weights = given }
    entries.append(
      MirrorPlan.Entry(
        vpc: mirror.vpc, firstRangeWord: addRange(mirror.range), isENIRange: mirror.range.isOfENIs,
        wantsOutbound: mirror.direction != .in, wantsInbound: mirror.direction != .out,
        isPerENI: mirror.copies == .perENI, filter: filter, balance: balance(mirror.balance),
        firstRoute: routeMirrors.count, receiverCount: mirror.receivers.count,
        collectsOnError: mirror.onError == .collect))
    rendezvous.append(Rendezvous(receivers: mirror.receivers, weights: weights))
    routeMirrors += mirror.receivers.map { (mirror, entries.count - 1, $0) }
    addEndpoints(mirror)
    if let group = groups.firstIndex(where: { $0.vpc == mirror.vpc }) {
      groups[group].entries.append(entries.count - 1)
    } else {
      groups.append((mirror.vpc, [entries.count - 1]))
    }
  }

  /// One bit for each origin: ENIs first, then what is unlisted in each subnet.
  private mutating func addRange(_ range: CollectionRange) -> Int {
    let eniCount = inventory.enis.count
    var origins: [Int]
    switch range {
    case .vpc: return -1
    case .subnets(let subnets):
      let wanted = Set(subnets)
      origins = inventory.enis.indices.filter { wanted.contains(inventory.enis[$0].subnet) }
      origins += subnets.map { eniCount + $0 }
    case .enis(let enis), .selected(let enis, _): origins = enis
    }
    let first = rangeWords.count
    rangeWords += Array(repeating: 0, count: (eniCount + inventory.subnets.count + 63) / 64)
    for origin in origins { rangeWords[first + origin / 64] |= 1 << UInt64(origin % 64) }
    return first
  }

  private func balance(_ method: BalanceMethod) -> MirrorPlan.Balance {
    switch method {
    case .even: .even
    case .eniHash: .eniHash
    case .flowHash: .flowHash
    case .roundRobin: .roundRobin
    case .weighted: .weighted
    case .script(let function): .script(host: Int32(function.host), function: Int32(function.function))
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
    return routeMirrors.map { mirror, entry, receiver in
      let address = String(receiver.description.map { $0 == ":" ? "-" : $0 })
      let isShared = vpcs[receiver]!.count > 1
      let vpc = qualifiedID(mirror.vpc)
      return SinkPlan.Route(
        mirrorName: mirror.name, mirror: entry, vpc: vpc, receiver: receiver, encapsulation: mirror.encapsulation,
        fileStem: isShared ? vpc + "_" + address : address)
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

extension CollectionRange {
  /// Names ENIs, by id or by a predicate.
  fileprivate var isOfENIs: Bool {
    switch self {
    case .vpc, .subnets: false
    case .enis, .selected: true
    }
  }
}

/// Receiver addresses, found without allocation; nearly every address is none.
struct EndpointTable: Sendable {
  private let index: HashIndex
  private let runs: [Range<Int>]
  private let endpoints: [MirrorPlan.Endpoint]

  init(_ byAddress: [IPAddress: [MirrorPlan.Endpoint]]) {
    var runs: [Range<Int>] = []
    var endpoints: [MirrorPlan.Endpoint] = []
    var entries: [(first: UInt64, second: UInt64, value: Int32)] = []
    for (address, list) in byAddress.sorted(by: { $0.key < $1.key }) {
      let (first, second) = HashIndex.key(address)
      entries.append((first, second, Int32(runs.count)))
      runs.append(endpoints.count..<endpoints.count + list.count)
      endpoints += list
    }
    index = HashIndex(entries)
    self.runs = runs
    self.endpoints = endpoints
  }

  var isEmpty: Bool { runs.isEmpty }

  /// Positions for `subscript`; empty when the address is no receiver's.
  func run(of address: IPAddress) -> Range<Int> {
    guard !address.isMulticast else { return 0..<0 }
    let (first, second) = HashIndex.key(address)
    let number = Int(index[first, second])
    return number < 0 ? 0..<0 : runs[number]
  }

  subscript(position: Int) -> MirrorPlan.Endpoint { endpoints[position] }

  /// The address is a receiving IP of an enabled mirror of the VPC.
  func isReceiver(_ address: IPAddress, vpc: Int) -> Bool {
    for position in run(of: address) where endpoints[position].vpc == vpc { return true }
    return false
  }
}
