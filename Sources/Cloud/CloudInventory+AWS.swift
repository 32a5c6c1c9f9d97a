// AWS EC2: describe-vpcs, describe-subnets, describe-network-interfaces, describe-route-tables, describe-nat-gateways.
extension CloudInventory {
  mutating func readAWS(_ answers: CloudAnswers) {
    for (id, vpc) in answers.all(.vpcs) {
      let cidrs =
        [vpc.text("CidrBlock")].compactMap(\.self) + Self.associated(vpc, "CidrBlockAssociationSet", "CidrBlock")
        + Self.associated(vpc, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock")
      let (name, tags) = Self.named(vpc.tags("Tags"))
      vpcs.append(VPC(id: id, name: name, cidrs: cidrs.unique, tags: tags))
    }
    for (id, subnet) in answers.all(.subnets) {
      let (name, tags) = Self.named(subnet.tags("Tags"))
      subnets.append(
        Subnet(
          id: id, name: name, vpc: subnet.text("VpcId") ?? "",
          cidrs: [subnet.text("CidrBlock")].compactMap(\.self)
            + Self.associated(subnet, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock"),
          routeTable: nil, zone: subnet.text("AvailabilityZone"), tags: tags))
    }
    for (id, eni) in answers.all(.interfaces) { readAWSInterface(id, eni) }
    for (id, table) in answers.all(.routeTables) { readAWSTable(id, table) }
    for (id, gateway) in answers.all(.natGateways) { readAWSGateway(id, gateway) }
  }

  /// The blocks that are associated, or say nothing of their state.
  private static func associated(_ object: CloudObject, _ set: String, _ name: String) -> [String] {
    object.list(set).filter { association in
      let state = (association.object(name + "State") ?? association.object("CidrBlockState"))?.text("State")
      return state == nil || state == "associated" || state == "associating"
    }.compactMap { $0.text(name) }
  }

  /// The tag `Name` is what AWS shows as the name.
  private static func named(
    _ tags: [(key: String, value: String)]
  ) -> (name: String?, tags: [(key: String, value: String)]) {
    let name = tags.first { $0.key == "Name" }?.value
    return (name == "" ? nil : name, tags.filter { $0.key != "Name" })
  }

  private mutating func readAWSInterface(_ id: String, _ eni: CloudObject) {
    var own = eni.list("PrivateIpAddresses").primaryFirst.compactMap { entry in
      entry.text("PrivateIpAddress").map {
        (address: $0, publicAddress: entry.object("Association")?.text("PublicIp"))
      }
    }
    if own.isEmpty, let address = eni.text("PrivateIpAddress") {
      own = [(address, eni.object("Association")?.text("PublicIp"))]
    }
    let sixth = eni.list("Ipv6Addresses").compactMap { entry in
      entry.text("Ipv6Address").map { (address: $0, publicAddress: String?.none) }
    }
    guard !own.isEmpty || !sixth.isEmpty else { return leaveOut("ENI \(id) has no address") }
    let (name, tags) = Self.named(eni.tags("TagSet"))
    interfaces.append(
      Interface(
        id: id, name: name ?? eni.text("Description"), vpc: eni.text("VpcId") ?? "", subnet: eni.text("SubnetId") ?? "",
        mac: eni.text("MacAddress"), addresses: own + sixth, instance: eni.object("Attachment")?.text("InstanceId"),
        tags: tags))
  }

  private mutating func readAWSTable(_ id: String, _ table: CloudObject) {
    var routes: [Route] = []
    for route in table.list("Routes") {
      guard let destination = route.text("DestinationCidrBlock") ?? route.text("DestinationIpv6CidrBlock") else {
        leaveOut(
          "a route of \(id) to \(route.text("DestinationPrefixListId") ?? "nothing") names no network",
          hint: "write the prefix list's networks by hand if receivers or filters depend on it")
        continue
      }
      // A black hole leads nowhere: its target is gone.
      if route.text("State") == "blackhole" {
        leaveOut("the route of \(id) to \(destination) is a black hole")
        continue
      }
      let (type, next) = Self.nextHop(of: route)
      routes.append(Route(destination: destination, type: type, id: next))
    }
    let associations = table.list("Associations")
    routeTables.append(
      RouteTable(
        id: id, vpc: table.text("VpcId") ?? "", routes: routes,
        subnets: associations.compactMap { $0.text("SubnetId") },
        isMain: associations.contains { $0.flag("Main") == true }))
  }

  private static func nextHop(of route: CloudObject) -> (type: String, id: String?) {
    if let id = route.text("NatGatewayId") { return ("nat", id) }
    if let id = route.text("VpcPeeringConnectionId") { return ("peering", id) }
    if let id = route.text("InstanceId") ?? route.text("NetworkInterfaceId") { return ("instance", id) }
    guard let id = route.text("GatewayId") else {
      return ("other", route.text("TransitGatewayId") ?? route.text("EgressOnlyInternetGatewayId"))
    }
    if id == "local" { return ("local", nil) }
    // An internet gateway swaps an interface's address for its own public one.
    if id.hasPrefix("igw-") { return ("eip", id) }
    return (id.hasPrefix("vgw-") ? "vpn" : "other", id)
  }

  private mutating func readAWSGateway(_ id: String, _ gateway: CloudObject) {
    if let state = gateway.text("State"), ["deleted", "deleting", "failed"].contains(state) {
      return leaveOut("NAT gateway \(id) is \(state)")
    }
    gateways.append(
      Gateway(
        id: id, name: Self.named(gateway.tags("Tags")).name, vpc: gateway.text("VpcId") ?? "",
        addresses: gateway.list("NatGatewayAddresses").compactMap { $0.text("PublicIp") ?? $0.text("PrivateIp") }))
  }
}
