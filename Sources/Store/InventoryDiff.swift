internal import JSONText

/// What an import changes: objects that come, go, or are otherwise than before.
public struct InventoryDiff: Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    case region, vpc
    case routeTable = "route table"
    case subnet
    case natGateway = "NAT gateway"
    case eni = "ENI"

    /// The list of a VPC's document that holds them.
    var list: String? {
      switch self {
      case .region, .vpc: nil
      case .routeTable: "routeTables"
      case .subnet: "subnets"
      case .natGateway: "natGateways"
      case .eni: "enis"
      }
    }
  }

  public struct Change: Sendable {
    public enum Sort: String, Sendable { case added, removed, changed }
    public var sort: Sort
    public var kind: Kind
    public var id: String
    public var region: String
    /// nil: of a region.
    public var vpc: String?
    /// The members that differ.
    public var members: [String]
  }

  public var changes: [Change] = []
  public var isEmpty: Bool { changes.isEmpty }
}

/// The VPCs of a region by id, each as its document.
struct RegionDocuments {
  var vpcs: [(id: String, document: JSONValue)]
}

extension InventoryDiff {
  /// Compares one region; nil: there is no such region.
  mutating func compare(region: String, before: RegionDocuments?, after: RegionDocuments?) {
    if before == nil, after != nil { add(.added, .region, region, region) }
    if before != nil, after == nil { add(.removed, .region, region, region) }
    let (old, new) = (before?.vpcs ?? [], after?.vpcs ?? [])
    let (oldByID, newByID) = (Self.index(old), Self.index(new))
    for (id, document) in new { compare(region, id, oldByID[id], document) }
    for (id, document) in old where newByID[id] == nil { compare(region, id, document, nil) }
  }

  private static func index(_ vpcs: [(id: String, document: JSONValue)]) -> [String: JSONValue] {
    Dictionary(vpcs.map { ($0.id, $0.document) }, uniquingKeysWith: { first, _ in first })
  }

  private mutating func compare(_ region: String, _ vpc: String, _ before: JSONValue?, _ after: JSONValue?) {
    guard before != after else { return }
    let own = ["name", "cidrs", "tags"].filter { before?[$0] != after?[$0] }
    if before == nil { add(.added, .vpc, vpc, region, vpc) }
    if after == nil { add(.removed, .vpc, vpc, region, vpc) }
    if before != nil, after != nil, !own.isEmpty { add(.changed, .vpc, vpc, region, vpc, own) }
    for kind in Kind.allCases {
      guard let list = kind.list else { continue }
      compare(kind, Self.objects(before, list), Self.objects(after, list), region, vpc)
    }
  }

  private static func objects(_ vpc: JSONValue?, _ list: String) -> [(id: String, object: JSONValue)] {
    (vpc?[list]?.array ?? []).map { ($0["id"]?.string ?? "", $0) }
  }

  private mutating func compare(
    _ kind: Kind, _ before: [(id: String, object: JSONValue)], _ after: [(id: String, object: JSONValue)],
    _ region: String, _ vpc: String
  ) {
    let old = Dictionary(before.map { ($0.id, $0.object) }, uniquingKeysWith: { first, _ in first })
    let new = Set(after.map(\.id))
    for (id, object) in after {
      guard let earlier = old[id] else {
        add(.added, kind, id, region, vpc)
        continue
      }
      guard earlier != object else { continue }
      let names = (earlier.members ?? []).map(\.name) + (object.members ?? []).map(\.name)
      add(.changed, kind, id, region, vpc, Set(names).filter { earlier[$0] != object[$0] }.sorted())
    }
    for (id, _) in before where !new.contains(id) { add(.removed, kind, id, region, vpc) }
  }

  private mutating func add(
    _ sort: Change.Sort, _ kind: Kind, _ id: String, _ region: String, _ vpc: String? = nil, _ members: [String] = []
  ) {
    changes.append(Change(sort: sort, kind: kind, id: id, region: region, vpc: vpc, members: members))
  }
}
