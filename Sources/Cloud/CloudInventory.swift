public import JSONText

/// A cloud's network in words common to both clouds, on the way to a `moontap.inventory/1` document.
public struct CloudInventory: Sendable {
  struct VPC {
    var id: String
    var name: String?
    var cidrs: [String]
    var tags: [(key: String, value: String)]
  }

  struct Subnet {
    var id: String
    var name: String?
    var vpc: String
    var cidrs: [String]
    /// Where it is written with the subnet.
    var routeTable: String?
    /// `ap-guangzhou-3`, `eu-west-1a`
    var zone: String?
    var tags: [(key: String, value: String)]
  }

  struct Interface {
    var id: String
    var name: String?
    var vpc: String
    var subnet: String
    var mac: String?
    /// With the public address that belongs to it.
    var addresses: [(address: String, publicAddress: String?)]
    var instance: String?
    var tags: [(key: String, value: String)]
  }

  struct Route {
    var destination: String
    var type: String
    var id: String?
  }

  struct RouteTable {
    var id: String
    var vpc: String
    var routes: [Route]
    /// Subnets that use it.
    var subnets: [String]
    /// For the subnets that name none.
    var isMain: Bool
  }

  struct Gateway {
    var id: String
    var name: String?
    var vpc: String
    var addresses: [String]
  }

  var vpcs: [VPC] = []
  var subnets: [Subnet] = []
  var interfaces: [Interface] = []
  var routeTables: [RouteTable] = []
  var gateways: [Gateway] = []
  /// What is wrong, and what was left out.
  public internal(set) var notes: [CloudNote] = []
  private var zoneRegion: @Sendable (String) -> String

  public init(_ answers: CloudAnswers) {
    notes = answers.notes
    zoneRegion = { _ in "" }
    switch answers.kind {
    case .tencent:
      readTencent(answers)
      zoneRegion = { zone in zone.lastIndex(of: "-").map { String(zone[..<$0]) } ?? zone }
    case .aws:
      readAWS(answers)
      zoneRegion = { zone in zone.last?.isLetter == true ? String(zone.dropLast()) : zone }
    case nil: break
    }
    if answers.kind != nil, vpcs.isEmpty {
      report("import.incomplete", "no answer describes a VPC", hint: "add DescribeVpcs, or describe-vpcs")
    }
  }

  mutating func report(_ code: String, _ sentence: String, hint: String? = nil) {
    notes.append(CloudNote(code, sentence, hint: hint))
  }

  mutating func leaveOut(_ sentence: String, hint: String? = nil) {
    notes.append(CloudNote("import.left-out", sentence, hint: hint, isWarning: true))
  }

  // MARK: The document

  /// - Parameter region: where everything is; nil: told from the zones of the subnets.
  public mutating func document(region: String?) -> JSONValue {
    checkReferences()
    var byRegion: [String: [VPC]] = [:]
    for vpc in vpcs { byRegion[region ?? self.region(of: vpc), default: []].append(vpc) }
    if byRegion[""] != nil {
      report("import.region", "the answers do not tell the region", hint: "name it with --region")
    }
    let regions = byRegion.keys.sorted().map { id -> JSONValue in
      ["id": .string(id), "vpcs": .array((byRegion[id] ?? []).sorted { $0.id < $1.id }.map(json))]
    }
    return ["format": "moontap.inventory/1", "regions": .array(regions)]
  }

  private func region(of vpc: VPC) -> String {
    let zones = subnets.filter { $0.vpc == vpc.id }.compactMap(\.zone)
    // A VPC without subnets is where the others are, if these are in one place.
    let all = Set((zones.isEmpty ? subnets.compactMap(\.zone) : zones).map(zoneRegion))
    return all.count == 1 ? all.first! : ""
  }

  private mutating func checkReferences() {
    let known = Set(vpcs.map(\.id))
    let owners: [(what: String, vpc: String)] =
      subnets.map { ("subnet \($0.id)", $0.vpc) } + interfaces.map { ("ENI \($0.id)", $0.vpc) }
      + routeTables.map { ("route table \($0.id)", $0.vpc) } + gateways.map { ("NAT gateway \($0.id)", $0.vpc) }
    for (what, vpc) in owners where !known.contains(vpc) {
      report(
        "import.unresolved", "\(what) is in VPC \(vpc), which no answer describes",
        hint: "add the missing pages or files")
    }
    checkRoutes()
    let knownSubnets = Set(subnets.map(\.id))
    for eni in interfaces where !knownSubnets.contains(eni.subnet) {
      report("import.unresolved", "ENI \(eni.id) is in subnet \(eni.subnet), which no answer describes")
    }
  }

  /// A gateway that nobody describes must not become a route to nowhere.
  private mutating func checkRoutes() {
    for table in routeTables {
      for route in table.routes where route.type == "nat" {
        let gateway = gateways.first { $0.id == route.id }
        guard gateway?.vpc != table.vpc else { continue }
        let name = route.id ?? ""
        report(
          "import.unresolved",
          "route table \(table.id) leads to NAT gateway \(name), "
            + (gateway.map { "which is in VPC \($0.vpc)" } ?? "which no answer describes"),
          hint: "add DescribeNatGateways, or describe-nat-gateways")
      }
    }
  }

  // MARK: Objects

  private func json(_ vpc: VPC) -> JSONValue {
    let own = subnets.filter { $0.vpc == vpc.id }.sorted { $0.id < $1.id }
    let needsTable = own.contains { table(of: $0) == nil }
    var tables = routeTables.filter { $0.vpc == vpc.id }.sorted { $0.id < $1.id }
    if needsTable {
      tables.append(RouteTable(id: implicitTable(vpc.id), vpc: vpc.id, routes: [], subnets: [], isMain: true))
    }
    return object([
      ("id", .string(vpc.id)), ("name", text(vpc.name)), ("cidrs", strings(vpc.cidrs)), ("tags", json(vpc.tags)),
      ("routeTables", .array(tables.map { json($0, vpc) })),
      ("subnets", .array(own.map { json($0, vpc) })),
      ("natGateways", .array(gateways.filter { $0.vpc == vpc.id }.sorted { $0.id < $1.id }.map(json))),
      ("enis", .array(interfaces.filter { $0.vpc == vpc.id }.sorted { $0.id < $1.id }.map(json))),
    ])
  }

  /// Stands for the table of subnets whose table no answer describes: local routes only.
  private func implicitTable(_ vpc: String) -> String { "rtb-of-" + vpc }

  private func table(of subnet: Subnet) -> String? {
    let own = routeTables.filter { $0.vpc == subnet.vpc }
    if let named = own.first(where: { $0.id == subnet.routeTable || $0.subnets.contains(subnet.id) }) {
      return named.id
    }
    return own.first(where: \.isMain)?.id
  }

  private func json(_ table: RouteTable, _ vpc: VPC) -> JSONValue {
    // The local routes of a VPC always exist; written down, a reader sees them.
    let locals = vpc.cidrs.filter { cidr in !table.routes.contains { $0.destination == cidr } }
    let routes = locals.map { Route(destination: $0, type: "local") } + table.routes
    return [
      "id": .string(table.id),
      "routes": .array(
        routes.map { route in
          [
            "destination": .string(route.destination),
            "nextHop": object([("type", .string(route.type)), ("id", text(route.id))]),
          ]
        }),
    ]
  }

  private func json(_ subnet: Subnet, _ vpc: VPC) -> JSONValue {
    object([
      ("id", .string(subnet.id)), ("name", text(subnet.name)), ("cidrs", strings(subnet.cidrs)),
      ("routeTable", .string(table(of: subnet) ?? implicitTable(vpc.id))), ("tags", json(subnet.tags)),
    ])
  }

  private func json(_ gateway: Gateway) -> JSONValue {
    object([
      ("id", .string(gateway.id)), ("name", text(gateway.name)), ("addresses", strings(gateway.addresses)),
    ])
  }

  /// The n-th public address belongs to the n-th address of its family: those that have one come first.
  private func json(_ eni: Interface) -> JSONValue {
    let ordered = eni.addresses.filter { $0.publicAddress != nil } + eni.addresses.filter { $0.publicAddress == nil }
    return object([
      ("id", .string(eni.id)), ("name", text(eni.name)), ("subnet", .string(eni.subnet)),
      ("mac", text(eni.mac?.lowercased())), ("addresses", strings(ordered.map(\.address))),
      ("publicAddresses", strings(ordered.compactMap(\.publicAddress))), ("instance", text(eni.instance)),
      ("tags", json(eni.tags)),
    ])
  }

  private func object(_ members: [(String, JSONValue)]) -> JSONValue {
    .object(members.filter { !$0.1.isNull }.map { JSONMember($0.0, $0.1) })
  }

  private func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  private func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

  private func json(_ tags: [(key: String, value: String)]) -> JSONValue {
    tags.isEmpty ? .null : .object(tags.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) })
  }
}
