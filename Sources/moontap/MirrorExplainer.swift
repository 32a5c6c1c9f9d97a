import DataPath
import Mirroring
import Policy

/// Answers `mirror:explain(packet)`: the packet goes through a pipeline of its own beside the one at work, by the same plan
/// and the same scripts, as the first of its conversation. Nothing of it is counted.
struct MirrorExplainer {
  let plan: MirrorPlan
  let policies: [Policy]
  let compiler: any BPFCompiler

  /// - Parameters:
  ///   - mirror: its position in the plan's mirrors.
  ///   - time: of a packet that has none.
  func explain(_ mirror: Int, _ made: MadeFrame, at time: Int64) throws(TestRefusal) -> PacketExplanation {
    guard plan.mirrors[mirror].isEnabled else {
      return PacketExplanation(verdict: TestVerdict(reason: "disabled"), lines: ["disabled: judges nothing"])
    }
    let alone = plan(for: mirror)
    let hosts = policies.map(UncountedHost.init)
    defer { for host in hosts { host.forget() } }
    let pipeline: Pipeline
    do throws(OutOfMemory) {
      pipeline = try Pipeline(plan: alone, scripts: hosts, compiler: compiler)
    } catch {
      throw TestRefusal(error.description)
    }
    let explanation = try MadeTraffic().explain(made, at: made.time ?? time, in: pipeline)
    let verdict = try MadeTraffic.verdict(of: mirror, made, explanation, alone)
    let text = ExplanationText.stages(of: mirror, explanation, alone)
    return PacketExplanation(verdict: verdict, lines: text.split(separator: "\n").map(String.init))
  }

  /// The other mirrors keep their receivers, which decide the first two stages, and ask no script.
  private func plan(for mirror: Int) -> MirrorPlan {
    var mirrors = plan.mirrors
    for index in mirrors.indices where index != mirror {
      mirrors[index].filter = .anyOf([])
      mirrors[index].balance = .flowHash
    }
    var options = PlanOptions()
    options.conversationLimit = 16
    return MirrorPlan(inventory: plan.inventory, mirrors: mirrors, options: options)
  }
}

/// Asks a policy that is at work elsewhere: its clock, its timers, its breakers and its conversations are left alone.
private final class UncountedHost: ScriptHost {
  /// No conversation of a pipeline has this number, and no made packet.
  private static let conversation: UInt32 = 0x7fff_ffff
  private let policy: Policy

  init(_ policy: Policy) { self.policy = policy }

  func judge(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer {
    var own = unsafe packet.pointee
    own.flow.id = Self.conversation
    return policy.uncounted { unsafe policy.judge(function: function, mirror: mirror, packet: &own) }
  }

  func choose(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice {
    var own = unsafe packet.pointee
    own.flow.id = Self.conversation
    return policy.uncounted { unsafe policy.choose(function: function, mirror: mirror, packet: &own) }
  }

  func describeMemory(of function: Int) -> String? { policy.describeMemory(of: function) }

  var nextTimer: Int64 { .max }
  func start(at time: Int64) {}
  func runTimers(at time: Int64) {}
  func conversationEnded(_ id: UInt32) {}

  func forget() { policy.conversationEnded(Self.conversation) }
}
