import DataPath
import Inventory
import Mirroring

/// Says which mirrors have nothing to collect here, and why: a name that is misspelt must not look like a quiet network.
struct MissingInterfaces {
  /// What was said of the plan before is not said again.
  private var told: Set<String> = []

  /// - Parameter open: names of the interfaces that are captured.
  mutating func tell(_ plan: MirrorPlan, open: Set<String>) {
    let problems = Self.problems(plan, open)
    problems.filter { !told.contains($0.sentence) }.complain()
    told = Set(problems.map(\.sentence))
  }

  static func problems(_ plan: MirrorPlan, _ open: Set<String>) -> [Problem] {
    shared(plan.inventory) + plan.enabled.compactMap { idle(plan.mirrors[$0], plan.inventory, open) }
  }

  private static func shared(_ inventory: Inventory) -> [Problem] {
    let named = Dictionary(grouping: inventory.enis.filter { $0.interface != nil }, by: { $0.interface! })
    return named.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map { name, enis in
      Problem(
        code: "live.interface",
        sentence: "interface \(name) is captured for none of the ENIs that name it: \(Words.some(enis.map(\.id)))",
        hint: "whose its frames are cannot be told; each ENI needs an interface of its own", isWarning: true)
    }
  }

  /// nil: an interface of its range is captured.
  private static func idle(_ mirror: TrafficMirror, _ inventory: Inventory, _ open: Set<String>) -> Problem? {
    let interfaces = inventory.enis(of: mirror.range, vpc: mirror.vpc).compactMap { inventory.enis[$0].interface }
    guard !interfaces.contains(where: open.contains) else { return nil }
    return Problem(
      code: "live.interface",
      sentence: "mirror \"\(mirror.name)\" collects nothing here: "
        + (interfaces.isEmpty
          ? "no ENI of its range is bound to an interface"
          : "of the interfaces of its range none is captured: \(Words.some(interfaces))"),
      hint: interfaces.isEmpty
        ? "name them in the inventory: \"interface\": \"tap-web1\""
        : "ip link shows those that are on this host; one that comes is captured then", isWarning: true)
  }
}
