// What every mirror excludes is filtered in the kernel, so that it costs nothing here: copies on their way to a receiver, and
// what receivers send (stages 1 and 2 of semantics section 6, as `Judge` has them; never more than it).
//
// The kernel sees a frame without its outermost VLAN tag, as libpcap's programs do without `vlan`: one tag hides nothing.

internal import DataPath
internal import Mirroring
internal import Wire

enum KernelFilter {
  /// Takes nothing: what is in the ring is all there is.
  static let nothing = [BPFInstruction(code: 0x06)]

  /// Instructions that a filter may have; the kernel's limit is 4,096 and its memory for them may be less.
  private static let limit = 2000

  /// - Parameters:
  ///   - vpc: of the ENI that the interface is bound to; what receivers of other VPCs send is ordinary traffic.
  ///   - mtu: of the interface; longer frames are super-frames, which are cut later and must be whole.
  static func make(
    _ plan: MirrorPlan, vpc: Int, linkType: LinkType, mtu: Int, snapLength: Int, compiler: any BPFCompiler
  ) -> [BPFInstruction] {
    let text = expression(plan.enabled.map { plan.mirrors[$0] }, vpc: vpc)
    let program = (try? compiler.compile(text, linkType: linkType))?.instructions ?? everything
    // The pipeline excludes all that the kernel does not.
    return withSnapLength(program.count <= limit ? program : everything, mtu: mtu, snapLength: snapLength)
  }

  private static let whole: UInt32 = 262_144
  private static let everything = [BPFInstruction(code: 0x06, k: whole)]

  /// In pcap-filter(7): what is captured.
  static func expression(_ mirrors: [TrafficMirror], vpc: Int) -> String {
    var excluded: [String] = []
    func exclude(_ text: String) { if !excluded.contains(text) { excluded.append(text) } }
    for mirror in mirrors {
      for receiver in mirror.receivers {
        if let copies = copies(to: receiver, mirror.encapsulation) { exclude(copies) }
        if mirror.vpc == vpc { exclude("(src host \(receiver))") }
      }
    }
    return excluded.isEmpty ? "" : "not (\(excluded.joined(separator: " or ")))"
  }

  /// Later fragments of UDP to a receiver count as copies: a loop is worse than a missing fragment.
  private static func copies(to receiver: IPAddress, _ encapsulation: Encapsulation) -> String? {
    let isV4 = receiver.family == .v4
    let later = isV4 ? "ip[6:2] & 0x1fff != 0" : "ip6[6] = 44"
    switch encapsulation.kind {
    case .vxlan:
      let udp = isV4 ? "udp" : "(udp or (ip6[6] = 44 and ip6[40] = 17))"
      let port = encapsulation.port
      return "(dst host \(receiver) and \(udp) and (udp dst port \(port) or \(later)))"
    case .gre, .erspan2:
      return isV4 ? "(dst host \(receiver) and ip proto 47)" : "(dst host \(receiver) and (ip6[6] = 47))"
    case .none: return nil
    }
  }

  /// Frames that are taken jump to the end, where their length decides how much of them is.
  static func withSnapLength(_ program: [BPFInstruction], mtu: Int, snapLength: Int) -> [BPFInstruction] {
    guard snapLength < Int(whole) else { return program }
    // Ethernet header and two tags.
    let longest = UInt32(clamping: mtu + 22)
    let end = program.count
    let taking = program.enumerated().map { index, instruction in
      let isTaking = instruction.code == 0x06 && instruction.k != 0
      return isTaking ? BPFInstruction(code: 0x05, k: UInt32(end - index - 1)) : instruction
    }
    return taking + [
      BPFInstruction(code: 0x80),
      BPFInstruction(code: 0x25, jumpTrue: 0, jumpFalse: 1, k: longest),
      BPFInstruction(code: 0x06, k: whole),
      BPFInstruction(code: 0x06, k: UInt32(clamping: snapLength)),
    ]
  }
}
