public import Inventory
internal import Mirroring
public import Wire

/// Where a record of a capture is seen, without any mirror: at its sender's ENI going out, else at its receiver's coming
/// in (semantics section 5), in the first VPC of the inventory that has one of them.
public final class ObservationFinder {
  public struct Observation: Sendable {
    public var vpc: VPCIndex
    /// nil: an unlisted ENI of `subnet`.
    public var eni: ENIIndex?
    public var subnet: SubnetIndex
    public var isOutbound: Bool
  }

  private let inventory: Inventory
  private let resolver: SideResolver
  private let interfaceNames: [String: ENIIndex]

  public init(inventory: Inventory) {
    self.inventory = inventory
    resolver = SideResolver(inventory: inventory, includesUnlisted: true)
    let named = inventory.enis.indices.flatMap { eni in
      [inventory.enis[eni].id, inventory.enis[eni].interface].compactMap { $0 }.map { ($0, eni) }
    }
    interfaceNames = Dictionary(named, uniquingKeysWith: { first, _ in first })
  }

  /// An interface of a capture, known to be an ENI's or not.
  public struct Interface: Sendable {
    let binding: LinkBinding
  }

  /// - Parameter eni: id of the ENI whose capture it is; nil: its name may say so.
  public func interface(_ interface: CaptureInterface, of eni: String?) -> Interface {
    let bound = eni.flatMap { id in inventory.enis.firstIndex { $0.id == id } }
    let found = bound ?? interface.name.flatMap { interfaceNames[$0] } ?? -1
    return Interface(binding: LinkBinding(decoder: interface.linkType.decoder ?? .none, eni: Int32(found)))
  }

  /// - Parameter interface: the one that captured it.
  public func find(_ summary: PacketSummary, _ direction: CaptureDirection, at interface: Interface) -> Observation? {
    let binding = interface.binding
    for vpc in inventory.vpcs.indices {
      let sides = resolver.resolve(summary, binding: binding, captureDirection: direction, vpc: vpc)
      if sides.out.isPresent { return observation(sides.out, vpc, isOutbound: true) }
      if sides.in.isPresent { return observation(sides.in, vpc, isOutbound: false) }
    }
    return nil
  }

  private func observation(_ side: Side, _ vpc: VPCIndex, isOutbound: Bool) -> Observation {
    let origin = Int(side.origin)
    guard origin < inventory.enis.count else {
      return Observation(vpc: vpc, eni: nil, subnet: origin - inventory.enis.count, isOutbound: isOutbound)
    }
    return Observation(vpc: vpc, eni: origin, subnet: inventory.enis[origin].subnet, isOutbound: isOutbound)
  }
}
