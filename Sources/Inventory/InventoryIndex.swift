import Wire

/// The look-up tables of an inventory, built once when it is loaded; nothing here allocates when it is asked.
struct InventoryIndex: Sendable {
  /// By VPC: address words -> ENI, shifted left by one; the low bit says that the address has its own public address.
  var eniByAddress: [HashIndex] = []
  /// (VPC, MAC) -> ENI.
  var eniByVPCAndMAC = HashIndex([])
  /// (.max, MAC) -> first position in `macENIs`, which is sorted by MAC.
  var macRuns = HashIndex([])
  var macENIs: [ENIIndex] = []
  /// By VPC: longest prefix -> subnet.
  var subnets: [PrefixTable] = []
  /// By route table: longest prefix -> position in `winners`.
  var routes: [PrefixTable] = []
  /// Sets of equal-cost next hops.
  var winners: [[NextHop]] = []
  /// By set of next hops: the gateways in it, and whether an `eip` route is among them.
  var winnerNATs: [[NATGatewayIndex]] = []
  var winnerHasEIP: [Bool] = []

  init() {}

  init(_ inventory: Inventory) {
    for vpc in inventory.vpcs {
      eniByAddress.append(HashIndex(Self.addressEntries(vpc, inventory)))
      subnets.append(
        PrefixTable(
          vpc.subnets.flatMap { subnet in inventory.subnets[subnet].cidrs.map { ($0, Int32(clamping: subnet)) } }))
    }
    indexMACs(inventory)
    for table in inventory.routeTables { indexRoutes(table, local: inventory.vpcs[table.vpc].cidrs) }
  }

  static func key(_ address: IPAddress) -> (UInt64, UInt64) { HashIndex.key(address) }

  private static func addressEntries(
    _ vpc: VPC, _ inventory: Inventory
  ) -> [(first: UInt64, second: UInt64, value: Int32)] {
    vpc.enis.flatMap { index in
      let eni = inventory.enis[index]
      // As `publicAddress(of:)` has it: the n-th address of a family has the n-th public one.
      var left = [IPFamily.v4, .v6].map { family in eni.publicAddresses.count { $0.family == family } }
      return eni.addresses.map { address in
        let (first, second) = key(address)
        let family = address.family == .v4 ? 0 : 1
        left[family] -= 1
        return (first, second, Int32(truncatingIfNeeded: index) << 1 | (left[family] >= 0 ? 1 : 0))
      }
    }
  }

  private mutating func indexMACs(_ inventory: Inventory) {
    let pairs = inventory.enis.enumerated().compactMap { index, eni in eni.mac.map { (mac: $0, eni: index) } }
      .sorted { ($0.mac, $0.eni) < ($1.mac, $1.eni) }
    macENIs = pairs.map(\.eni)
    // Of equal keys the first counts: the start of the run.
    macRuns = HashIndex(pairs.enumerated().map { (.max, $0.element.mac.value, Int32(clamping: $0.offset)) })
    eniByVPCAndMAC = HashIndex(
      pairs.map { (UInt64(inventory.enis[$0.eni].vpc), $0.mac.value, Int32(clamping: $0.eni)) })
  }

  private mutating func indexRoutes(_ table: RouteTable, local: [CIDR]) {
    var hops: [CIDR: [NextHop]] = [:]
    var seen: [CIDR: Set<NextHop>] = [:]
    for route in table.routes where route.isEnabled {
      if seen[route.destination, default: []].insert(route.nextHop).inserted {
        hops[route.destination, default: []].append(route.nextHop)
      }
    }
    // The implicit local route wins a tie.
    for prefix in local { hops[prefix] = [.local] }
    var entries: [(prefix: CIDR, value: Int32)] = []
    for (prefix, nextHops) in hops.sorted(by: { $0.key < $1.key }) {
      entries.append((prefix, addWinners(nextHops)))
    }
    routes.append(PrefixTable(entries))
  }

  private mutating func addWinners(_ nextHops: [NextHop]) -> Int32 {
    winners.append(nextHops)
    winnerNATs.append(nextHops.compactMap { if case .nat(let gateway) = $0 { gateway } else { nil } })
    winnerHasEIP.append(nextHops.contains { if case .eip = $0 { true } else { false } })
    return Int32(clamping: winners.count - 1)
  }
}
