import Inventory
import JSONText
import Wire

// Who gets the copies.
extension MirrorReading {
  private typealias Receiver = (address: IPAddress, field: DraftField)

  mutating func readReceivers() {
    if isTargetBroken { return }
    let errors = errorCount
    let written = members["receivers"].map { readAddresses($0) } ?? []
    var folded: [Receiver] = []
    var known: Set<IPAddress> = []
    for receiver in written {
      if known.insert(receiver.address).inserted {
        folded.append(receiver)
      } else {
        warn("receivers.duplicate", receiver.field, "\(receiver.address) is named before; it counts once")
      }
    }
    if folded.count > MirrorRule.receiversPerMirror {
      report(
        "receivers.too-many", members["receivers"] ?? draft.root, "there are \(folded.count) receiving IPs",
        hint: "at most \(MirrorRule.receiversPerMirror)")
      return
    }
    if errorCount == errors {
      receivers = folded.map(\.address)
      if folded.isEmpty { checkEmpty() }
    }
    checkPlaces(folded)
  }

  private mutating func checkEmpty() {
    guard isEnabled else { return }
    report(
      "receivers.empty", members["receivers"] ?? draft.root, "an enabled mirror has no receiving IP",
      hint: "name at least one, or store the mirror with enabled = false")
  }

  private mutating func readAddresses(_ field: DraftField) -> [Receiver] {
    if let text = field.value.string { return readText(text, field) }
    guard let elements = field.elements else {
      mistyped(field, "a list of addresses, or a text with addresses between line breaks or commas")
      return []
    }
    return elements.compactMap { element in
      guard let text = text(element) else { return nil }
      let trimmed = ReceiverText.tokens(text)
      if trimmed.count == 1, let address = IPAddress(trimmed[0].text) { return (address, element) }
      report(
        "receivers.syntax", element, "\(text.quotedForMessage) is no IP address",
        hint: trimmed.count > 1 ? "one address an element" : Self.syntaxHint(text))
      return nil
    }
  }

  private mutating func readText(_ text: String, _ field: DraftField) -> [Receiver] {
    ReceiverText.tokens(text).compactMap { token in
      if let address = IPAddress(token.text) { return (address, field) }
      report(
        "receivers.syntax", field,
        "\(token.text.quotedForMessage) (line \(token.line), column \(token.column)) is no IP address",
        hint: Self.syntaxHint(token.text))
      return nil
    }
  }

  private static func syntaxHint(_ text: String) -> String {
    if text.contains("/") { return "a receiver is one address, no network" }
    if text.contains(where: { " ;，、；\t".contains($0) }) {
      return "addresses stand between line breaks or commas (,)"
    }
    return "as in 10.20.9.10 or 2001:db8:20:9::10"
  }
}

// Where receivers are, seen from the sources.
extension MirrorReading {
  private mutating func checkPlaces(_ receivers: [Receiver]) {
    guard let vpc else { return }
    let subnets = range.map { inventory.sourceSubnets(of: $0, vpc: vpc) } ?? []
    let byTable = Dictionary(grouping: subnets, by: { inventory.subnets[$0].routeTable })
    for receiver in receivers {
      checkIsInside(receiver, vpc)
      checkRoutes(receiver, byTable, vpc)
    }
    guard let range, let field = members["receivers"], !receivers.isEmpty else { return }
    checkBandwidth(receivers.map(\.address), range, vpc, field)
    let isOnlySource = checkOnlySource(receivers.map(\.address), range, vpc)
    if !isOnlySource { for receiver in receivers { warnIfInside(receiver, range, vpc) } }
  }

  private mutating func checkIsInside(_ receiver: Receiver, _ vpc: VPCIndex) {
    let network = inventory.vpcs[vpc]
    let address = receiver.address
    guard network.cidrs.contains(where: { $0.contains(address) }) else {
      let isMapped = address.family == .v6 && address.high == 0 && address.low >> 32 == 0xffff
      let plain = IPAddress(v4: UInt32(truncatingIfNeeded: address.low))
      return report(
        "receivers.other-vpc", receiver.field, "\(address) does not lie in VPC \(network.id)",
        hint: isMapped
          ? "write \(plain): a mapped address is an IPv6 address"
          : "the VPC has " + network.cidrs.map(\.description).joined(separator: ", "))
    }
    if inventory.isNetworkOrBroadcast(vpc: vpc, address: address) {
      report(
        "receivers.not-host", receiver.field, "\(address) is the network or broadcast address of a subnet",
        hint: "no interface has it")
    }
  }

  /// - Parameter subnets: of the sources, by their route table.
  private mutating func checkRoutes(
    _ receiver: Receiver, _ subnets: [RouteTableIndex: [SubnetIndex]], _ vpc: VPCIndex
  ) {
    let isInside = inventory.vpcs[vpc].cidrs.contains { $0.contains(receiver.address) }
    let cut = subnets.values.filter { subnets in
      !inventory.nextHops(subnet: subnets[0], destination: receiver.address)
        .contains { !isInside || $0.reachesInside }
    }.flatMap(\.self).sorted()
    guard !cut.isEmpty else { return }
    let names = cut.prefix(8).map { subnet in
      "\(inventory.subnets[subnet].id) (\(inventory.routeTables[inventory.subnets[subnet].routeTable].id))"
    }
    let more = cut.count > 8 ? " and \(cut.count - 8) more" : ""
    report(
      "receivers.no-route", receiver.field,
      "no route reaches \(receiver.address) from \(cut.count == 1 ? "subnet" : "subnets")"
        + " \(names.joined(separator: ", "))\(more)",
      hint: "the longest prefix in the route table of every source subnet must lead to the receiver")
  }

  /// An ENI range collects nothing if every ENI holds a receiving IP, of this mirror or of an enabled one beside it.
  private mutating func checkOnlySource(_ own: [IPAddress], _ range: CollectionRange, _ vpc: VPCIndex) -> Bool {
    let enis: [ENIIndex]
    switch range {
    case .vpc, .subnets: return false
    case .enis(let chosen), .selected(let chosen, _): enis = chosen
    }
    var all = Set(own)
    for other in neighbours.mirrors(in: vpc) where other.isEnabled { all.formUnion(other.receivers) }
    guard !enis.isEmpty, enis.allSatisfy({ inventory.enis[$0].addresses.contains(where: all.contains) }),
      let field = members["range"]
    else { return false }
    let names = enis.prefix(8).map { inventory.enis[$0].id }.joined(separator: ", ")
    report(
      "receivers.only-source", field, "every ENI of the range holds a receiving IP (\(names)), so nothing is collected",
      hint: "add an ENI that is no receiver, or take other receivers")
    return true
  }

  private mutating func checkBandwidth(
    _ receivers: [IPAddress], _ range: CollectionRange, _ vpc: VPCIndex, _ field: DraftField
  ) {
    let known = receivers.map { inventory.eni(vpc: vpc, address: $0) }
    let own = Set(known.compactMap(\.self))
    let capacities = own.map { inventory.enis[$0].bandwidthMbps }
    guard !known.contains(nil), !capacities.contains(nil) else { return }
    let capacity = Self.sum(capacities)
    let offered = Self.sum(
      Set(inventory.enis(of: range, vpc: vpc)).subtracting(own).map { inventory.enis[$0].bandwidthMbps })
    guard capacity < offered / 9 else { return }
    warn(
      "receivers.bandwidth", field,
      "the receivers have \(Int(capacity)) Mbit/s together, the range \(Int(offered)) Mbit/s",
      hint: "at least 1/9 of the range's: \(Int((offered / 9).rounded(.up))) Mbit/s")
  }

  private static func sum(_ bandwidths: [Int?]) -> Double { bandwidths.reduce(0) { $0 + Double($1 ?? 0) } }

  /// Not for a whole VPC: its receivers lie in it by rule.
  private mutating func warnIfInside(_ receiver: Receiver, _ range: CollectionRange, _ vpc: VPCIndex) {
    let eni = inventory.eni(vpc: vpc, address: receiver.address)
    let name = eni.map { " (\(inventory.enis[$0].id))" } ?? ""
    switch range {
    case .vpc: return
    case .subnets(let subnets):
      guard
        let subnet = eni.map({ inventory.enis[$0].subnet })
          ?? inventory.subnet(vpc: vpc, address: receiver.address), subnets.contains(subnet)
      else { return }
      warn(
        "range.receiver-inside", receiver.field,
        "\(receiver.address)\(name) lies in the range: what it sends is not collected")
    case .enis(let enis), .selected(let enis, _):
      guard let eni, enis.contains(eni) else { return }
      warn(
        "range.receiver-inside", receiver.field,
        "\(receiver.address)\(name) lies in the range: nothing of that ENI is collected, in either direction")
    }
  }
}

extension NextHop {
  /// NAT gateways and public addresses lead out of the VPC.
  fileprivate var reachesInside: Bool {
    switch self {
    case .nat, .eip: false
    case .local, .instance, .peering, .vpn, .other: true
    }
  }
}
