// Section 5 of the semantics, as plain as it can be said: loops over the inventory, no index, no cache.

import DataPath
import Inventory
import Wire

/// Where an observation is made: a listed ENI, or the unlisted ones of a subnet.
enum ModelPlace: Hashable {
  case listed(Int)
  case unlisted(subnet: Int)
}

struct ModelSides {
  var out: ModelPlace?
  var `in`: ModelPlace?
}

/// Whether the address is inside the prefix, bit by bit.
func isInside(_ address: IPAddress, _ prefix: CIDR) -> Bool {
  guard address.family == prefix.family else { return false }
  return bits(address).prefix(Int(prefix.length)) == bits(prefix.address).prefix(Int(prefix.length))
}

private func bits(_ address: IPAddress) -> [Bool] {
  let width = address.family == .v4 ? 32 : 128
  return (0..<width).map { position in
    let shift = UInt64(width - 1 - position)
    return shift < 64 ? address.low >> shift & 1 == 1 : address.high >> (shift - 64) & 1 == 1
  }
}

struct ModelNetwork {
  var inventory: Inventory
  var includesUnlisted: Bool

  func sides(_ packet: ModelPacket, vpc: Int) -> ModelSides {
    let sources = enis(mac: packet.sourceMAC)
    let destinations = packet.isGroup ? [] : enis(mac: packet.destinationMAC)
    var sides = ModelSides(
      out: sources.first { inventory.enis[$0].vpc == vpc }.map { .listed($0) },
      in: destinations.first { inventory.enis[$0].vpc == vpc }.map { .listed($0) })
    let isForeign = !sources.isEmpty && sides.out == nil || !destinations.isEmpty && sides.in == nil
    if isForeign { return sides }
    let isAnyMACKnown = !sources.isEmpty || !destinations.isEmpty
    if sides.out == nil { sides.out = place(packet.source, vpc, onlyWithoutMAC: isAnyMACKnown) }
    if sides.in == nil, !packet.isGroup { sides.in = place(packet.destination, vpc, onlyWithoutMAC: isAnyMACKnown) }
    return sides
  }

  /// A capture at one ENI's interface.
  func sides(_ packet: ModelPacket, at eni: Int, captured: CaptureDirection, vpc: Int) -> ModelSides {
    guard inventory.enis[eni].vpc == vpc else { return ModelSides() }
    var isOut = packet.wasSent ?? (captured == .outbound)
    if let source = packet.source { isOut = inventory.enis[eni].addresses.contains(source) }
    if let mac = inventory.enis[eni].mac, let source = packet.sourceMAC { isOut = mac.value == source }
    return isOut ? ModelSides(out: .listed(eni)) : ModelSides(in: .listed(eni))
  }

  private func enis(mac: UInt64?) -> [Int] {
    guard let mac else { return [] }
    return inventory.enis.indices.filter { inventory.enis[$0].mac?.value == mac }
  }

  private func place(_ address: IPAddress?, _ vpc: Int, onlyWithoutMAC: Bool) -> ModelPlace? {
    guard let address else { return nil }
    for eni in inventory.enis.indices where inventory.enis[eni].vpc == vpc {
      guard inventory.enis[eni].addresses.contains(address) else { continue }
      return onlyWithoutMAC && inventory.enis[eni].mac != nil ? nil : .listed(eni)
    }
    guard includesUnlisted else { return nil }
    return unlistedSubnet(address, vpc).map { .unlisted(subnet: $0) }
  }

  /// An address that an interface could have: no multicast, no network or directed broadcast address.
  private func unlistedSubnet(_ address: IPAddress, _ vpc: Int) -> Int? {
    guard !isMulticast(address) else { return nil }
    for subnet in inventory.subnets.indices where inventory.subnets[subnet].vpc == vpc {
      for prefix in inventory.subnets[subnet].cidrs where isInside(address, prefix) {
        guard address.family == .v4, prefix.length <= 30 else { return subnet }
        let hostBits = bits(address).dropFirst(Int(prefix.length))
        return hostBits.allSatisfy { $0 } || hostBits.allSatisfy { !$0 } ? nil : subnet
      }
    }
    return nil
  }

  func subnet(_ place: ModelPlace) -> Int {
    switch place {
    case .listed(let eni): inventory.enis[eni].subnet
    case .unlisted(let subnet): subnet
    }
  }
}

func isMulticast(_ address: IPAddress) -> Bool {
  isInside(address, CIDR("224.0.0.0/4")!) || isInside(address, CIDR("ff00::/8")!)
}

extension ModelNetwork {
  private static let neverRouted = [
    "224.0.0.0/4", "ff00::/8", "255.255.255.255/32", "169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1/128",
    "0.0.0.0/32", "::/128",
  ].map { CIDR($0)! }

  /// Section 6.2: whether what leaves `place` from `own` to `far` has the gateway as next hop.
  func isNextHop(_ gateway: Int, _ place: ModelPlace, own: IPAddress, far: IPAddress) -> Bool {
    guard !Self.neverRouted.contains(where: { isInside(far, $0) }) else { return false }
    let table = inventory.routeTables[inventory.subnets[subnet(place)].routeTable]
    var routes = table.routes.filter { $0.isEnabled && isInside(far, $0.destination) }
      .map { (length: $0.destination.length, hop: $0.nextHop) }
    let locals = inventory.vpcs[table.vpc].cidrs.filter { isInside(far, $0) }.map(\.length)
    let longest = (routes.map(\.length) + locals).max()
    if locals.contains(where: { $0 == longest }) { return false }
    routes = routes.filter { $0.length == longest }
    guard routes.contains(where: { $0.hop == .nat(gateway) }) else { return false }
    let hasEIPRoute = routes.contains { if case .eip = $0.hop { true } else { false } }
    return !(hasEIPRoute && hasPublicAddress(place, own))
  }

  private func hasPublicAddress(_ place: ModelPlace, _ own: IPAddress) -> Bool {
    guard case .listed(let index) = place else { return false }
    let eni = inventory.enis[index]
    let privates = eni.addresses.filter { $0.family == own.family }
    let publics = eni.publicAddresses.filter { $0.family == own.family }
    return zip(privates, publics).contains { $0.0 == own }
  }
}
