import JSONText
import Mirroring
import Store

/// A stored definition in words, without an inventory: the columns of lists.
struct DefinitionWords {
  let definition: JSONValue

  var range: String {
    let range = definition["range"]
    if range?["vpc"]?.bool == true { return "whole VPC" }
    return Self.list(Self.strings(range?["subnet"]) + Self.strings(range?["eni"]))
  }

  var direction: String { definition["direction"]?.string ?? "all" }

  var filter: String {
    guard let filter = definition["filter"], !filter.isNull else { return "none" }
    if let text = FilterText(definition: definition) { return text.shortName }
    if let gateway = filter["nat"]?.string {
      return "next hop \(gateway)" + (filter["bidirectional"]?.bool == true ? ", bidirectional" : "")
    }
    if let conditions = filter["quintuple"]?.array { return conditions.map(Self.condition).joined(separator: " & ") }
    let rules = (filter["rules"]?.members ?? []).map { ($0.value.array ?? []).count }.reduce(0, +)
    return rules == 1 ? "1 rule" : "\(rules) rules"
  }

  var receivers: String { Self.list(Self.strings(definition["receivers"])) }

  var balance: String {
    guard let weights = definition["balance"]?["weighted"]?.members else {
      return definition["balance"]?.string ?? "even"
    }
    return "weighted " + weights.map { "\($0.name)=\($0.value.integer ?? 1)" }.joined(separator: ", ")
  }

  var encapsulation: String {
    let type = definition["encapsulation"]?["type"]?.string ?? "vxlan"
    guard let vni = definition["encapsulation"]?["vni"]?.integer else { return type }
    let port = definition["encapsulation"]?["port"]?.integer
    return "\(type) \(vni)" + (port.map { " to port \($0)" } ?? "")
  }

  var oversize: String? { definition["oversize"]?.string }

  var priority: String? { definition["priority"]?.integer.map(String.init) }

  var tags: String {
    (definition["tags"]?.members ?? []).map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: " ")
  }

  var collectTraffic: String { definition["enabled"]?.bool == false ? "off" : "on" }

  /// `1,000,000 bit/s, 15 % of a processor`; nil: it has none.
  var budget: String? {
    let units = [("bits", "bit/s"), ("packets", "packet/s"), ("cpu", "% of a processor")]
    let limits = units.compactMap { name, unit in
      definition["budget"]?[name]?.integer.map { "\(Words.count(UInt64(clamping: $0))) \(unit)" }
    }
    return limits.isEmpty ? nil : limits.joined(separator: ", ")
  }

  /// `tcp, destination port 443`
  private static func condition(_ condition: JSONValue) -> String {
    let names = ["sourcePort": "source port", "destinationPort": "destination port"]
    let parts = (condition.members ?? []).map { member -> String in
      if member.name == "bidirectional" { return "bidirectional" }
      let value = member.value.string ?? member.value.integer.map(String.init) ?? ""
      return member.name == "protocol" ? value : "\(names[member.name] ?? member.name) \(value)"
    }
    return parts.isEmpty ? "any" : parts.joined(separator: ", ")
  }

  private static func strings(_ list: JSONValue?) -> [String] { (list?.array ?? []).compactMap(\.string) }

  /// Up to three; more are counted.
  private static func list(_ names: [String]) -> String {
    if names.isEmpty { return "none" }
    return names.count <= 3
      ? names.joined(separator: ", ") : names.prefix(2).joined(separator: ", ") + " + \(names.count - 2)"
  }
}
