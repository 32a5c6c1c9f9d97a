public import Wire

// The questions the data path asks. Bodies are the loader's business; shapes are the contract.
extension Inventory {
  /// The ENI with this MAC; MACs are unique in a VPC, so several VPCs may answer.
  public func enis(mac: MACAddress) -> [ENIIndex] { enis.indices.filter { enis[$0].mac == mac } }

  /// The ENI of the VPC that lists the address.
  public func eni(vpc: VPCIndex, address: IPAddress) -> ENIIndex? {
    vpcs[vpc].enis.first { enis[$0].addresses.contains(address) }
  }

  /// The subnet of the VPC whose CIDR holds the address, if the address can be an interface's: not multicast, not the
  /// subnet's own IPv4 network or directed broadcast address.
  public func subnet(vpc: VPCIndex, address: IPAddress) -> SubnetIndex? {
    vpcs[vpc].subnets.first { subnets[$0].cidrs.contains { $0.contains(address) } }
  }

  /// Every winning next hop for a packet from the subnet to the destination: longest prefix among the enabled routes of
  /// the subnet's table and the VPC's implicit local routes (which win a tie). Empty: no route.
  public func nextHops(subnet: SubnetIndex, destination: IPAddress) -> [NextHop] { [] }

  /// Section 6.2: whether a packet that leaves `eni` (or an unlisted ENI of `subnet`) from `source` to `destination`
  /// has the gateway as next hop. Multicast, limited broadcast, link-local, loopback, unspecified destinations: false.
  public func isNextHop(
    nat: NATGatewayIndex, subnet: SubnetIndex, eni: ENIIndex?, source: IPAddress, destination: IPAddress
  ) -> Bool { false }
}
