import Foundation
import Inventory
import JSONText
import Mirroring
import Store
import Wire

/// `mirror create --interactive`: the console's two steps, one question at a time. Choices come from the inventory, each
/// answer is judged by the rules before the next question; questions go to standard error.
///
/// Answers may also come from a pipe; its end before the last question ends the command.
struct Wizard {
  let store: MirrorStore
  let inventory: Inventory

  init(store: MirrorStore) throws {
    self.store = store
    guard let inventory = try asking({ () throws(StoreError) in try store.inventory() }) else {
      throw Problems(StoreError.noInventory)
    }
    self.inventory = inventory
  }

  func ask() throws -> WantedMirror {
    var members: [JSONMember] = []
    say("Step 1 of 2: what is collected\n")
    try askNetwork(&members)
    let vpc = chosenVPC(members)
    try ask("Name", "name", &members) { .string($0) }
    try ask("Description (may be empty)", "description", &members) { .string($0) }
    try askRange(vpc, &members)
    try choose("Direction", ["all", "out", "in"], "direction", &members)
    try askFilter(vpc, &members)
    say("Step 2 of 2: where it goes\n")
    try ask("Receiving IPs, with commas (empty: the mirror is stored, but not collecting)", "receivers", &members) {
      .string($0)
    }
    if ReceiverWords.isEmpty(members.value("receivers")?.string ?? "") {
      members.set("enabled", false)
    } else {
      try choose("Balance method", ["even", "eni-hash", "flow-hash", "round-robin"], "balance", &members)
    }
    return WantedMirror(members, file: "answers")
  }

  // MARK: Step 1

  private func askNetwork(_ members: inout [JSONMember]) throws {
    let choices = inventory.vpcs.map { vpc in
      Choice(
        id: vpc.id, label: [vpc.name, inventory.regions[vpc.region].id].compactMap(\.self).joined(separator: ", "))
    }
    let index = try pick("VPC", choices)
    members.set("region", .string(inventory.regions[inventory.vpcs[index].region].id))
    members.set("vpc", .string(inventory.vpcs[index].id))
    // The limit shows at once, not after the last question.
    if let full = try complaints(about: "vpc", members).first { throw Problems(list: [Problem(full)]) }
  }

  private func chosenVPC(_ members: [JSONMember]) -> VPC {
    inventory.vpcs.first {
      $0.id == members.value("vpc")?.string && inventory.regions[$0.region].id == members.value("region")?.string
    }!
  }

  private func askRange(_ vpc: VPC, _ members: inout [JSONMember]) throws {
    let kinds = [
      Choice(id: "vpc", label: "the whole VPC"), Choice(id: "subnet", label: "subnets"),
      Choice(id: "eni", label: "network interfaces"),
    ]
    switch try pick("Collection range", kinds) {
    case 0: members.set("range", ["vpc": true])
    case 1:
      let subnets = vpc.subnets.map { inventory.subnets[$0] }
      let choices = subnets.map { Choice(id: $0.id, label: $0.cidrs.map(\.description).joined(separator: ", ")) }
      try pickSeveral("Subnets", choices, "subnet", &members)
    default:
      let enis = vpc.enis.map { inventory.enis[$0] }
      let choices = enis.map { Choice(id: $0.id, label: $0.addresses.map(\.description).joined(separator: ", ")) }
      try pickSeveral("ENIs", choices, "eni", &members)
    }
  }

  private func askFilter(_ vpc: VPC, _ members: inout [JSONMember]) throws {
    let kinds = [
      Choice(id: "none", label: "everything in range"), Choice(id: "quintuple", label: "one condition"),
      Choice(id: "nat", label: "next hop is a NAT gateway"),
    ]
    switch try pick("Filter", kinds) {
    case 1: try askCondition(&members)
    case 2:
      let gateways = vpc.natGateways.map { inventory.natGateways[$0] }
      guard !gateways.isEmpty else {
        say("  the VPC has no NAT gateway\n")
        return try askFilter(vpc, &members)
      }
      let choices = gateways.map { Choice(id: $0.id, label: $0.addresses.map(\.description).joined(separator: ", ")) }
      members.set("filter", ["nat": .string(choices[try pick("NAT gateway", choices)].id)])
    default: members.set("filter", .null)
    }
  }

  /// Field by field: each is judged with those before it.
  private func askCondition(_ members: inout [JSONMember]) throws {
    var condition: [JSONMember] = []
    for (title, key) in [
      ("Protocol", "protocol"), ("Source network", "source"), ("Destination network", "destination"),
      ("Source port", "sourcePort"), ("Destination port", "destinationPort"),
    ] {
      let kept = condition
      try ask(title + " (empty: any)", "filter", &members) { answer in
        condition = kept + (answer.isEmpty ? [] : [JSONMember(key, Self.value(answer, key))])
        return ["quintuple": [.object(condition)]]
      }
    }
  }

  private static func value(_ answer: String, _ key: String) -> JSONValue {
    key == "protocol" ? DefinitionOptions.number(answer) : .string(answer)
  }

  // MARK: Questions

  struct Choice {
    var id: String
    var label: String
  }

  /// Asks until the rules have nothing against the answer.
  private func ask(
    _ title: String, _ key: String, _ members: inout [JSONMember], value: (String) -> JSONValue
  ) throws {
    while true {
      members.set(key, value(try answer(title)))
      if ["receivers"].contains(key), ReceiverWords.isEmpty(members.value(key)?.string ?? "") { return }
      let problems = try complaints(about: key, members)
      if problems.isEmpty { return }
      for problem in problems { say("  " + problem.sentence + (problem.hint.map { "\n    hint: " + $0 } ?? "") + "\n") }
    }
  }

  /// What the rules have against one member, as far as the others are known.
  private func complaints(about key: String, _ members: [JSONMember]) throws -> [MirrorViolation] {
    let violations = try asking { () throws(StoreError) in
      try store.check(WantedMirror(members, file: "answers"))
    }
    return violations.filter {
      !$0.isWarning && ($0.path == key || $0.path.hasPrefix(key + ".") || $0.path.hasPrefix(key + "["))
    }
  }

  private func choose(_ title: String, _ words: [String], _ key: String, _ members: inout [JSONMember]) throws {
    members.set(key, .string(words[try pick(title, words.map { Choice(id: $0, label: "") })]))
  }

  /// By number or id; an empty answer is the first.
  private func pick(_ title: String, _ choices: [Choice]) throws -> Int {
    show(title, choices)
    while true {
      let text = try answer("\(title) [1]")
      if text.isEmpty { return 0 }
      if let index = Self.index(text, choices) { return index }
      say("  \(text.quotedForMessage) is none of them\(Self.near(text, choices))\n")
    }
  }

  private func pickSeveral(
    _ title: String, _ choices: [Choice], _ key: String, _ members: inout [JSONMember]
  ) throws {
    show(title, choices)
    try ask("\(title), numbers or ids with commas", "range", &members) { text in
      let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
      return .object([
        JSONMember(key, .array(parts.map { part in .string(Self.index(part, choices).map { choices[$0].id } ?? part) }))
      ])
    }
  }

  private static func index(_ text: String, _ choices: [Choice]) -> Int? {
    if let index = choices.firstIndex(where: { $0.id == text }) { return index }
    guard let number = Int(text), choices.indices.contains(number - 1) else { return nil }
    return number - 1
  }

  private static func near(_ text: String, _ choices: [Choice]) -> String {
    Spelling.nearest(to: text, among: choices.map(\.id)).map { "; did you mean \($0.quotedForMessage)?" } ?? ""
  }

  /// Long lists are cut: ids can be typed as well.
  private func show(_ title: String, _ choices: [Choice]) {
    for (index, choice) in choices.prefix(40).enumerated() {
      say("  \(index + 1)  \(choice.id)" + (choice.label.isEmpty ? "" : "  \(choice.label)") + "\n")
    }
    if choices.count > 40 { say("  ... and \(choices.count - 40) more, by id\n") }
  }

  private func answer(_ title: String) throws -> String {
    say("\(title): ")
    guard let line = readLine() else {
      throw Problem(code: "answers.ended", sentence: "the answers ended before the last question; nothing was made")
    }
    return line.trimmingCharacters(in: .whitespaces)
  }

  private func say(_ text: String) { Terminal.complain(text) }
}

enum ReceiverWords {
  /// Nothing but separators and blanks.
  static func isEmpty(_ text: String) -> Bool { text.allSatisfy { $0 == "," || $0.isWhitespace } }
}
