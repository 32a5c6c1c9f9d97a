public import JSONText
import Wire

extension Inventory {
  /// The `format` of an inventory document.
  public static let format = "moontap.inventory/1"

  /// Reads and checks an inventory document (semantics section 2).
  ///
  /// - Parameter file: the name that errors carry.
  /// - Throws: every problem of the document at once.
  public init(json bytes: [UInt8], file: String) throws(InventoryError) {
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue(json: bytes, file: file)
    } catch {
      throw .json(error)
    }
    try self.init(document, file: file)
  }

  /// Checks a document that has been read, or made in code from another source.
  public init(_ document: JSONValue, file: String) throws(InventoryError) {
    var loader = InventoryLoader(file: file)
    loader.readDocument(document)
    guard loader.collector.problems.isEmpty else { throw .invalid(loader.sortedProblems) }
    self = loader.inventory
    index = InventoryIndex(self)
  }
}

/// Builds an inventory from a document, top down. What is wrong is reported and replaced by something harmless, so that
/// reading can go on; an inventory with a problem is never handed out.
struct InventoryLoader {
  var collector: ProblemCollector
  var inventory = Inventory()
  /// Ids of the region being read: what has the id, and its line.
  var regionIDs: [String: (kind: String, line: Int)] = [:]
  /// Names of the VPC being read.
  var names = VPCNames()

  init(file: String) { collector = ProblemCollector(file: file) }

  /// In the order of the file, and each once.
  var sortedProblems: [InventoryProblem] {
    collector.problems.enumerated().sorted {
      ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
    }.map(\.element)
  }

  mutating func readDocument(_ document: JSONValue) {
    let root = JSONField(value: document, path: .root)
    guard let object = collector.object(root, known: ["format", "regions"]) else { return }
    readFormat(object)
    guard collector.required(object, "regions") != nil else { return }
    var lines: [String: Int] = [:]
    for field in collector.list(object, "regions") {
      guard let region = collector.object(field, known: ["id", "name", "tags", "vpcs"]) else { continue }
      let id = readID(region)
      if !id.isEmpty, let line = lines.updateValue(field.value.position.line, forKey: id) {
        collector.report(.duplicateID, region["id"] ?? field, "region \(id) is already at line \(line)")
      }
      readRegion(region, id: id)
    }
  }

  private mutating func readFormat(_ object: JSONObjectFields) {
    guard let field = collector.required(object, "format"), field.value.string != Inventory.format else { return }
    let found = field.value.string?.quotedForMessage ?? field.value.typeName
    collector.report(
      .format, field, "\(found) is not the format of an inventory", hint: "write \"\(Inventory.format)\"")
  }

  private mutating func readRegion(_ region: JSONObjectFields, id: String) {
    inventory.regions.append(Region(id: id))
    regionIDs = [:]
    _ = readLabels(region)
    for field in collector.list(region, "vpcs") { readVPC(field) }
  }

  private mutating func readVPC(_ field: JSONField) {
    let known = ["id", "name", "cidrs", "tags", "routeTables", "subnets", "natGateways", "enis"]
    guard let object = collector.object(field, known: known) else { return }
    let id = claimID(object, kind: "VPC")
    let labels = readLabels(object)
    let cidrs = readCIDRs(object)
    names = VPCNames()
    names.hasBrokenCIDRs = cidrs.isBroken
    inventory.vpcs.append(
      VPC(
        id: id, name: labels.name, region: inventory.regions.count - 1, cidrs: cidrs.prefixes, tags: labels.tags,
        subnets: [], enis: [], routeTables: [], natGateways: []))
    // References point backwards in this order.
    for gateway in collector.list(object, "natGateways") { readNATGateway(gateway) }
    for table in collector.list(object, "routeTables") { readRouteTable(table) }
    for subnet in collector.list(object, "subnets") { readSubnet(subnet) }
    reportOverlaps()
    for eni in collector.list(object, "enis") { readENI(eni) }
  }

  var vpc: VPCIndex { inventory.vpcs.count - 1 }

  private mutating func readNATGateway(_ field: JSONField) {
    guard let object = collector.object(field, known: ["id", "name", "tags", "addresses"]) else { return }
    let id = claimID(object, kind: "NAT gateway")
    let index = inventory.natGateways.count
    names.natGateways[id] = index
    inventory.vpcs[vpc].natGateways.append(index)
    inventory.natGateways.append(
      NATGateway(id: id, name: readLabels(object).name, vpc: vpc, addresses: readAddresses(object, "addresses")))
  }

  private mutating func readSubnet(_ field: JSONField) {
    guard let object = collector.object(field, known: ["id", "name", "cidrs", "routeTable", "tags"]) else { return }
    let id = claimID(object, kind: "subnet")
    let labels = readLabels(object)
    let cidrs = readCIDRs(object)
    let index = inventory.subnets.count
    names.subnets[id] = index
    if cidrs.isBroken { names.brokenSubnets.insert(index) }
    checkPlacement(of: cidrs.fields)
    var table: RouteTableIndex?
    if let reference = collector.required(object, "routeTable") {
      table = resolve(reference, among: names.routeTables, kind: "route table")
    }
    inventory.vpcs[vpc].subnets.append(index)
    inventory.subnets.append(
      Subnet(
        id: id, name: labels.name, vpc: vpc, cidrs: cidrs.prefixes, routeTable: table ?? 0, tags: labels.tags))
  }

  /// A subnet lies inside its VPC.
  private mutating func checkPlacement(of fields: [(prefix: CIDR, field: JSONField)]) {
    for (prefix, field) in fields {
      if !names.hasBrokenCIDRs, !inventory.vpcs[vpc].cidrs.contains(where: { $0.contains(prefix) }) {
        let cidrs = inventory.vpcs[vpc].cidrs.map(\.description).joined(separator: ", ")
        collector.report(
          .subnetOutsideVPC, field, "\(prefix) is not inside VPC \(inventory.vpcs[vpc].id)",
          hint: "the VPC has \(cidrs)")
      }
      names.subnetCIDRs.append((prefix, field))
    }
  }

  /// A subnet lies beside the other subnets: an address must not belong to two. Prefixes are nested or disjoint, so in the
  /// order of addresses a prefix lies in the one that is open, or in none.
  private mutating func reportOverlaps() {
    var open: [(prefix: CIDR, field: JSONField)] = []
    for entry in names.subnetCIDRs.sorted(by: {
      ($0.prefix, $0.field.value.position) < ($1.prefix, $1.field.value.position)
    }) {
      while let last = open.last, !last.prefix.contains(entry.prefix) { open.removeLast() }
      if let other = open.last {
        let isLater = entry.field.value.position > other.field.value.position
        let (later, earlier) = isLater ? (entry, other) : (other, entry)
        collector.report(
          .subnetOverlap, later.field,
          "\(later.prefix) overlaps \(earlier.prefix) at line \(earlier.field.value.position.line)")
      }
      open.append(entry)
    }
  }
}

/// What has been read of one VPC, by name.
struct VPCNames {
  var natGateways: [String: NATGatewayIndex] = [:]
  var routeTables: [String: RouteTableIndex] = [:]
  var subnets: [String: SubnetIndex] = [:]
  var subnetCIDRs: [(prefix: CIDR, field: JSONField)] = []
  /// A wrong CIDR is reported once; what should lie inside it is not blamed.
  var hasBrokenCIDRs = false
  var brokenSubnets: Set<SubnetIndex> = []
  var addresses: [IPAddress: (eni: String, line: Int)] = [:]
  var macs: [MACAddress: (eni: String, line: Int)] = [:]
}
