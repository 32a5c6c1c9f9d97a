import DataPath
import Inventory
import Mirroring
import Policy
import Wire

/// Packets that scripts made, on their way through a pipeline, one at a time; and what became of each, as scripts see it.
final class MadeTraffic {
  private let batch = FrameBatch()
  private var interfaces: [CaptureInterface] = []

  /// Judges the packet as one of a capture, counters included, and tells how.
  func explain(_ made: MadeFrame, at time: Int64, in pipeline: Pipeline) throws(TestRefusal) -> Explanation {
    let interface = interface(made, pipeline.plan)
    do {
      return try unsafe made.bytes.withUnsafeBytes { buffer in
        // An empty array may have no address; a frame has one.
        let empty = unsafe UnsafeRawPointer(bitPattern: 8)!
        let frame = unsafe Frame(
          bytes: buffer.baseAddress ?? empty, time: time, captured: UInt32(buffer.count),
          original: UInt32(clamping: made.original), interface: UInt32(interface), direction: .unknown)
        unsafe batch.frames.initialize(to: frame)
        batch.setCount(1)
        return try pipeline.explain(batch, interfaces: interfaces)
      }
    } catch {
      throw TestRefusal("the packet cannot be judged: \(error)")
    }
  }

  /// The capture at an ENI is named by it, as in pcapng; any other is a tap of the whole VPC.
  private func interface(_ made: MadeFrame, _ plan: MirrorPlan) -> Int {
    let name = made.eni.map { plan.inventory.enis[$0].id }
    let wanted = CaptureInterface(linkType: made.linkType, name: name, origin: "test")
    if let known = interfaces.firstIndex(of: wanted) { return known }
    interfaces.append(wanted)
    return interfaces.count - 1
  }

  /// What one mirror of the plan made of it.
  static func verdict(
    of mirror: Int, _ made: MadeFrame, _ explanation: Explanation, _ plan: MirrorPlan
  ) throws(TestRefusal) -> TestVerdict {
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
    return verdict(conclusion, plan.mirrors[mirror], explanation.summary, plan)
  }

  private static func verdict(
    _ conclusion: Explanation.Conclusion, _ mirror: TrafficMirror, _ summary: PacketSummary, _ plan: MirrorPlan
  ) -> TestVerdict {
    let enis = plan.inventory.enis
    let address = conclusion.isOutbound ? summary.source : summary.destination
    let eni = enis.indices.contains(conclusion.origin) ? enis[conclusion.origin].id : address?.description
    return TestVerdict(
      reason: conclusion.verdict.name, receiver: conclusion.receiver.map { mirror.receivers[$0].description }, eni: eni,
      isOutbound: conclusion.isOutbound)
  }
}
