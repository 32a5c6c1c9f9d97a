import JSONText
import Wire

/// One network interface, as `ip -json -details address` tells it.
struct HostLink {
  var name: String
  var index: Int
  var mac: String?
  /// `bridge`, `veth`, `tun`; nil: hardware, loopback.
  var kind: String?
  /// The bridge it is a port of.
  var master: String?
  /// Of the other end of a veth, and the namespace that is in; nil: this one.
  var peerIndex: Int?
  var peerNamespace: Int?
  var isLoopback: Bool
  var isUp: Bool
  /// Of global scope, with their networks.
  var addresses: [(address: IPAddress, network: CIDR)]

  init?(_ value: JSONValue) {
    guard let name = value["ifname"]?.string, let index = value["ifindex"]?.integer else { return nil }
    self.name = name
    self.index = index
    let flags = (value["flags"]?.array ?? []).compactMap(\.string)
    isLoopback = flags.contains("LOOPBACK")
    isUp = flags.contains("UP")
    mac = value["link_type"]?.string == "ether" ? value["address"]?.string : nil
    kind = value["linkinfo"]?["info_kind"]?.string
    master = value["master"]?.string
    peerIndex = value["link_index"]?.integer
    peerNamespace = value["link_netnsid"]?.integer
    addresses = (value["addr_info"]?.array ?? []).compactMap(Self.address)
  }

  private static func address(_ value: JSONValue) -> (address: IPAddress, network: CIDR)? {
    guard value["scope"]?.string == "global", let address = value["local"]?.string.flatMap({ IPAddress($0) }),
      let length = value["prefixlen"]?.integer, let network = CIDR(address, length: length)
    else { return nil }
    return (address, network)
  }
}

/// A route of the main table, as `ip -json route` tells it.
struct HostRoute {
  var destination: String
  var gateway: String?
  var link: String

  init?(_ value: JSONValue, isV6: Bool) {
    guard let destination = value["dst"]?.string, let link = value["dev"]?.string,
      value["type"]?.string ?? "unicast" == "unicast"
    else { return nil }
    self.destination = destination == "default" ? (isV6 ? "::/0" : "0.0.0.0/0") : destination
    gateway = value["gateway"]?.string
    self.link = link
  }
}

/// A rule that gives packets going out another source address: masquerade or SNAT of nftables.
struct HostNAT {
  /// The interface that packets leave by; nil: any.
  var link: String?
  /// Whose packets; nil: everybody's.
  var sources: CIDR?
  /// Of SNAT; masquerade takes the interface's.
  var addresses: [String]

  /// The rules of `nft --json list ruleset` in tables that have a chain of type nat at postrouting.
  static func rules(_ ruleset: JSONValue) -> [HostNAT] {
    let entries = ruleset["nftables"]?.array ?? []
    let tables = Set(
      entries.compactMap { $0["chain"] }
        .filter { $0["type"]?.string == "nat" && $0["hook"]?.string == "postrouting" }.compactMap(table))
    return entries.compactMap { $0["rule"] }.filter { table($0).map(tables.contains) ?? false }.compactMap {
      HostNAT($0)
    }
  }

  private static func table(_ value: JSONValue) -> String? {
    guard let family = value["family"]?.string, let table = value["table"]?.string else { return nil }
    return family + " " + table
  }

  init?(_ rule: JSONValue) {
    let expressions = rule["expr"]?.array ?? []
    let isMasquerade = expressions.contains {
      // As rules of iptables look through nft.
      $0["masquerade"] != nil || $0["xt"]?["name"]?.string == "MASQUERADE"
    }
    let translations = expressions.compactMap { $0["snat"]?["addr"]?.string }
    guard isMasquerade || !translations.isEmpty else { return nil }
    addresses = translations
    for match in expressions.compactMap({ $0["match"] }) where match["op"]?.string == "==" {
      if ["oifname", "oif"].contains(match["left"]?["meta"]?["key"]?.string ?? "") { link = match["right"]?.string }
      if match["left"]?["payload"]?["field"]?.string == "saddr" { sources = Self.network(match["right"]) }
    }
  }

  private static func network(_ value: JSONValue?) -> CIDR? {
    if let text = value?.string { return CIDR(text) }
    guard let prefix = value?["prefix"], let address = prefix["addr"]?.string.flatMap({ IPAddress($0) }),
      let length = prefix["len"]?.integer
    else { return nil }
    return CIDR(address, length: length)
  }
}
