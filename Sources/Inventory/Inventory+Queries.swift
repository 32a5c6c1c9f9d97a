public import Wire

// The questions the data path asks: hash or binary search, no allocation unless an array is returned.
extension Inventory {
  /// The ENIs with this MAC; MACs are unique in a VPC, so several VPCs may answer.
  public func enis(mac: MACAddress) -> [ENIIndex] {
    let start = index.macRuns[.max, mac.value]
    guard start >= 0 else { return [] }
    return Array(index.macENIs[Int(start)...].prefix { enis[$0].mac == mac })
  }

  /// Whether any ENI of any VPC has this MAC.
  public func isKnown(mac: MACAddress) -> Bool { index.macRuns[.max, mac.value] >= 0 }

  /// The ENI of the VPC with this MAC.
  public func eni(vpc: VPCIndex, mac: MACAddress) -> ENIIndex? {
    let value = index.eniByVPCAndMAC[UInt64(truncatingIfNeeded: vpc), mac.value]
    return value < 0 ? nil : ENIIndex(value)
  }

  /// The ENI of the VPC that lists the address.
  public func eni(vpc: VPCIndex, address: IPAddress) -> ENIIndex? {
    let entry = addressEntry(vpc: vpc, address: address)
    return entry < 0 ? nil : ENIIndex(entry >> 1)
  }

  private func addressEntry(vpc: VPCIndex, address: IPAddress) -> Int32 {
    guard !address.isMulticast else { return -1 }
    let (first, second) = InventoryIndex.key(address)
    return index.eniByAddress[vpc][first, second]
  }

  /// The subnet of the VPC whose CIDR holds the address, if the address can be an interface's: not multicast, not the
  /// subnet's own IPv4 network or directed broadcast address (RFC 919; /31 and /32 have neither, RFC 3021).
  public func subnet(vpc: VPCIndex, address: IPAddress) -> SubnetIndex? {
    guard !address.isMulticast, let subnet = subnetWhateverHost(vpc: vpc, address: address) else { return nil }
    return isNetworkOrBroadcast(address, subnet: subnet) ? nil : subnet
  }

  /// The address is the IPv4 directed broadcast (RFC 919) or network address of one of the VPC's subnets.
  public func isNetworkOrBroadcast(vpc: VPCIndex, address: IPAddress) -> Bool {
    subnetWhateverHost(vpc: vpc, address: address).map { isNetworkOrBroadcast(address, subnet: $0) } ?? false
  }

  private func subnetWhateverHost(vpc: VPCIndex, address: IPAddress) -> SubnetIndex? {
    let value = index.subnets[vpc].value(for: address)
    return value < 0 ? nil : SubnetIndex(value)
  }

  private func isNetworkOrBroadcast(_ address: IPAddress, subnet: SubnetIndex) -> Bool {
    guard address.family == .v4, let prefix = subnets[subnet].cidrs.first(where: { $0.contains(address) }) else {
      return false
    }
    return prefix.length <= 30 && (address == prefix.address || address == prefix.last)
  }

  /// Every winning next hop for a packet from the subnet to the destination: longest prefix among the enabled routes of
  /// the subnet's table and the VPC's implicit local routes (which win a tie). Empty: no route.
  public func nextHops(subnet: SubnetIndex, destination: IPAddress) -> [NextHop] {
    let winner = index.routes[subnets[subnet].routeTable].value(for: destination)
    return winner < 0 ? [] : index.winners[Int(winner)]
  }

  /// Section 6.2: whether a packet that leaves `eni` (or an unlisted ENI of `subnet`) from `source` to `destination`
  /// has the gateway as next hop. Multicast, limited broadcast, link-local, loopback, unspecified destinations: false.
  ///
  /// Of equal-cost winners any may match, but an address of the ENI with its own public address takes an equal `eip`
  /// route instead.
  public func isNextHop(
    nat: NATGatewayIndex, subnet: SubnetIndex, eni: ENIIndex?, source: IPAddress, destination: IPAddress
  ) -> Bool {
    guard !destination.isMulticast, !destination.isLimitedBroadcast, !destination.isLinkLocal,
      !destination.isLoopback, !destination.isUnspecified
    else { return false }
    let winner = Int(index.routes[subnets[subnet].routeTable].value(for: destination))
    guard winner >= 0, index.winnerNATs[winner].contains(nat) else { return false }
    guard index.winnerHasEIP[winner], let eni else { return true }
    let entry = addressEntry(vpc: subnets[subnet].vpc, address: source)
    return !(entry >= 0 && ENIIndex(entry >> 1) == eni && entry & 1 == 1)
  }
}

extension ENI {
  /// The public address that belongs to one of the ENI's addresses: the n-th public address of a family belongs to the
  /// n-th address of that family.
  public func publicAddress(of address: IPAddress) -> IPAddress? {
    let own = addresses.filter { $0.family == address.family }
    let others = publicAddresses.filter { $0.family == address.family }
    guard let position = own.firstIndex(of: address), position < others.count else { return nil }
    return others[position]
  }
}
