// What no mirror can collect is left out in the kernel, where it costs next to nothing: copies on their way to a receiver and what
// receivers send (stages 1 and 2 of semantics section 6, as `Judge` has them), and what no filter of a mirror that observes at this
// interface wants. Never more than what the pipeline leaves out: what cannot be told here is taken.
//
//   too short, tagged, a header that is not plain -> take
//   excluded -> leave out
//   fragment, IPv6 extension header -> take: what it belongs to is known from other packets, or from further on
//   wanted -> take
//
// The kernel sees a frame without its outermost VLAN tag, if the sender did not leave that in the frame: one tag hides nothing. It
// sees super-frames whole: nothing is asked that their segments differ in.

internal import DataPath
internal import Glibc
internal import Mirroring
internal import Wire

enum KernelFilter {
  /// Takes nothing: what is in the ring is all there is.
  static let nothing = [BPFInstruction(code: 0x06)]

  /// Bytes that a program may have in the kernel: of what a socket may have for such things (`net.core.optmem_max`: 20 KiB, since Linux
  /// 6.7 128) half, since the old program is there until the new one is. Read once, before the run is confined.
  static let room: Int = {
    guard let file = unsafe fopen("/proc/sys/net/core/optmem_max", "r") else { return 10_240 }
    defer { unsafe fclose(file) }
    var bytes = [CChar](repeating: 0, count: 32)
    guard unsafe fgets(&bytes, 31, file) != nil else { return 10_240 }
    return unsafe max(10_240, atol(bytes) / 2)
  }()

  /// How many bytes the kernel's own program has at most (`bpf_convert_filter` of net/core/filter.c): a load becomes 13 instructions
  /// of 8 bytes, a jump two.
  static func kernelSize(of program: [BPFInstruction]) -> Int {
    program.reduce(256) { size, instruction in
      let (kind, mode) = (instruction.code & 7, instruction.code & 0xe0)
      let isLoad = kind <= 1 && [0x20, 0x40, 0xa0].contains(mode)
      return size + 8 * (isLoad ? 14 : 2)
    }
  }

  /// - Parameters:
  ///   - interface: its name, as the inventory has it.
  ///   - mtu: of the interface; longer frames are super-frames, which are cut later and must be whole.
  ///   - room: bytes that the kernel's own program may have; where it would have more, frames are taken.
  static func make(
    _ plan: MirrorPlan, interface: String, linkType: LinkType, mtu: Int, snapLength: Int, compiler: any BPFCompiler,
    room: Int = KernelFilter.room
  ) -> [BPFInstruction] {
    guard let layout = FrameLayout(linkType) else { return everything }
    let wanted = WantedFrames(plan, interface: interface, layout, linkType, compiler)
    guard !wanted.isNothing else { return nothing }
    let excluded = ExcludedFrames(plan, vpc: wanted.vpc, layout)
    let programs = [true, false].lazy.map { filters in
      FrameProgram.make(
        layout.frame { kind in
          .all(of: [
            excluded.test(kind).negated, .any(of: [layout.isPartial(kind), filters ? wanted.test(kind) : .always]),
          ])
        })
    }
    let fitting = programs.first { $0.count <= 4000 && kernelSize(of: $0) <= room }
    return withSnapLength(fitting ?? everything, mtu: mtu, snapLength: snapLength)
  }

  private static let everything = [BPFInstruction(code: 0x06, k: FrameProgram.whole)]

  /// Frames that are taken jump to the end, where their length decides how much of them is.
  static func withSnapLength(_ program: [BPFInstruction], mtu: Int, snapLength: Int) -> [BPFInstruction] {
    guard snapLength < Int(FrameProgram.whole) else { return program }
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
      BPFInstruction(code: 0x06, k: FrameProgram.whole),
      BPFInstruction(code: 0x06, k: UInt32(clamping: snapLength)),
    ]
  }
}

/// Stages 1 and 2.
struct ExcludedFrames {
  private let mirrors: [TrafficMirror]
  /// Of the interface's ENI; what receivers of other VPCs send is ordinary traffic.
  private let vpc: Int?
  private let layout: FrameLayout
  /// Later fragments may be known not to be copies.
  private let tracksFragments: Bool

  init(_ plan: MirrorPlan, vpc: Int?, _ layout: FrameLayout) {
    mirrors = plan.enabled.map { plan.mirrors[$0] }
    self.vpc = vpc
    self.layout = layout
    tracksFragments = plan.options.tracksFragments
  }

  func test(_ kind: PacketKind) -> FrameTest {
    .any(
      of: mirrors.flatMap { mirror in
        mirror.receivers.flatMap { receiver in
          let copies = isCopy(kind, to: CIDR(host: receiver), mirror.encapsulation)
          return mirror.vpc == vpc ? [copies, isFrom(kind, receiver)] : [copies]
        }
      })
  }

  private func isFrom(_ kind: PacketKind, _ receiver: IPAddress) -> FrameTest {
    guard case .other = kind else { return layout.address(kind, .source, in: CIDR(host: receiver)) }
    return receiver.family == .v4 ? layout.isARP(from: UInt32(truncatingIfNeeded: receiver.low)) : .never
  }

  /// Later fragments of UDP to a receiver count as copies: a loop is worse than a missing fragment.
  private func isCopy(_ kind: PacketKind, to receiver: CIDR, _ encapsulation: Encapsulation) -> FrameTest {
    guard encapsulation.kind != .none, kind.family == receiver.family else { return .never }
    let isThere = layout.address(kind, .destination, in: receiver)
    guard encapsulation.kind == .vxlan else { return .all(of: [isThere, layout.isProtocol(kind, .gre)]) }
    return .all(of: [isThere, layout.isUDP(kind, to: UInt32(encapsulation.port), tracksFragments)])
  }
}
