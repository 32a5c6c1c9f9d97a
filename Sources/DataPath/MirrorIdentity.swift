internal import Inventory
internal import Mirroring

/// What makes a mirror the same one in two plans, whatever else of it or of the inventory changed.
public struct MirrorIdentity: Hashable, Sendable, Comparable {
  public var region: String
  public var vpc: String
  public var name: String

  public init(region: String, vpc: String, name: String) {
    self.region = region
    self.vpc = vpc
    self.name = name
  }

  public static func < (a: MirrorIdentity, b: MirrorIdentity) -> Bool {
    (a.region, a.vpc, a.name) < (b.region, b.vpc, b.name)
  }
}

extension MirrorPlan {
  /// The identity of one of `mirrors`.
  public func identity(_ mirror: Int) -> MirrorIdentity {
    let vpc = inventory.vpcs[mirrors[mirror].vpc]
    return MirrorIdentity(region: inventory.regions[vpc.region].id, vpc: vpc.id, name: mirrors[mirror].name)
  }
}
