import DataPath
import Inventory
import JSONText
import Mirroring
import Policy
import Wire

/// An explanation for people, and as JSON.
struct ExplanationText {
  let plan: MirrorPlan
  let explanation: Explanation
  /// From 1; nil: a packet given in words.
  let number: UInt64?
  let time: Int64
  /// On the wire.
  let length: UInt32
  let origin: String
  /// By mirror index: why its scripts are not called any more.
  var faults: [Int: MirrorFault] = [:]

  // MARK: Text

  var text: String {
    var text = Terminal.bold(headline) + "\n"
    if explanation.isUndecodable { return text + "  undecodable: no decoder for this link type\n" }
    for mirror in explanation.mirrors { text += "\n" + describe(mirror) }
    for mirror in plan.mirrors where !mirror.isEnabled {
      text += "\n" + Terminal.bold(mirror.name) + "  disabled: judges nothing\n"
    }
    return text
  }

  private var headline: String {
    let summary = explanation.summary
    let name = number.map { "frame \($0) of \(origin)  \(Words.time(time))  " } ?? "packet  "
    return name + Self.describe(summary) + ", \(length) bytes"
      + (explanation.isRemembered ? ", conversation known" : ", first of its kind in its conversation")
  }

  static func describe(_ packet: PacketSummary) -> String {
    let tag = packet.flags.contains(.tagged) ? "vlan \(packet.vlan) " : ""
    guard let source = packet.source, let destination = packet.destination else {
      let type = "EtherType 0x" + String(packet.etherType, radix: 16)
      return tag + (packet.flags.contains(.malformed) ? "malformed IP" : packet.flags.contains(.arp) ? "ARP" : type)
    }
    let transport = packet.flags.contains(.protocolKnown) ? "\(IPProtocol(rawValue: packet.protocol))" : "IPv6"
    let hasPorts = packet.flags.contains(.portsKnown)
    func end(_ address: IPAddress, _ port: UInt16) -> String {
      guard hasPorts else { return address.description }
      return address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
    return "\(tag)\(transport) \(end(source, packet.sourcePort)) > \(end(destination, packet.destinationPort))"
      + (packet.flags.contains(.laterFragment) ? ", later fragment" : "")
  }

  private func describe(_ mirror: Explanation.Mirror) -> String {
    let definition = plan.mirrors[mirror.index]
    let text =
      Terminal.bold(definition.name) + "  " + plan.describe(definition) + Terminal.dim("  (\(definition.origin))")
      + "\n"
    return text + stages(of: mirror)
  }

  private func stages(of mirror: Explanation.Mirror) -> String {
    let definition = plan.mirrors[mirror.index]
    var text = ""
    if mirror.observations.isEmpty {
      text += "  no ENI of \(plan.inventory.vpcs[definition.vpc].id) sent or receives it\n"
    }
    for observation in mirror.observations { text += describe(observation, mirror) }
    if let fault = faults[mirror.index] { text += Summary.words(fault) }
    for conclusion in mirror.conclusions { text += "  = " + describe(conclusion, definition) + "\n" }
    return text
  }

  /// The answers of one mirror alone, for scripts.
  static func stages(of mirror: Int, _ explanation: Explanation, _ plan: MirrorPlan) -> String {
    guard !explanation.isUndecodable else { return "  undecodable: no decoder for this link type\n" }
    let whole = ExplanationText(plan: plan, explanation: explanation, number: nil, time: 0, length: 0, origin: "")
    return explanation.mirrors.first { $0.index == mirror }.map(whole.stages) ?? ""
  }

  private func describe(_ observation: Explanation.Observation, _ mirror: Explanation.Mirror) -> String {
    var text = "  \(observation.isOutbound ? "out of" : "into") \(plan.sinkPlan.origins[observation.origin].name)\n"
    for line in stages(observation, mirror) { text += "    " + line.text + "\n" }
    return text
  }

  private func describe(_ conclusion: Explanation.Conclusion, _ definition: TrafficMirror) -> String {
    let side = "\(conclusion.isOutbound ? "out of" : "into") \(plan.sinkPlan.origins[conclusion.origin].name)"
    guard conclusion.verdict == .collected, let receiver = conclusion.receiver else {
      return "not copied: \(conclusion.verdict.name), \(side)"
    }
    return "copied to \(definition.receivers[receiver]), \(side)"
  }

  // MARK: Stages

  private struct Stage {
    var name: String
    var answer: String
    var text: String { Words.pad(name, 14) + answer }
  }

  /// Each stage of semantics section 6 up to the one that decided, in its order.
  private func stages(_ observation: Explanation.Observation, _ mirror: Explanation.Mirror) -> [Stage] {
    let definition = plan.mirrors[mirror.index]
    guard let verdict = observation.verdict else {
      return [Stage(name: "not judged", answer: "one copy a record: the other side is collected")]
    }
    var stages: [Stage] = []
    for reason in Verdict.allCases where reason < .filtered {
      if reason > verdict { break }
      stages.append(Stage(name: reason.name, answer: answer(reason, applies: reason == verdict, definition)))
    }
    guard verdict >= .filtered else { return stages }
    stages += filterStages(observation, verdict)
    if verdict >= .noReceiver { stages.append(balanceStage(observation, mirror, definition)) }
    return stages
  }

  private func answer(_ reason: Verdict, applies: Bool, _ definition: TrafficMirror) -> String {
    switch reason {
    case .copy: applies ? "yes: a copy on its way to a receiver" : "no"
    case .receiver: applies ? "yes: generated by a receiving IP of the VPC" : "no"
    case .outOfRange: applies ? "yes: not in the collection range" : "no"
    case .receiverENI: applies ? "yes: this ENI holds a receiving IP, the range is by ENI" : "no"
    case .duplicate: applies ? "yes: collected where its sender is captured" : "no"
    case .direction: applies ? "yes: the mirror wants \(definition.direction.rawValue)" : "no"
    default: applies ? "yes" : "no"
    }
  }

  private func filterStages(_ observation: Explanation.Observation, _ verdict: Verdict) -> [Stage] {
    let tests = observation.steps.map { step in
      Stage(
        name: "filter",
        answer: "\(step.answer.rawValue): \(step.test)"
          + Terminal.dim(
            "  ("
              + (step.isOfFlow
                ? "remembered with the conversation" + (step.memory.map { "; \($0)" } ?? "")
                : step.memory ?? "asked for every packet") + ")"))
    }
    switch verdict {
    case .filtered: return tests + [Stage(name: "filtered", answer: "yes: the filter does not match")]
    case .scriptError: return tests + [Stage(name: "script-error", answer: "yes: the script failed")]
    default: return tests.isEmpty ? [Stage(name: "filter", answer: "none: everything in range and direction")] : tests
    }
  }

  private func balanceStage(
    _ observation: Explanation.Observation, _ mirror: Explanation.Mirror, _ definition: TrafficMirror
  ) -> Stage {
    let conclusion = mirror.conclusions.first {
      $0.isOutbound == observation.isOutbound && $0.origin == observation.origin
    }
    let method = definition.balance.inWords
    let memory = observation.balanceMemory.map { Terminal.dim("  (\($0))") } ?? ""
    guard let receiver = conclusion?.receiver else {
      return Stage(
        name: "balance", answer: "\(method): " + (observation.verdict == .noReceiver ? "no receiver" : "–") + memory)
    }
    return Stage(
      name: "balance", answer: "\(method): receiver \(receiver + 1), \(definition.receivers[receiver])" + memory)
  }

  // MARK: JSON

  var json: JSONValue {
    [
      "format": "moontap.explanation/1", "frame": number.map { .integer($0) } ?? .null,
      "packet": .string(Self.describe(explanation.summary)), "length": .integer(length),
      "conversationKnown": .bool(explanation.isRemembered), "undecodable": .bool(explanation.isUndecodable),
      "mirrors": .array(explanation.mirrors.map(json)),
    ]
  }

  private func json(_ mirror: Explanation.Mirror) -> JSONValue {
    let definition = plan.mirrors[mirror.index]
    return [
      "name": .string(definition.name), "origin": .string(definition.origin),
      "fault": faults[mirror.index].map(Summary.json) ?? .null,
      "observations": .array(mirror.observations.map(json)),
      "conclusions": .array(
        mirror.conclusions.map { conclusion in
          [
            "eni": .string(plan.sinkPlan.origins[conclusion.origin].name),
            "direction": .string(conclusion.isOutbound ? "out" : "in"), "verdict": .string(conclusion.verdict.name),
            "receiver": conclusion.receiver.map { .string(definition.receivers[$0].description) } ?? .null,
          ]
        }),
    ]
  }

  private func json(_ observation: Explanation.Observation) -> JSONValue {
    [
      "eni": .string(plan.sinkPlan.origins[observation.origin].name),
      "direction": .string(observation.isOutbound ? "out" : "in"),
      "verdict": observation.verdict.map { .string($0.name) } ?? .null,
      "filter": .array(
        observation.steps.map { step in
          [
            "test": .string(step.test), "answer": .string(step.answer.rawValue), "ofFlow": .bool(step.isOfFlow),
            "memory": step.memory.map { .string($0) } ?? .null,
          ]
        }),
    ]
  }
}

extension BalanceMethod {
  var inWords: String {
    switch self {
    case .even: "even"
    case .eniHash: "eni-hash"
    case .flowHash: "flow-hash"
    case .roundRobin: "round-robin"
    case .weighted: "weighted"
    case .script(let function): "lua \(function.name)"
    }
  }
}

extension ExplanationText {
  init(plan: MirrorPlan, explanation: Explanation, number: UInt64?, frame: Frame, origin: String) {
    self.init(
      plan: plan, explanation: explanation, number: number, time: frame.time, length: frame.original, origin: origin)
  }
}
