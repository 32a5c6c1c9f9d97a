import DataPath
import Inventory
import JSONText
import Mirroring
import Wire

// The mirrors of a run, as they are now, and what can be done to them from outside.
extension EngineControl {
  func mirrors() throws -> JSONValue {
    let summary = try snapshots.take()
    return .array(summary.plan.mirrors.indices.map { Self.json($0, summary) })
  }

  private static func json(_ index: Int, _ summary: Summary) -> JSONValue {
    let (plan, mirror) = (summary.plan, summary.plan.mirrors[index])
    let identity = plan.identity(index)
    let counted = (summary.report.mirrors + summary.report.former).first { $0.index == index }
    return [
      "name": .string(identity.name), "vpc": .string(identity.vpc), "region": .string(identity.region),
      "state": .string(summary.state(of: index).rawValue), "definition": .string(plan.describe(mirror)),
      "receivers": .array(mirror.receivers.map { .string($0.description) }),
      "vni": .integer(UInt64(mirror.encapsulation.vni)), "origin": .string(mirror.origin),
      "observed": Summary.json(counted?.observed ?? Tally()), "collected": Summary.json(counted?.collected ?? Tally()),
    ]
  }

  /// Enables or disables the mirror that a request names.
  func switchMirror(_ request: JSONValue, _ isEnabled: Bool) throws -> JSONValue {
    let (name, vpc, region) = (request["mirror"]?.string, request["vpc"]?.string, request["region"]?.string)
    guard let name else {
      throw Problem(code: "control.request", sentence: "mirror: the name of a mirror is needed", exit: .failed)
    }
    let identity = try requests.ask { engine, sink in
      let identity = try engine.configuration.plan.mirror(named: name, vpc: vpc, region: region)
      try engine.setEnabled(identity, isEnabled, sink)
      return identity
    }
    Terminal.complain("control: mirror \(identity.name.cleanLine(limit: 80)) \(isEnabled ? "enabled" : "disabled")\n")
    let summary = try snapshots.take()
    guard let index = summary.plan.mirrors.indices.first(where: { summary.plan.identity($0) == identity }) else {
      throw Problem(code: "mirror.unknown", sentence: "the mirror went meanwhile", exit: .failed)
    }
    return Self.json(index, summary)
  }
}

extension MirrorPlan {
  /// The one mirror of the name, in the VPC if one is named.
  func mirror(named name: String, vpc: String?, region: String?) throws -> MirrorIdentity {
    let found = mirrors.indices.map { identity($0) }.filter {
      $0.name == name && (vpc == nil || $0.vpc == vpc) && (region == nil || $0.region == region)
    }
    if found.count == 1 { return found[0] }
    guard found.isEmpty else {
      throw Problem(
        code: "mirror.ambiguous",
        sentence: "VPCs \(found.map(\.vpc).joined(separator: ", ")) have a mirror \(name.quotedForMessage)",
        hint: "--vpc ID says which, --region ID where that is not enough")
    }
    let near = Spelling.nearest(to: name, among: mirrors.map(\.name)).map { "did you mean \($0)?" }
    throw Problem(code: "mirror.unknown", sentence: "the engine has no mirror \(name.quotedForMessage)", hint: near)
  }
}
