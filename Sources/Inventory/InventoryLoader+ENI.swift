import JSONText
import Wire

extension InventoryLoader {
  private static let eniFields = [
    "id", "name", "subnet", "mac", "addresses", "publicAddresses", "instance", "interface", "bandwidthMbps", "tags",
  ]

  mutating func readENI(_ field: JSONField) {
    guard let object = collector.object(field, known: Self.eniFields) else { return }
    let id = claimID(object, kind: "ENI")
    let labels = readLabels(object)
    var subnet: SubnetIndex?
    if let reference = collector.required(object, "subnet") {
      subnet = resolve(reference, among: names.subnets, kind: "subnet")
    }
    let mac = readMAC(object, eni: id)
    let addresses = readENIAddresses(object, eni: id, subnet: subnet)
    let publicAddresses = readAddresses(object, "publicAddresses")
    checkPublicAddresses(object, publicAddresses, addresses)
    inventory.vpcs[vpc].enis.append(inventory.enis.count)
    inventory.enis.append(
      ENI(
        id: id, name: labels.name, vpc: vpc, subnet: subnet ?? 0, mac: mac, addresses: addresses,
        publicAddresses: publicAddresses, instance: collector.string(object, "instance"),
        interface: readInterface(object), bandwidthMbps: readBandwidth(object), tags: labels.tags))
  }

  private mutating func readMAC(_ object: JSONObjectFields, eni: String) -> MACAddress? {
    guard let field = object["mac"], let text = collector.string(field) else { return nil }
    guard let mac = MACAddress(text), !mac.isGroup, mac.value != 0 else {
      collector.report(
        .mac, field, "\(text.quotedForMessage) is not the MAC address of an interface",
        hint: "six bytes as in 02:00:0a:14:01:0b, not all zero, the first one even")
      return nil
    }
    if let other = names.macs.updateValue((eni, field.value.position.line), forKey: mac) {
      collector.report(.duplicateMAC, field, "\(mac) is already the MAC address of \(other.eni) at line \(other.line)")
    }
    return mac
  }

  /// `tap-web1`, or `web1/eth0` for one in a network namespace; a name of Linux has at most 15 bytes and no slash
  /// (netdevice(7), IFNAMSIZ).
  private mutating func readInterface(_ object: JSONObjectFields) -> String? {
    guard let field = object["interface"], let text = collector.string(field) else { return nil }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let isName = parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    guard isName, let device = parts.last, device.utf8.count <= 15 else {
      collector.report(
        .interface, field, "\(text.quotedForMessage) is not the name of an interface",
        hint: "1 to 15 bytes without a slash, as in tap-web1; NAMESPACE/INTERFACE is one in a network namespace")
      return nil
    }
    return text
  }

  private mutating func readENIAddresses(_ object: JSONObjectFields, eni: String, subnet: SubnetIndex?) -> [IPAddress] {
    guard let list = collector.required(object, "addresses") else { return [] }
    if list.value.array?.isEmpty == true {
      collector.report(.address, list, "the ENI has no address", hint: "list at least one")
    }
    var addresses: [IPAddress] = []
    for field in collector.list(object, "addresses") {
      guard let address = readAddress(field) else { continue }
      addresses.append(address)
      checkPlacement(of: address, field, subnet: subnet)
      if let other = names.addresses.updateValue((eni, field.value.position.line), forKey: address) {
        collector.report(
          .duplicateAddress, field, "\(address) is already an address of \(other.eni) at line \(other.line)")
      }
    }
    return addresses
  }

  private mutating func checkPlacement(of address: IPAddress, _ field: JSONField, subnet: SubnetIndex?) {
    guard let subnet, !names.brokenSubnets.contains(subnet) else { return }
    guard !inventory.subnets[subnet].cidrs.contains(where: { $0.contains(address) }) else { return }
    let cidrs = inventory.subnets[subnet].cidrs.map(\.description).joined(separator: ", ")
    collector.report(
      .addressOutsideSubnet, field, "\(address) is not inside subnet \(inventory.subnets[subnet].id)",
      hint: "the subnet has \(cidrs)")
  }

  /// The n-th public address of a family belongs to the n-th private one of that family, so there cannot be more.
  private mutating func checkPublicAddresses(
    _ object: JSONObjectFields, _ publicAddresses: [IPAddress], _ addresses: [IPAddress]
  ) {
    guard let field = object["publicAddresses"] else { return }
    for family in [IPFamily.v4, .v6] {
      let publicCount = publicAddresses.count { $0.family == family }
      let count = addresses.count { $0.family == family }
      if publicCount > count {
        collector.report(
          .publicAddress, field,
          "\(publicCount) public IPv\(family.rawValue) addresses for \(count) IPv\(family.rawValue) addresses",
          hint: "the first public address belongs to the first address of its family, and so on")
      }
    }
  }

  private mutating func readBandwidth(_ object: JSONObjectFields) -> Int? {
    guard let field = object["bandwidthMbps"] else { return nil }
    guard let value = field.value.integer, value >= 1, value <= 10_000_000 else {
      let found = field.value.number?.text ?? field.value.typeName
      collector.report(
        .bandwidth, field, "\(found) is not a bandwidth", hint: "a whole number of Mbit/s, 1 to 10000000")
      return nil
    }
    return value
  }
}
