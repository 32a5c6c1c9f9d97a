// Tencent Cloud, VPC API of 2017-03-12: DescribeVpcs, DescribeSubnets, DescribeNetworkInterfaces, DescribeRouteTables,
// DescribeNatGateways.
extension CloudInventory {
  mutating func readTencent(_ answers: CloudAnswers) {
    for (id, vpc) in answers.all(.vpcs) {
      let cidrs =
        [vpc.text("CidrBlock"), vpc.text("Ipv6CidrBlock")].compactMap(\.self)
        + vpc.list("AssistantCidrSet").compactMap { $0.text("CidrBlock") }
        + vpc.list("Ipv6CidrBlockSet").compactMap { $0.text("Ipv6CidrBlock") }
      vpcs.append(VPC(id: id, name: vpc.text("VpcName"), cidrs: cidrs.unique, tags: vpc.tags("TagSet")))
    }
    for (id, subnet) in answers.all(.subnets) {
      subnets.append(
        Subnet(
          id: id, name: subnet.text("SubnetName"), vpc: subnet.text("VpcId") ?? "",
          cidrs: [subnet.text("CidrBlock"), subnet.text("Ipv6CidrBlock")].compactMap(\.self),
          routeTable: subnet.text("RouteTableId"), zone: subnet.text("Zone"), tags: subnet.tags("TagSet")))
    }
    for (id, eni) in answers.all(.interfaces) { readTencentInterface(id, eni) }
    for (id, table) in answers.all(.routeTables) { readTencentTable(id, table) }
    for (id, gateway) in answers.all(.natGateways) {
      gateways.append(
        Gateway(
          id: id, name: gateway.text("NatGatewayName"), vpc: gateway.text("VpcId") ?? "",
          addresses: gateway.list("PublicIpAddressSet").compactMap { $0.text("PublicIpAddress") }))
    }
  }

  private mutating func readTencentInterface(_ id: String, _ eni: CloudObject) {
    let own = eni.list("PrivateIpAddressSet").primaryFirst.compactMap { entry in
      entry.text("PrivateIpAddress").map { (address: $0, publicAddress: entry.text("PublicIpAddress")) }
    }
    let sixth = eni.list("Ipv6AddressSet").primaryFirst.compactMap { entry in
      entry.text("Address").map { (address: $0, publicAddress: entry.text("PublicIpAddress")) }
    }
    guard !own.isEmpty || !sixth.isEmpty else { return leaveOut("ENI \(id) has no address") }
    interfaces.append(
      Interface(
        id: id, name: eni.text("NetworkInterfaceName"), vpc: eni.text("VpcId") ?? "",
        subnet: eni.text("SubnetId") ?? "", mac: eni.text("MacAddress"), addresses: own + sixth,
        instance: eni.object("Attachment")?.text("InstanceId"), tags: eni.tags("TagSet")))
  }

  private mutating func readTencentTable(_ id: String, _ table: CloudObject) {
    var routes: [Route] = []
    for route in table.list("RouteSet") where route.flag("Enabled") != false {
      guard let destination = route.text("DestinationCidrBlock") ?? route.text("DestinationIpv6CidrBlock") else {
        leaveOut("a route of \(id) has no destination")
        continue
      }
      let type = route.text("GatewayType") ?? ""
      let gateway = route.text("GatewayId")
      routes.append(
        Route(
          destination: destination, type: Self.tencentNextHops[type] ?? "other",
          id: type == "LOCAL" ? nil : gateway == "0" ? nil : gateway))
    }
    routeTables.append(
      RouteTable(
        id: id, vpc: table.text("VpcId") ?? "", routes: routes,
        subnets: table.list("AssociationSet").compactMap { $0.text("SubnetId") }, isMain: table.flag("Main") ?? false))
  }

  /// `GatewayType` of a route; others lead somewhere that Moontap knows nothing of.
  private static let tencentNextHops = [
    "NAT": "nat", "EIP": "eip", "CVM": "instance", "NORMAL_CVM": "instance", "HAVIP": "instance", "VPN": "vpn",
    "PEERCONNECTION": "peering", "LOCAL": "local",
  ]
}

extension [CloudObject] {
  var primaryFirst: [CloudObject] {
    filter { $0.flag("Primary") == true } + filter { $0.flag("Primary") != true }
  }
}

extension [String] {
  /// Each once, in order.
  var unique: [String] { reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }
}
