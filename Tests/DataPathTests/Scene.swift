// What the tests put in front of the pipeline: an inventory, mirrors, frames; and what they collect behind it.

import Inventory
import Mirroring
import Wire

@testable import DataPath

/// A frame that owns its bytes.
struct TestFrame {
  var bytes: [UInt8]
  var time: Int64 = 1_700_000_000_000_000_000
  var original: UInt32
  var interface: UInt32 = 0
  var direction = CaptureDirection.unknown

  init(_ bytes: [UInt8], time: Int64 = 1_700_000_000_000_000_000, original: Int? = nil, interface: UInt32 = 0) {
    self.bytes = bytes
    self.time = time
    self.original = UInt32(original ?? bytes.count)
    self.interface = interface
  }
}

/// Everything that a run depends on but the frames.
struct Scene {
  var inventory: Inventory
  var mirrors: [TrafficMirror]
  var options = PlanOptions()
  var interfaces = [CaptureInterface(linkType: .ethernet, name: nil, origin: "test.pcap")]
  var boundENIs: [String: String] = [:]

  func pipeline(
    scripts: [any ScriptHost] = [FakeScriptHost()], compiler: (any BPFCompiler)? = nil
  ) -> Pipeline {
    try! Pipeline(
      plan: MirrorPlan(inventory: inventory, mirrors: mirrors, options: options), scripts: scripts, compiler: compiler,
      boundENIs: boundENIs)
  }
}

/// Where one copy went.
struct Delivered: Hashable, Comparable {
  /// Position of the frame in the run.
  var frame: Int
  var route: Int
  var origin: Int
  var isOutbound: Bool
  var sourcePort: UInt16

  static func < (a: Delivered, b: Delivered) -> Bool {
    (a.frame, a.route, a.isOutbound ? 0 : 1) < (b.frame, b.route, b.isOutbound ? 0 : 1)
  }
}

/// Keeps what is delivered, and drops what it is told to.
final class CollectingSink: FrameSink {
  var delivered: [Delivered] = []
  var firstFrame = 0
  /// Every n-th copy is dropped, with the reasons in turn; 0: none.
  var dropsEvery = 0
  private(set) var dropped: [(route: Int, reason: DeliveryDrop)] = []
  private(set) var calls = 0
  /// Of the plans that it was given while the run went on.
  private(set) var adopted: [SinkPlan] = []
  private var seen = 0

  func adopt(_ plan: SinkPlan) throws(Never) { adopted.append(plan) }

  func deliver(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) throws(Never) {
    calls += 1
    for position in 0..<count {
      let copy = unsafe copies[position]
      delivered.append(
        Delivered(
          frame: firstFrame + Int(copy.frame), route: Int(copy.route), origin: Int(copy.origin),
          isOutbound: copy.isOutbound, sourcePort: copy.sourcePort))
      seen += 1
      guard dropsEvery > 0, seen % dropsEvery == 0 else { continue }
      let reason = DeliveryDrop.allCases[seen / dropsEvery % DeliveryDrop.allCases.count]
      dropped.append((Int(copy.route), reason))
      drop(position, reason)
    }
  }
}

/// Memory of exactly one frame's size, so that a read beyond it is a read beyond its allocation.
@safe private final class FrameMemory {
  let start: UnsafeMutableRawPointer

  init(_ bytes: [UInt8]) {
    unsafe start = .allocate(byteCount: max(1, bytes.count), alignment: 1)
    unsafe start.copyMemory(from: bytes, byteCount: bytes.count)
  }

  deinit { unsafe start.deallocate() }
}

/// A batch of frames and the memory they point at.
@safe final class FrameTape {
  private var memory: [FrameMemory] = []
  let batch = FrameBatch()

  func load(_ frames: some Collection<TestFrame>) {
    batch.removeAll()
    memory = frames.map { FrameMemory($0.bytes) }
    for (position, frame) in frames.enumerated() {
      unsafe batch.frames[position] = Frame(
        bytes: UnsafeRawPointer(memory[position].start), time: frame.time, captured: UInt32(frame.bytes.count),
        original: frame.original, interface: frame.interface, direction: frame.direction)
    }
    batch.setCount(frames.count)
  }
}

extension Pipeline {
  /// Judges the frames in batches of the sizes given, in turn.
  ///
  /// - Parameter between: done before each batch but the first.
  func run(
    _ frames: [TestFrame], _ interfaces: [CaptureInterface], sink: CollectingSink, batches: [Int] = [128],
    between: (Pipeline) -> Void = { _ in }
  ) throws {
    let tape = FrameTape()
    var start = 0
    var turn = 0
    while start < frames.count {
      if start > 0 { between(self) }
      let end = min(frames.count, start + batches[turn % batches.count])
      tape.load(frames[start..<end])
      sink.firstFrame = start
      try process(tape.batch, interfaces: interfaces, sink: sink)
      start = end
      turn += 1
    }
  }

  func explain(_ frame: TestFrame, _ interfaces: [CaptureInterface]) throws -> Explanation {
    let tape = FrameTape()
    tape.load([frame])
    return try explain(tape.batch, interfaces: interfaces)
  }
}

extension Scene {
  /// Runs the frames through a fresh pipeline.
  func run(_ frames: [TestFrame], batches: [Int] = [128]) throws -> [Delivered] {
    let sink = CollectingSink()
    try pipeline().run(frames, interfaces, sink: sink, batches: batches)
    return sink.delivered.sorted()
  }
}

/// A host whose functions are arithmetic on what they are shown: any wrong field changes the answer.
final class FakeScriptHost: ScriptHost {
  private(set) var live: [UInt32: Int64] = [:]
  private(set) var problems: [String] = []
  private(set) var starts: [Int64] = []
  private(set) var timersRun: [Int64] = []
  var timerEvery: Int64 = 0
  private(set) var nextTimer = Int64.max

  func judge(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer {
    unsafe note(packet.pointee.flow)
    return unsafe Self.answer(function, mirror, Self.words(packet.pointee))
  }

  func choose(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice {
    unsafe note(packet.pointee.flow)
    return unsafe Self.choice(function, mirror, Self.words(packet.pointee))
  }

  func start(at time: Int64) {
    starts.append(time)
    if timerEvery > 0 { nextTimer = time + timerEvery }
  }

  func runTimers(at time: Int64) {
    timersRun.append(time)
    nextTimer = time + timerEvery
  }

  func conversationEnded(_ id: UInt32) { live[id] = nil }

  /// An id belongs to one conversation until it has ended.
  private func note(_ flow: ObservedPacket.Flow) {
    if let known = live[flow.id], known != flow.firstSeen {
      problems.append("conversation \(flow.id) began at \(known) and at \(flow.firstSeen)")
    }
    live[flow.id] = flow.firstSeen
  }

  /// Function 0 often says yes, 1 often no, 2 fails often.
  static func answer(_ function: Int, _ mirror: Int, _ words: [UInt64]) -> ScriptAnswer {
    let value = mix(words, UInt64(function), UInt64(mirror)) % 16
    switch function {
    case 0: return value < 11 ? .yes : .no
    case 1: return value < 5 ? .yes : .no
    default: return value < 6 ? .yes : value < 12 ? .no : .failed
    }
  }

  static func choice(_ function: Int, _ mirror: Int, _ words: [UInt64]) -> ScriptChoice {
    let value = mix(words, UInt64(function) &+ 100, UInt64(mirror)) % 8
    return value < 5 ? .receiver(Int(value)) : value == 5 ? .receiver(-1) : value == 6 ? .none : .failed
  }

  private static func words(_ packet: ObservedPacket) -> [UInt64] {
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: packet.bytes, count: packet.captured))
    return words(
      bytes: bytes, original: packet.original, time: packet.time, vpc: packet.vpc, eni: packet.eni,
      subnet: packet.subnet, isOutbound: packet.isOutbound, packets: packet.flow.packets,
      flowBytes: packet.flow.bytes, firstSeen: packet.flow.firstSeen,
      ports: [Int(packet.summary.sourcePort), Int(packet.summary.destinationPort)])
  }

  static func words(
    bytes: [UInt8], original: Int, time: Int64, vpc: Int, eni: Int?, subnet: Int, isOutbound: Bool, packets: UInt64,
    flowBytes: UInt64, firstSeen: Int64, ports: [Int]
  ) -> [UInt64] {
    [
      bytes.reduce(UInt64(bytes.count)) { $0 &* 31 &+ UInt64($1) }, UInt64(original), UInt64(bitPattern: time),
      UInt64(vpc), UInt64(bitPattern: Int64(eni ?? -1)), UInt64(subnet), isOutbound ? 1 : 0, packets, flowBytes,
      UInt64(bitPattern: firstSeen), UInt64(ports[0]), UInt64(ports[1]),
    ]
  }

  private static func mix(_ words: [UInt64], _ more: UInt64...) -> UInt64 {
    (words + more).reduce(0x9e37_79b9_7f4a_7c15) {
      ($0 ^ $1 &* 0xff51_afd7_ed55_8ccd) &* 0xc4ce_b9fe_1a85_ec53 ^ $0 >> 29
    }
      >> 32
  }
}
