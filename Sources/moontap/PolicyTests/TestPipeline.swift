import Capture
import DataPath
import Inventory
import Mirroring
import Policy
import Wire

/// A fresh pipeline for one test: the packets that it makes are judged by what judges captures.
final class TestPipeline {
  private let policy: Policy
  private let inventory: Inventory
  private let compiler: any BPFCompiler
  private let pipeline: Pipeline
  private let traffic = MadeTraffic()
  /// Of the plan's mirrors, the policy's own numbers.
  private var numbers: [Int]
  /// The time of the latest packet: that of one without a time.
  private var clock: Int64 = 0

  init(_ policy: Policy, _ inventory: Inventory, _ compiler: any BPFCompiler) throws(OutOfMemory) {
    self.policy = policy
    self.inventory = inventory
    self.compiler = compiler
    numbers = policy.mirrorNumbers
    pipeline = try Pipeline(plan: Self.plan(policy, inventory), scripts: [policy], compiler: compiler)
    begin()
  }

  private static func plan(_ policy: Policy, _ inventory: Inventory) -> MirrorPlan {
    var options = PlanOptions()
    options.conversationLimit = 1 << 16
    return MirrorPlan(inventory: inventory, mirrors: policy.mirrors, options: options)
  }

  private func begin() {
    policy.begin(
      plan: pipeline.plan.enabled.enumerated().map { (entry: $0, mirror: numbers[$1]) },
      statistics: { [weak pipeline] entry in pipeline.map { MirrorStatistics($0.report(entry: entry)) } })
    policy.explain { [weak self] mirror, made throws(TestRefusal) in
      guard let self else { throw TestRefusal("nothing is running") }
      let explainer = MirrorExplainer(plan: pipeline.plan, policies: [policy], compiler: compiler)
      return try explainer.explain(try position(mirror), made, at: clock)
    }
  }

  /// - Parameter mirror: its number in the policy.
  func judge(_ mirror: Int, _ made: MadeFrame) throws(TestRefusal) -> TestVerdict {
    carryOutChanges()
    clock = made.time ?? clock
    let position = try position(mirror)
    let explanation = try traffic.explain(made, at: clock, in: pipeline)
    return try MadeTraffic.verdict(of: position, made, explanation, pipeline.plan)
  }

  private func position(_ mirror: Int) throws(TestRefusal) -> Int {
    guard let position = numbers.firstIndex(of: mirror) else { throw TestRefusal("the mirror is deleted") }
    return position
  }

  /// What timers changed is in force with the next packet, as between two batches of a capture.
  private func carryOutChanges() {
    guard policy.takeRequests().changesMirrors else { return }
    numbers = policy.mirrorNumbers
    pipeline.adopt(plan: Self.plan(policy, inventory), scripts: [policy])
    begin()
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
