import JSONText
import Wire

/// The addresses of the networks that `trafficgen` invents: all VPCs have the same plan, as overlapping ones are normal.
///
/// 10.20.0.0/16 and 2001:db8:20::/56; ENIs in subnet-hosts (10.20.0.0/17), receivers in subnet-sensors (10.20.200.0/24).
enum Network {
  static let maximumENIs = 32_000
  static let maximumReceivers = 200
  static let maximumVPCs = 250

  static func vpc(_ number: Int) -> String { number == 0 ? "vpc-bench" : "vpc-bench-\(number)" }

  static func hostAddress(_ index: Int) -> IPAddress { IPAddress(v4: 0x0a14_0000 + UInt32(index) + 10) }

  static func hostAddress6(_ index: Int) -> IPAddress {
    IPAddress(v6High: 0x2001_0db8_0020_0001, low: UInt64(index) + 10)
  }

  static func receiverAddress(_ index: Int) -> IPAddress { IPAddress(v4: 0x0a14_c800 + UInt32(index) + 10) }

  /// Locally administered, the VPC in the second byte.
  static func mac(vpc: Int, kind: UInt64, index: Int) -> MACAddress {
    MACAddress(value: 0x0200_0000_0000 | UInt64(vpc) << 32 | kind << 24 | UInt64(index) + 10)
  }
}

extension Network {
  /// The inventory: VPCs of the same shape, each with `enis` hosts and `receivers` sensors.
  static func inventory(vpcs: Int, enis: Int, receivers: Int) -> JSONValue {
    let region: JSONValue = [
      "id": "region-bench",
      "vpcs": .array((0..<vpcs).map { vpcDocument($0, enis: enis, receivers: receivers) }),
    ]
    return ["format": "moontap.inventory/1", "regions": [region]]
  }

  private static func vpcDocument(_ number: Int, enis: Int, receivers: Int) -> JSONValue {
    let hosts = (0..<enis).map { eni(vpc: number, kind: 0, $0) }
    let sensors = (0..<receivers).map { eni(vpc: number, kind: 1, $0) }
    return [
      "id": .string(vpc(number)),
      "cidrs": ["10.20.0.0/16", "2001:db8:20::/56"],
      "routeTables": [["id": .string("rtb-\(number)"), "routes": []]],
      "subnets": [
        subnet("hosts", vpc: number, cidrs: ["10.20.0.0/17", "2001:db8:20:1::/64"]),
        subnet("sensors", vpc: number, cidrs: ["10.20.200.0/24"]),
      ],
      "enis": .array(hosts + sensors),
    ]
  }

  private static func subnet(_ name: String, vpc: Int, cidrs: JSONValue) -> JSONValue {
    ["id": .string("subnet-\(name)-\(vpc)"), "cidrs": cidrs, "routeTable": .string("rtb-\(vpc)")]
  }

  private static func eni(vpc: Int, kind: UInt64, _ index: Int) -> JSONValue {
    let isHost = kind == 0
    let addresses = isHost ? [hostAddress(index), hostAddress6(index)] : [receiverAddress(index)]
    return [
      "id": .string("eni-\(isHost ? "host" : "sensor")-\(vpc)-\(index)"),
      "subnet": .string("subnet-\(isHost ? "hosts" : "sensors")-\(vpc)"),
      "mac": .string(mac(vpc: vpc, kind: kind, index: index).description),
      "addresses": .array(addresses.map { .string($0.description) }),
    ]
  }
}

extension Network {
  /// Mirrors a VPC may have (semantics section 4, `vpc.mirror-limit`).
  static let mirrorsPerVPC = 5

  /// `count` mirrors, five to a VPC, of which the first alone collects anything: four ANDed conditions, all receivers.
  static func mirrors(count: Int, receivers: Int) -> JSONValue {
    let addresses: JSONValue = .array((0..<receivers).map { .string(receiverAddress($0).description) })
    let mirrors = (0..<count).map { (number: Int) -> JSONValue in
      [
        "name": .string("mirror-\(number)"), "region": "region-bench", "vpc": .string(vpc(number / mirrorsPerVPC)),
        "range": ["vpc": true], "direction": "all",
        "filter": ["quintuple": number == 0 ? fourConditions : missedConditions(number)],
        "receivers": addresses, "balance": "even",
        "encapsulation": ["type": "vxlan", "vni": .integer(7 + number), "port": 4789],
      ]
    }
    return ["format": "moontap.mirrors/1", "mirrors": .array(mirrors)]
  }

  /// TCP over IPv4 between the VPC and whomever, in either direction: seven packets in ten, as copying is what costs.
  /// `tcpdumpFilter` says the same to libpcap.
  private static let fourConditions: JSONValue = [
    ["protocol": "tcp"],
    ["source": "10.20.0.0/16", "bidirectional": true],
    ["destination": "0.0.0.0/0"],
    ["protocol": "tcp", "sourcePort": "1024-65535", "bidirectional": true],
  ]

  /// As many conditions, which only the last one shows to be missed.
  private static func missedConditions(_ number: Int) -> JSONValue {
    [
      ["protocol": "tcp"],
      ["source": "10.20.0.0/16", "bidirectional": true],
      ["protocol": "tcp", "destinationPort": "1-65535", "bidirectional": true],
      ["protocol": "tcp", "sourcePort": .string("\(number)"), "destinationPort": .string("\(number)")],
    ]
  }

  /// The first mirror in the language of libpcap, tagged frames and the exclusion of the receivers included.
  static func tcpdumpFilter(receivers: Int) -> String {
    let excluded = (0..<receivers).map { "not src host \(receiverAddress($0))" }.joined(separator: " and ")
    let conditions = "tcp and net 10.20.0.0/16 and dst net 0.0.0.0/0 and portrange 1024-65535 and \(excluded)"
    return "(\(conditions)) or (vlan and (\(conditions)))"
  }
}
