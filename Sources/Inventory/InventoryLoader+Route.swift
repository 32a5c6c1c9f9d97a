import JSONText
import Wire

extension InventoryLoader {
  private static let nextHopTypes = ["local", "nat", "eip", "instance", "peering", "vpn", "other"]

  mutating func readRouteTable(_ field: JSONField) {
    guard let object = collector.object(field, known: ["id", "name", "tags", "routes"]) else { return }
    let id = claimID(object, kind: "route table")
    _ = readLabels(object)
    var routes: [Route] = []
    for route in collector.list(object, "routes") {
      if let route = readRoute(route) { routes.append(route) }
    }
    let index = inventory.routeTables.count
    names.routeTables[id] = index
    inventory.vpcs[vpc].routeTables.append(index)
    inventory.routeTables.append(RouteTable(id: id, vpc: vpc, routes: routes))
  }

  private mutating func readRoute(_ field: JSONField) -> Route? {
    guard let object = collector.object(field, known: ["destination", "nextHop", "enabled", "name", "description"])
    else { return nil }
    let destination = collector.required(object, "destination").flatMap { readCIDR($0) }
    let nextHop = collector.required(object, "nextHop").flatMap { readNextHop($0) }
    let isEnabled = collector.bool(object, "enabled") ?? true
    guard let destination, let nextHop else { return nil }
    return Route(destination: destination, nextHop: nextHop, isEnabled: isEnabled)
  }

  private mutating func readNextHop(_ field: JSONField) -> NextHop? {
    guard let object = collector.object(field, known: ["type", "id", "name"]),
      let type = collector.required(object, "type"), let word = collector.string(type)
    else { return nil }
    let id = collector.string(object, "id")
    switch word {
    case "local": return .local
    case "nat":
      guard let reference = collector.required(object, "id") else { return nil }
      return resolve(reference, among: names.natGateways, kind: "NAT gateway").map { .nat($0) }
    case "eip": return .eip(id)
    case "instance": return .instance(id)
    case "peering": return .peering(id)
    case "vpn": return .vpn(id)
    case "other": return .other(id)
    default:
      let near = Spelling.nearest(to: word, among: Self.nextHopTypes).map { "did you mean \"\($0)\"?" }
      collector.report(
        .nextHop, type, "\(word.quotedForMessage) is not a type of next hop",
        hint: near ?? "one of \(Self.nextHopTypes.joined(separator: ", "))")
      return nil
    }
  }
}
