// Which observations a record stands for (semantics section 5).

internal import Inventory
internal import Mirroring
internal import Wire

/// The ENI of one side of a record: a listed ENI, or an unlisted one of a subnet.
///
/// The raw value is the index into `SinkPlan.origins`: listed ENIs first, then one for each subnet.
struct Side: BitwiseCopyable, Equatable {
  var origin: Int32
  static let absent = Side(origin: -1)
  var isPresent: Bool { origin >= 0 }
}

/// The sides of one record within one VPC.
struct Sides: BitwiseCopyable {
  var out: Side = .absent
  var `in`: Side = .absent
}

/// What the capture says about where it was taken: the ENI of a named interface, or the whole VPC.
struct LinkBinding: BitwiseCopyable, Hashable {
  var decoder: LinkDecoder
  /// ENI index, or one of these.
  var eni: Int32

  /// A tap of the whole VPC.
  static let tap: Int32 = -1
  /// Says nothing of any VPC.
  static let nobody: Int32 = -2
}

/// Finds sides: by MAC, else by address, per VPC. A class for the same reason as `Judge`.
final class SideResolver {
  private let inventory: Inventory
  private let includesUnlisted: Bool

  init(inventory: Inventory, includesUnlisted: Bool) {
    self.inventory = inventory
    self.includesUnlisted = includesUnlisted
  }

  func resolve(
    _ packet: PacketSummary, binding: LinkBinding, captureDirection: CaptureDirection, vpc: Int
  ) -> Sides {
    if binding.eni >= 0 {
      return bound(packet, Int(binding.eni), captureDirection, vpc)
    }
    guard binding.eni == LinkBinding.tap else { return Sides() }
    let isGroup = packet.flags.contains(.groupDestination)
    let source = packet.flags.contains(.sourceMACKnown) ? holder(packet.sourceMAC, vpc) : .nobody
    let destination =
      packet.flags.contains(.destinationMACKnown) && !isGroup ? holder(packet.destinationMAC, vpc) : .nobody
    var sides = Sides(out: source.side, in: destination.side)
    // Rule 4: the MAC of an ENI of another VPC only.
    if source.isForeign || destination.isForeign { return sides }
    let isByAddressAlone = !sides.out.isPresent && !sides.in.isPresent
    if !sides.out.isPresent, let address = packet.source {
      sides.out = byAddress(address, vpc, anyENI: isByAddressAlone)
    }
    if !sides.in.isPresent, !isGroup, let address = packet.destination {
      sides.in = byAddress(address, vpc, anyENI: isByAddressAlone)
    }
    return sides
  }

  /// The ENI that sent the record, wherever it was captured. Found as in a tap of the VPC: where its MAC is known, no
  /// address is believed.
  func sender(of record: Record, vpc: Int) -> Side {
    let tap = LinkBinding(decoder: record.binding.decoder, eni: LinkBinding.tap)
    return resolve(record.summary, binding: tap, captureDirection: .unknown, vpc: vpc).out
  }

  /// Whose a MAC is, seen from one VPC.
  private enum Holder {
    case nobody
    case eni(Int)
    /// An ENI of another VPC.
    case foreign

    var side: Side { if case .eni(let eni) = self { Side(origin: Int32(eni)) } else { .absent } }
    var isForeign: Bool { if case .foreign = self { true } else { false } }
  }

  private func holder(_ mac: UInt64, _ vpc: Int) -> Holder {
    let mac = MACAddress(value: mac)
    if let eni = inventory.eni(vpc: vpc, mac: mac) { return .eni(eni) }
    return inventory.isKnown(mac: mac) ? .foreign : .nobody
  }

  /// Rules 2 and 3. With one MAC known the other side counts only for ENIs whose MAC the inventory does not know.
  private func byAddress(_ address: IPAddress, _ vpc: Int, anyENI: Bool) -> Side {
    if let eni = inventory.eni(vpc: vpc, address: address) {
      return anyENI || inventory.enis[eni].mac == nil ? Side(origin: Int32(eni)) : .absent
    }
    guard includesUnlisted, let subnet = inventory.subnet(vpc: vpc, address: address) else { return .absent }
    return Side(origin: Int32(inventory.enis.count + subnet))
  }

  /// A named interface: one side, as live. The source MAC decides, else the source address, else the capture.
  private func bound(
    _ packet: PacketSummary, _ eni: Int, _ captureDirection: CaptureDirection, _ vpc: Int
  ) -> Sides {
    let bound = inventory.enis[eni]
    guard bound.vpc == vpc else { return Sides() }
    let isOut: Bool
    if let mac = bound.mac, packet.flags.contains(.sourceMACKnown) {
      isOut = packet.sourceMAC == mac.value
    } else if let source = packet.source {
      isOut = bound.addresses.contains(source)
    } else if packet.flags.contains(.directionKnown) {
      isOut = packet.flags.contains(.sentByHost)
    } else {
      isOut = captureDirection == .outbound
    }
    let side = Side(origin: Int32(eni))
    return isOut ? Sides(out: side) : Sides(in: side)
  }
}
