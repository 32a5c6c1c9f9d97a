public import Wire

/// Position in one of the flat arrays of `Inventory`.
public typealias RegionIndex = Int
public typealias VPCIndex = Int
public typealias SubnetIndex = Int
public typealias ENIIndex = Int
public typealias RouteTableIndex = Int
public typealias NATGatewayIndex = Int

/// What exists: regions, VPCs, subnets, ENIs, route tables, NAT gateways; references are resolved to indices.
///
/// Cannot be wrong: made only by the loader, which checks the file as a whole.
public struct Inventory: Sendable {
  public internal(set) var regions: [Region] = []
  public internal(set) var vpcs: [VPC] = []
  public internal(set) var subnets: [Subnet] = []
  public internal(set) var enis: [ENI] = []
  public internal(set) var routeTables: [RouteTable] = []
  public internal(set) var natGateways: [NATGateway] = []
  var index = InventoryIndex()

  /// Nothing exists.
  public init() {}
}

public struct Region: Sendable {
  public var id: String
}

public struct VPC: Sendable {
  public var id: String
  public var name: String?
  public var region: RegionIndex
  public var cidrs: [CIDR]
  public var tags: [String: String]
  public var subnets: [SubnetIndex]
  public var enis: [ENIIndex]
  public var routeTables: [RouteTableIndex]
  public var natGateways: [NATGatewayIndex]
}

public struct Subnet: Sendable {
  public var id: String
  public var name: String?
  public var vpc: VPCIndex
  public var cidrs: [CIDR]
  public var routeTable: RouteTableIndex
  public var tags: [String: String]
}

public struct ENI: Sendable {
  public var id: String
  public var name: String?
  public var vpc: VPCIndex
  public var subnet: SubnetIndex
  public var mac: MACAddress?
  public var addresses: [IPAddress]
  /// The n-th of a family belongs to the n-th of `addresses` of that family.
  public var publicAddresses: [IPAddress]
  public var instance: String?
  public var interface: String?
  public var bandwidthMbps: Int?
  public var tags: [String: String]
}

public struct RouteTable: Sendable {
  public var id: String
  public var vpc: VPCIndex
  public var routes: [Route]
}

public struct Route: Sendable {
  public var destination: CIDR
  public var nextHop: NextHop
  public var isEnabled: Bool
}

public enum NextHop: Sendable, Hashable {
  case local
  case nat(NATGatewayIndex)
  case eip(String?)
  case instance(String?)
  case peering(String?)
  case vpn(String?)
  case other(String?)
}

public struct NATGateway: Sendable {
  public var id: String
  public var name: String?
  public var vpc: VPCIndex
  public var addresses: [IPAddress]
}

extension NextHop {
  /// The type and id as the inventory file has them.
  public func words(in inventory: Inventory) -> (type: String, id: String?) {
    switch self {
    case .local: ("local", nil)
    case .nat(let gateway): ("nat", inventory.natGateways[gateway].id)
    case .eip(let id): ("eip", id)
    case .instance(let id): ("instance", id)
    case .peering(let id): ("peering", id)
    case .vpn(let id): ("vpn", id)
    case .other(let id): ("other", id)
    }
  }
}
