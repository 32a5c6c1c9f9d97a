internal import Inventory
internal import LuaRuntime
internal import Wire

extension APIEntry {
  static let inventoryEntries: [APIEntry] = [
    APIEntry(
      owner: .namespace("inventory"), name: "regions", returns: "list", doc: "Regions by id.",
      example: #"inventory.regions["ap-guangzhou"].vpcs"#,
      binding: .value { $0.types.value(.list, InventoryList.regions.handle(0)) }),
    APIEntry(
      owner: .namespace("inventory"), name: "vpcs", returns: "list",
      doc: "VPCs by id; of equal ids in several regions the first.",
      example: #"for id, eni in pairs(inventory.vpcs["vpc-shop"].enis) do print(id, eni.addresses[1]) end"#,
      binding: .value { $0.types.value(.list, InventoryList.vpcs.handle(0)) }),
    APIEntry(
      owner: .namespace("inventory"), name: "eni", parameters: [APIParameter("id", .string, "its id")],
      returns: "eni?", doc: "The network interface with the id, or nil.",
      example: #"inventory.eni("eni-web1").subnet.id"#, isPure: true,
      binding: .function { context, call throws(HostFailure) in
        call.charge(context.inventory.enis.count)
        guard let eni = call.string(0).flatMap({ context.inventory.enis(id: $0).first }) else { return call.pushNil() }
        call.push(LuaHandle(context.types.handle(.eni), eni))
      }),
    get(.region, "id", "string", "Its id.") { .string($0.inventory.regions[$1].id) },
    get(.region, "vpcs", "list", "Its VPCs by id.") { .list(.vpcsOfRegion, $1) },
    get(.vpc, "id", "string", "Its id.") { .string($0.inventory.vpcs[$1].id) },
    get(.vpc, "name", "string?", "Its name.") { .text($0.inventory.vpcs[$1].name) },
    get(.vpc, "region", "region", "Where it is.") { .object(.region, $0.inventory.vpcs[$1].region) },
    get(.vpc, "cidrs", "string[]", "Its address ranges.") { .texts($0.inventory.vpcs[$1].cidrs) },
    get(.vpc, "tags", "table<string, string>", "Its tags.") { .tags($0.inventory.vpcs[$1].tags) },
    get(.vpc, "subnets", "list", "Its subnets by id.") { .list(.subnets, $1) },
    get(.vpc, "enis", "list", "Its network interfaces by id.") { .list(.enis, $1) },
    get(.vpc, "route_tables", "list", "Its route tables by id.") { .list(.routeTables, $1) },
    get(.vpc, "nat_gateways", "list", "Its NAT gateways by id.") { .list(.natGateways, $1) },
    get(.subnet, "id", "string", "Its id.") { .string($0.inventory.subnets[$1].id) },
    get(.subnet, "name", "string?", "Its name.") { .text($0.inventory.subnets[$1].name) },
    get(.subnet, "vpc", "vpc", "Where it is.") { .object(.vpc, $0.inventory.subnets[$1].vpc) },
    get(.subnet, "cidrs", "string[]", "Its address ranges.") { .texts($0.inventory.subnets[$1].cidrs) },
    get(.subnet, "tags", "table<string, string>", "Its tags.") { .tags($0.inventory.subnets[$1].tags) },
    get(.subnet, "route_table", "route_table", "Which routes its packets take.") {
      .object(.routeTable, $0.inventory.subnets[$1].routeTable)
    },
    get(.subnet, "enis", "list", "Its network interfaces by id.") { .list(.enisOfSubnet, $1) },
    get(.eni, "id", "string", "Its id.") { .string($0.inventory.enis[$1].id) },
    get(.eni, "name", "string?", "Its name.") { .text($0.inventory.enis[$1].name) },
    get(.eni, "vpc", "vpc", "Where it is.") { .object(.vpc, $0.inventory.enis[$1].vpc) },
    get(.eni, "subnet", "subnet", "Its subnet.") { .object(.subnet, $0.inventory.enis[$1].subnet) },
    get(.eni, "mac", "string?", "Its MAC address.") { .text($0.inventory.enis[$1].mac?.description) },
    get(.eni, "addresses", "string[]", "Its addresses.") { .texts($0.inventory.enis[$1].addresses) },
    get(.eni, "public_addresses", "string[]", "Its public addresses.") {
      .texts($0.inventory.enis[$1].publicAddresses)
    },
    get(.eni, "instance", "string?", "The instance it belongs to.") { .text($0.inventory.enis[$1].instance) },
    get(.eni, "interface", "string?", "The Linux interface it is bound to.") { .text($0.inventory.enis[$1].interface) },
    get(.eni, "bandwidth_mbps", "integer?", "Its bandwidth.") {
      $0.inventory.enis[$1].bandwidthMbps.map { .value(.integer(Int64($0))) } ?? .value(.nil)
    },
    get(.eni, "tags", "table<string, string>", "Its tags.") { .tags($0.inventory.enis[$1].tags) },
    get(.routeTable, "id", "string", "Its id.") { .string($0.inventory.routeTables[$1].id) },
    get(.routeTable, "vpc", "vpc", "Where it is.") { .object(.vpc, $0.inventory.routeTables[$1].vpc) },
    get(.routeTable, "routes", "table[]", "destination, next_hop, enabled of each route.") { context, index in
      .value(.table(LuaTable(items: context.inventory.routeTables[index].routes.map { context.table($0) })))
    },
    get(.natGateway, "id", "string", "Its id.") { .string($0.inventory.natGateways[$1].id) },
    get(.natGateway, "name", "string?", "Its name.") { .text($0.inventory.natGateways[$1].name) },
    get(.natGateway, "vpc", "vpc", "Where it is.") { .object(.vpc, $0.inventory.natGateways[$1].vpc) },
    get(.natGateway, "addresses", "string[]", "Its addresses.") { .texts($0.inventory.natGateways[$1].addresses) },
  ]

  /// What a property of the inventory gives.
  fileprivate enum Answer {
    case value(LuaValue)
    case object(APITypeName, Int)
    case list(InventoryList, Int)

    static func string(_ text: String) -> Answer { .value(.string(text)) }
    static func text(_ text: String?) -> Answer { .value(text.map { .string($0) } ?? .nil) }
    static func tags(_ tags: [String: String]) -> Answer { .value(.table(LuaTable(strings: tags))) }
    static func texts(_ values: [some CustomStringConvertible]) -> Answer {
      .value(.table(LuaTable(items: values.map { .string($0.description) })))
    }
  }

  /// An object of the type, as scripts reach it.
  private static func path(to type: APITypeName) -> String {
    switch type {
    case .region: #"inventory.regions["ap-guangzhou"]"#
    case .vpc: #"inventory.vpcs["vpc-shop"]"#
    case .subnet: #"inventory.vpcs["vpc-shop"].subnets["subnet-web"]"#
    case .routeTable: #"inventory.vpcs["vpc-shop"].route_tables["rtb-main"]"#
    case .natGateway: #"inventory.vpcs["vpc-shop"].nat_gateways["nat-egress"]"#
    default: #"inventory.eni("eni-web1")"#
    }
  }

  private static func get(
    _ type: APITypeName, _ name: String, _ returns: String, _ doc: String,
    get: @escaping @Sendable (PolicyContext, Int) -> Answer
  ) -> APIEntry {
    APIEntry(
      owner: .type(type), name: name, returns: returns, doc: doc, example: "\(path(to: type)).\(name)", isPure: true,
      binding: .property { context, call throws(HostFailure) in
        switch get(context, call.handle(0, of: context.types.handle(type)) ?? 0) {
        case .value(let value): call.push(value)
        case .object(let type, let index): call.push(LuaHandle(context.types.handle(type), index))
        case .list(let list, let scope): call.push(LuaHandle(context.types.handle(.list), list.handle(scope)))
        }
      })
  }
}

/// The lists that scripts index by id and walk with `pairs`; a handle is the kind and whose list it is.
enum InventoryList: Int, CaseIterable {
  case regions, vpcs, vpcsOfRegion, subnets, enis, enisOfSubnet, routeTables, natGateways, allSubnets, allENIs

  func handle(_ scope: Int) -> Int { scope << 4 | rawValue }

  var elements: APITypeName {
    switch self {
    case .regions: .region
    case .vpcs, .vpcsOfRegion: .vpc
    case .subnets, .allSubnets: .subnet
    case .enis, .enisOfSubnet, .allENIs: .eni
    case .routeTables: .routeTable
    case .natGateways: .natGateway
    }
  }
}

extension PolicyContext {
  /// The members of a list: positions in the inventory, in its order.
  private func members(_ handle: Int) -> (list: InventoryList, positions: [Int]) {
    let list = InventoryList(rawValue: handle & 15) ?? .regions
    let scope = handle >> 4
    switch list {
    case .regions: return (list, Array(inventory.regions.indices))
    case .vpcs: return (list, Array(inventory.vpcs.indices))
    case .vpcsOfRegion: return (list, inventory.vpcs.indices.filter { inventory.vpcs[$0].region == scope })
    case .subnets: return (list, inventory.vpcs[scope].subnets)
    case .enis: return (list, inventory.vpcs[scope].enis)
    case .enisOfSubnet: return (list, inventory.enis(subnet: scope))
    case .routeTables: return (list, inventory.vpcs[scope].routeTables)
    case .natGateways: return (list, inventory.vpcs[scope].natGateways)
    case .allSubnets: return (list, Array(inventory.subnets.indices))
    case .allENIs: return (list, Array(inventory.enis.indices))
    }
  }

  private func id(_ type: APITypeName, _ position: Int) -> String {
    switch type {
    case .region: inventory.regions[position].id
    case .vpc: inventory.vpcs[position].id
    case .subnet: inventory.subnets[position].id
    case .eni: inventory.enis[position].id
    case .routeTable: inventory.routeTables[position].id
    default: inventory.natGateways[position].id
    }
  }

  /// `list[id]`: the element or nil.
  func pushElement(named call: HostCall) {
    let (list, positions) = members(call.handle(0, of: types.handle(.list)) ?? 0)
    call.charge(positions.count)
    guard let wanted = call.string(1), let found = positions.first(where: { id(list.elements, $0) == wanted }) else {
      return call.pushNil()
    }
    call.push(LuaHandle(types.handle(list.elements), found))
  }

  /// One step of `pairs(list)`.
  func pushElement(at call: HostCall) {
    let (list, positions) = members(call.handle(0, of: types.handle(.list)) ?? 0)
    guard let step = call.integer(1), step >= 0, step < Int64(positions.count) else { return }
    call.push(id(list.elements, positions[Int(step)]))
    call.push(LuaHandle(types.handle(list.elements), positions[Int(step)]))
  }

  func count(ofList call: HostCall) -> Int { members(call.handle(0, of: types.handle(.list)) ?? 0).positions.count }

  fileprivate func table(_ route: Route) -> LuaValue {
    let hop = route.nextHop.words(in: inventory)
    var next = [LuaTable.Field("type", .string(hop.type))]
    if let id = hop.id { next.append(.init("id", .string(id))) }
    return .table(
      LuaTable(fields: [
        .init("destination", .string(route.destination.description)), .init("next_hop", .table(LuaTable(fields: next))),
        .init("enabled", .boolean(route.isEnabled)),
      ]))
  }
}
