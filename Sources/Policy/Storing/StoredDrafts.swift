internal import JSONText
internal import LuaRuntime
internal import Mirroring

// What a script wrote as a `moontap.mirrors/1` document says it, right or wrong: the store judges it. What lives in the
// script's state, and ends with it, is refused here.
extension [JSONMember] {
  /// - Throws: for a part that no text can say.
  init(storing members: [DraftMember]) throws(StoreRefusal) {
    self = []
    for member in members {
      switch member.name {
      case "source", "range": append(JSONMember("range", try .storing(range: member.value)))
      case "target": append(contentsOf: try Self.target(member.value))
      case "filter": append(JSONMember("filter", try .storing(filter: member.value)))
      case "on_error": append(JSONMember("onError", try .storing(member.value, in: member.name)))
      default: append(JSONMember(member.name, try .storing(member.value, in: member.name)))
      }
    }
  }

  /// Receivers and encapsulation stand beside each other in a document; anything else keeps the name that is unknown there.
  private static func target(_ value: DraftValue) throws(StoreRefusal) -> [JSONMember] {
    guard case .table(let parts) = value.content else {
      return [JSONMember("target", try .storing(value, in: "target"))]
    }
    var members: [JSONMember] = []
    for part in parts {
      let isKnown = part.name == "receivers" || part.name == "encapsulation"
      members.append(
        JSONMember(isKnown ? part.name : "target." + part.name, try .storing(part.value, in: "target." + part.name)))
    }
    return members
  }
}

extension JSONValue {
  fileprivate static func storing(range value: DraftValue) throws(StoreRefusal) -> JSONValue {
    if case .selection = value.content {
      throw StoreRefusal(
        storing: "source", "was chosen by a function, which lives in this script and ends with it",
        hint: "name them: source.eni(...) or source.subnet(...)")
    }
    return try storing(value, in: "source")
  }

  fileprivate static func storing(filter value: DraftValue) throws(StoreRefusal) -> JSONValue {
    switch value.content {
    case .script: throw .closure
    case .filter(let filter): return try storing(filter)
    default: return try storing(value, in: "filter")
    }
  }

  private static func storing(_ filter: FilterDraft) throws(StoreRefusal) -> JSONValue {
    switch filter.content {
    case .any: return .null
    case .quintuple(let conditions):
      var list: [JSONValue] = []
      for condition in conditions { list.append(try storing(condition, in: "filter")) }
      return ["quintuple": .array(list)]
    case .nat(let gateway, let bidirectional):
      var members = [JSONMember("nat", try storing(gateway, in: "filter"))]
      if let bidirectional { members.append(JSONMember("bidirectional", try storing(bidirectional, in: "filter"))) }
      return .object(members)
    case .rules(let rules): return ["rules": try storing(rules, in: "filter")]
    case .script: throw .closure
    case .bpf, .first, .sample, .all, .anyOf, .not:
      throw filter.hasScript
        ? .closure
        : StoreRefusal(
          storing: "filter", "was composed in this script, and the store keeps texts",
          hint: "write it as one: filter = { lua = \"return filter.bpf('tcp port 443')\" }")
    }
  }

  /// - Parameter key: which member of the definition it is part of, for messages.
  fileprivate static func storing(_ value: DraftValue, in key: String) throws(StoreRefusal) -> JSONValue {
    switch value.content {
    case .null: return .null
    case .bool(let flag): return .bool(flag)
    case .integer(let number): return .integer(number)
    case .number(let number):
      guard let text = JSONNumber(number) else { throw StoreRefusal(storing: key, "is no number that can be written") }
      return JSONValue(.number(text))
    case .string(let text): return .string(text)
    case .list(let values):
      var list: [JSONValue] = []
      for value in values { list.append(try storing(value, in: key)) }
      return .array(list)
    case .table(let members): return try storing(members, in: key)
    case .filter(let filter): return try storing(filter)
    case .script:
      throw StoreRefusal(
        storing: key, "is a function, which lives in this script and ends with it",
        hint: key == "balance" ? "name a method: \"even\", \"eni-hash\", \"flow-hash\" or \"round-robin\"" : nil)
    case .selection: return try storing(range: value)
    case .other(let what): throw StoreRefusal(storing: key, "is \(what), which the store cannot keep")
    }
  }

  private static func storing(_ members: [DraftMember], in key: String) throws(StoreRefusal) -> JSONValue {
    // Lua's empty table is an empty list as well.
    if members.isEmpty, key.hasSuffix("receivers") { return .array([]) }
    var object: [JSONMember] = []
    for member in members {
      if case .table(let parts) = member.value.content, parts.isEmpty, lists.contains(member.name) {
        object.append(JSONMember(names[member.name] ?? member.name, .array([])))
      } else {
        // Tags are named by whoever gives them.
        let name = key == "tags" ? member.name : names[member.name] ?? member.name
        object.append(JSONMember(name, try storing(member.value, in: key)))
      }
    }
    return .object(object)
  }

  private static let lists: Set = ["subnet", "eni", "quintuple", "inbound", "outbound", "in", "out"]
  /// Lua's names of members.
  private static let names = [
    "source_port": "sourcePort", "destination_port": "destinationPort", "inbound": "in", "outbound": "out",
  ]
}

extension FilterDraft {
  fileprivate var hasScript: Bool {
    switch content {
    case .script: true
    case .all(let parts), .anyOf(let parts): parts.contains(where: \.hasScript)
    case .not(let part): part.hasScript
    default: false
    }
  }
}

extension StoreRefusal {
  fileprivate init(storing key: String, _ reason: String, hint: String? = nil) {
    self.init(code: "mirror.not-storable", sentence: "\(key): \(reason)", hint: hint)
  }

  fileprivate static var closure: StoreRefusal {
    StoreRefusal(
      storing: "filter", "is a function, which lives in this script and ends with it; the store keeps texts",
      hint: "give it as one: filter = { lua = [[ return function(packet) return packet.ttl < 5 end ]] }")
  }
}
