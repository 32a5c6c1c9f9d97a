import Capture
import DataPath
import Inventory
import Mirroring
import Policy
import Wire

/// A fresh pipeline for one test: the packets that it makes are judged by what judges captures.
final class TestPipeline {
  private let plan: MirrorPlan
  private let pipeline: Pipeline
  private let batch = FrameBatch()
  private var interfaces: [CaptureInterface] = []
  /// The time of the latest packet: that of one without a time.
  private var clock: Int64 = 0

  init(_ policy: Policy, _ inventory: Inventory, _ compiler: any BPFCompiler) {
    var options = PlanOptions()
    options.conversationLimit = 1 << 16
    plan = MirrorPlan(inventory: inventory, mirrors: policy.mirrors, options: options)
    let pipeline = Pipeline(plan: plan, scripts: [policy], compiler: compiler)
    self.pipeline = pipeline
    policy.begin(plan: plan.enabled.enumerated().map { (entry: $0, mirror: $1) }) { [weak pipeline] entry in
      pipeline.map { MirrorStatistics($0.report(entry: entry)) }
    }
  }

  /// - Parameter mirror: its position among the policy's.
  func judge(_ mirror: Int, _ made: MadeFrame) throws(TestRefusal) -> TestVerdict {
    clock = made.time ?? clock
    let explanation: Explanation
    do {
      explanation = try explain(made)
    } catch {
      throw TestRefusal("the packet cannot be judged: \(error)")
    }
    guard plan.mirrors[mirror].isEnabled else { return TestVerdict(reason: "disabled") }
    guard !explanation.isUndecodable else { return TestVerdict(reason: "undecodable") }
    let told = explanation.mirrors.first { $0.index == mirror }?.conclusions ?? []
    let fitting = told.filter { made.isOutbound == nil || $0.isOutbound == made.isOutbound }
    guard let conclusion = fitting.first else {
      if let other = told.first {
        throw TestRefusal(
          "the verdict is about the packet \(other.isOutbound ? "going out" : "coming in"): \(other.verdict.name); "
            + "say with eni where it is captured")
      }
      return TestVerdict(reason: "unattributed")
    }
    guard fitting.count == 1 else {
      throw TestRefusal("the packet is judged at each of its ends: give it a direction or an eni")
    }
    return verdict(conclusion, plan.mirrors[mirror], explanation.summary)
  }

  private func explain(_ made: MadeFrame) throws -> Explanation {
    let interface = interface(made)
    return try unsafe made.bytes.withUnsafeBytes { buffer in
      // An empty array may have no address; a frame has one.
      let empty = unsafe UnsafeRawPointer(bitPattern: 8)!
      let frame = unsafe Frame(
        bytes: buffer.baseAddress ?? empty, time: clock, captured: UInt32(buffer.count),
        original: UInt32(clamping: made.original), interface: UInt32(interface), direction: .unknown)
      unsafe batch.frames.initialize(to: frame)
      batch.setCount(1)
      return try pipeline.explain(batch, interfaces: interfaces)
    }
  }

  /// The capture at an ENI is named by it, as in pcapng; any other is a tap of the whole VPC.
  private func interface(_ made: MadeFrame) -> Int {
    let name = made.eni.map { plan.inventory.enis[$0].id }
    let wanted = CaptureInterface(linkType: made.linkType, name: name, origin: "test")
    if let known = interfaces.firstIndex(of: wanted) { return known }
    interfaces.append(wanted)
    return interfaces.count - 1
  }

  private func verdict(
    _ conclusion: Explanation.Conclusion, _ mirror: TrafficMirror, _ summary: PacketSummary
  ) -> TestVerdict {
    let enis = plan.inventory.enis
    let address = conclusion.isOutbound ? summary.source : summary.destination
    let eni = enis.indices.contains(conclusion.origin) ? enis[conclusion.origin].id : address?.description
    return TestVerdict(
      reason: conclusion.verdict.name, receiver: conclusion.receiver.map { mirror.receivers[$0].description }, eni: eni,
      isOutbound: conclusion.isOutbound)
  }

  // MARK: Captures

  /// Takes one frame out of a capture.
  static func frame(_ descriptor: Int32, _ path: String, _ number: Int) throws(CaptureRefusal) -> MadeFrame {
    var before = 0
    let found: MadeFrame?
    do throws(CaptureError) {
      found = try frame(CaptureFileSource(descriptor: descriptor, path: path), number, &before)
    } catch {
      throw CaptureRefusal(error.description)
    }
    guard let found else { throw CaptureRefusal("\(path) has \(before) frames, there is no frame \(number)") }
    return found
  }

  private static func frame(
    _ source: CaptureFileSource, _ number: Int, _ before: inout Int
  ) throws(CaptureError) -> MadeFrame? {
    let batch = FrameBatch()
    while try source.fill(batch) {
      guard before + batch.count >= number else {
        before += batch.count
        continue
      }
      let frame = unsafe batch.frames[number - before - 1]
      let bytes = unsafe Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured)))
      return MadeFrame(
        bytes, original: Int(frame.original), linkType: source.interfaces[Int(frame.interface)].linkType,
        time: frame.time)
    }
    return nil
  }
}
