// Looking things up by name: for validation, scripts and commands, not for packets.
extension Inventory {
  public func region(id: String) -> RegionIndex? { regions.firstIndex { $0.id == id } }

  /// VPCs with the id, in any region: ids are unique within a region only.
  public func vpcs(id: String) -> [VPCIndex] { vpcs.indices.filter { vpcs[$0].id == id } }

  public func subnets(id: String) -> [SubnetIndex] { subnets.indices.filter { subnets[$0].id == id } }

  public func enis(id: String) -> [ENIIndex] { enis.indices.filter { enis[$0].id == id } }

  public func natGateways(id: String) -> [NATGatewayIndex] {
    natGateways.indices.filter { natGateways[$0].id == id }
  }

  /// ENIs whose Linux interface or id is `name`: how a capture names where it was taken. Several hosts may have an
  /// interface of one name, so several ENIs may answer; an id goes before an interface.
  public func enis(interface name: String) -> [ENIIndex] {
    let byID = enis(id: name)
    return byID.isEmpty ? enis.indices.filter { enis[$0].interface == name } : byID
  }

  /// The ENIs of a subnet.
  public func enis(subnet: SubnetIndex) -> [ENIIndex] {
    vpcs[subnets[subnet].vpc].enis.filter { enis[$0].subnet == subnet }
  }
}
