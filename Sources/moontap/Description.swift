import DataPath
import Inventory
import Mirroring

// Mirrors in one line of words: `vpc-shop · subnet-web · all · quintuple & lua:no-scan`.
extension MirrorPlan {
  /// - Parameter note: what to say of a Lua function, in parentheses.
  func describe(_ mirror: TrafficMirror, note: (ScriptFunction) -> String? = { _ in nil }) -> String {
    [
      inventory.vpcs[mirror.vpc].id, describe(mirror.range), mirror.direction.rawValue,
      describe(mirror.filter, note: note),
    ].joined(separator: " · ")
  }

  private func describe(_ range: CollectionRange) -> String {
    switch range {
    case .vpc: "whole VPC"
    case .subnets(let subnets): Self.list(subnets.map { inventory.subnets[$0].id })
    case .enis(let enis): Self.list(enis.map { inventory.enis[$0].id })
    case .selected(let enis, let name): "\(enis.count) ENIs of \(name)"
    }
  }

  /// Up to three names; more are counted.
  private static func list(_ names: [String]) -> String {
    names.count <= 3 ? names.joined(separator: ", ") : names.prefix(2).joined(separator: ", ") + " + \(names.count - 2)"
  }

  func describe(
    _ filter: FilterExpression, isInner: Bool = false, note: (ScriptFunction) -> String? = { _ in nil }
  ) -> String {
    func joined(_ parts: [FilterExpression], _ mark: String) -> String {
      let text = parts.map { describe($0, isInner: true, note: note) }.joined(separator: mark)
      return isInner && parts.count > 1 ? "(\(text))" : text
    }
    switch filter {
    case .any: return "no filter"
    case .quintuple: return "quintuple"
    case .nat(let gateway, let isBidirectional):
      return "next hop \(inventory.natGateways[gateway].id)" + (isBidirectional ? ", bidirectional" : "")
    case .rules: return "rules"
    case .bpf(let text): return "bpf \"\(text)\""
    case .first: return "first"
    case .sample: return "sample"
    case .script(let function): return "lua:\(function.name)" + (note(function).map { " (\($0))" } ?? "")
    case .all(let parts): return parts.isEmpty ? "no filter" : joined(parts, " & ")
    case .anyOf(let parts): return parts.isEmpty ? "nothing" : joined(parts, " | ")
    case .not(let part): return "~" + describe(part, isInner: true, note: note)
    }
  }
}
