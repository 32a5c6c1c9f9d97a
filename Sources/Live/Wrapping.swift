internal import Mirroring
internal import Wire

/// The headers of a route's copies. The kernel makes the outer IP header: what templates hold in front of the tunnel's is
/// left out.
///
/// A class: looked up for every copy, it must not be copied.
final class Wrapping: Sendable {
  /// For frames with an Ethernet header, and for those that are given one.
  let plain: EncapsulationTemplate
  let dressed: EncapsulationTemplate
  /// Outer Ethernet and IP header.
  let outerLength: Int

  /// - Parameter method: nil: frames are sent as they are.
  init(_ method: TunnelMethod?, to receiver: IPAddress) {
    let nobody = MACAddress(value: 0)
    let ends = TunnelEnds(sourceMAC: nobody, destinationMAC: nobody, source: nil, destination: receiver)
    plain = EncapsulationTemplate(method: method, ends: ends, inner: nil)
    dressed = EncapsulationTemplate(method: method, ends: ends, inner: (destination: nobody, source: nobody))
    outerLength = method == nil ? 0 : receiver.family == .v4 ? 34 : 54
  }
}

extension TunnelMethod {
  /// nil for `none`.
  init?(_ encapsulation: Encapsulation) {
    switch encapsulation.kind {
    case .vxlan: self = .vxlan(vni: encapsulation.vni, port: encapsulation.port)
    case .gre: self = .gre(key: encapsulation.vni)
    case .erspan2: self = .erspan2(session: UInt16(truncatingIfNeeded: encapsulation.vni & 0x3ff))
    case .none: return nil
    }
  }
}
