import Foundation
import Inventory
import JSONText
import Mirroring
import Testing

/// One rule: definitions that break it, and neighbours of these that do not.
struct RuleCase: CustomTestStringConvertible, Sendable {
  var code: String
  var path: String
  var wrong: [String]
  var right: [String]

  init(_ code: String, _ path: String, wrong: [String], right: [String]) {
    self.code = code
    self.path = path
    self.wrong = wrong
    self.right = right
  }

  var testDescription: String { code }
}

private func filter(_ text: String) -> String { definition(["filter": text]) }
private func condition(_ text: String) -> String { filter("{\"quintuple\": [{\(text)}]}") }
private func rules(_ text: String) -> String { filter("{\"rules\": {\"out\": [\(text)]}}") }
private func quoted(_ text: String) -> String { JSONValue.string(text).text() }
private func tags(_ count: Int) -> String {
  "{" + (0..<count).map { "\"k\($0)\": \"v\"" }.joined(separator: ", ") + "}"
}
private func receivers(_ count: Int) -> String {
  "[" + (0..<count).map { "\"10.0.\(1 + $0 / 250).\(1 + $0 % 250)\"" }.joined(separator: ", ") + "]"
}
private func ids(_ count: Int) -> String { "[" + (0..<count).map { "\"eni-\($0)\"" }.joined(separator: ", ") + "]" }

/// What JSON can say; rules about other mirrors, files and Lua stand below.
let ruleCases: [RuleCase] = [
  RuleCase(
    "key.unknown", "mirrors[0].recievers", wrong: [definition(["recievers": "[]"])],
    right: [definition(["x-note": "1"])]),
  RuleCase(
    "value.type", "mirrors[0].enabled", wrong: [definition(["enabled": "1"])], right: [definition(["enabled": "true"])]),
  RuleCase(
    "value.type", "mirrors[0].description", wrong: [definition(["description": "1"])],
    right: [definition(["description": "\"d\""])]),
  RuleCase("value.type", "mirrors[0].name", wrong: [definition(["name": "7"])], right: []),
  RuleCase("value.type", "mirrors[0].region", wrong: [definition(["region": "[]"])], right: []),
  RuleCase("value.type", "mirrors[0].vpc", wrong: [definition(["vpc": "{}"])], right: []),
  RuleCase(
    "value.type", "mirrors[0].range", wrong: [definition(["range": "\"vpc\""]), definition(["range": "[]"])], right: []),
  RuleCase("value.type", "mirrors[0].range.vpc", wrong: [definition(["range": "{\"vpc\": \"yes\"}"])], right: []),
  RuleCase(
    "value.type", "mirrors[0].range.subnet", wrong: [definition(["range": "{\"subnet\": \"subnet-web\"}"])], right: []),
  RuleCase(
    "value.type", "mirrors[0].range.eni[1]", wrong: [definition(["range": "{\"eni\": [\"eni-web1\", 1]}"])], right: []),
  RuleCase("value.type", "mirrors[0].filter", wrong: [filter("\"tcp\""), filter("[]")], right: [filter("null")]),
  RuleCase(
    "value.type", "mirrors[0].filter.quintuple", wrong: [filter("{\"quintuple\": {\"protocol\": \"tcp\"}}")], right: []),
  RuleCase("value.type", "mirrors[0].filter.quintuple[0]", wrong: [filter("{\"quintuple\": [\"tcp\"]}")], right: []),
  RuleCase("value.type", "mirrors[0].filter.quintuple[0].source", wrong: [condition("\"source\": 10")], right: []),
  RuleCase(
    "value.type", "mirrors[0].filter.quintuple[0].bidirectional", wrong: [condition("\"bidirectional\": \"yes\"")],
    right: []),
  RuleCase("value.type", "mirrors[0].filter.nat", wrong: [filter("{\"nat\": [\"nat-a\"]}")], right: []),
  RuleCase("value.type", "mirrors[0].filter.rules", wrong: [filter("{\"rules\": []}")], right: []),
  RuleCase("value.type", "mirrors[0].filter.rules.out", wrong: [filter("{\"rules\": {\"out\": {}}}")], right: []),
  RuleCase("value.type", "mirrors[0].receivers", wrong: [definition(["receivers": "7"])], right: []),
  RuleCase("value.type", "mirrors[0].receivers[0]", wrong: [definition(["receivers": "[7]"])], right: []),
  RuleCase(
    "value.type", "mirrors[0].balance", wrong: [definition(["balance": "7"]), definition(["balance": "[]"])], right: []),
  RuleCase(
    "value.type", "mirrors[0].balance.weighted", wrong: [definition(["balance": "{\"weighted\": [1]}"])], right: []),
  RuleCase("value.type", "mirrors[0].encapsulation", wrong: [definition(["encapsulation": "\"gre\""])], right: []),
  RuleCase("value.type", "mirrors[0].tags", wrong: [definition(["tags": "[]"])], right: []),
  RuleCase("value.type", "mirrors[0].tags.k", wrong: [definition(["tags": "{\"k\": 1}"])], right: []),
  RuleCase("name.empty", "mirrors[0]", wrong: [definition(["name": nil])], right: []),
  RuleCase(
    "name.empty", "mirrors[0].name", wrong: [definition(["name": "\"\""]), definition(["name": "\" \""])],
    right: [definition(["name": "\" a\""])]),
  RuleCase(
    "name.too-long", "mirrors[0].name", wrong: [definition(["name": quoted(String(repeating: "ü", count: 61))])],
    right: [String(repeating: "ü", count: 60), String(repeating: "👩‍👩‍👧", count: 60)].map {
      definition(["name": quoted($0)])
    }),
  RuleCase(
    "name.control", "mirrors[0].name", wrong: [definition(["name": "\"a\\u001b[2J\""])],
    right: [definition(["name": "\"a b/ü\""])]),
  RuleCase(
    "region.unknown", "mirrors[0].region", wrong: [definition(["region": "\"r-9\""])],
    right: [definition(["region": "\"r-1\""])]),
  RuleCase("network.unknown", "mirrors[0]", wrong: [definition(["vpc": nil])], right: []),
  RuleCase(
    "network.unknown", "mirrors[0].vpc",
    wrong: [definition(["vpc": "\"vpc-x\""]), definition(["region": "\"r-2\""]), definition(["vpc": "\"vpc-twin\""])],
    right: []),
  RuleCase(
    "range.missing", "mirrors[0]", wrong: [definition(["range": nil]), definition(["range": "null"])], right: []),
  RuleCase(
    "range.missing", "mirrors[0].range", wrong: ["{}", "{\"vpc\": false}"].map { definition(["range": $0]) },
    right: [definition(["range": "{\"vpc\": true}", "receivers": "[\"10.0.2.4\"]"])]),
  RuleCase(
    "range.missing", "mirrors[0].range.eni", wrong: [definition(["range": "{\"eni\": []}"])],
    right: [definition(["range": "{\"eni\": [\"eni-db\"]}"])]),
  RuleCase(
    "range.ambiguous", "mirrors[0].range",
    wrong: [
      definition(["range": "{\"vpc\": true, \"subnet\": [\"subnet-web\"]}"]),
      definition(["range": "{\"subnet\": [\"subnet-web\"], \"eni\": [\"eni-web1\"]}"]),
    ], right: [definition(["range": "{\"vpc\": false, \"subnet\": [\"subnet-web\"], \"eni\": null}"])]),
  RuleCase(
    "range.unknown", "mirrors[0].range.subnet[1]",
    wrong: [definition(["range": "{\"subnet\": [\"subnet-web\", \"subnet-wep\"]}"])],
    right: [definition(["range": "{\"subnet\": [\"subnet-web\", \"subnet-db\"]}"])]),
  RuleCase(
    "range.unknown", "mirrors[0].range.eni[0]", wrong: [definition(["range": "{\"eni\": [\"eni-x\"]}"])], right: []),
  RuleCase(
    "range.other-vpc", "mirrors[0].range.eni[0]", wrong: [definition(["range": "{\"eni\": [\"eni-b\"]}"])], right: []),
  RuleCase(
    "range.other-vpc", "mirrors[0].range.subnet[0]", wrong: [definition(["range": "{\"subnet\": [\"subnet-b\"]}"])],
    right: []),
  RuleCase(
    "range.too-many", "mirrors[0].range.eni", wrong: [definition(["range": "{\"eni\": \(ids(21))}"])], right: []),
  RuleCase(
    "direction.unknown", "mirrors[0].direction", wrong: ["\"both\"", "\"In\""].map { definition(["direction": $0]) },
    right: ["\"all\"", "\"in\"", "\"out\""].map { definition(["direction": $0]) }),
  RuleCase(
    "filter.coexist", "mirrors[0].filter",
    wrong: [
      filter("{\"quintuple\": [{}], \"nat\": \"nat-a\"}"), filter("{\"quintuple\": [{}], \"rules\": {\"in\": []}}"),
      filter("{\"nat\": \"nat-a\", \"rules\": {}}"),
    ], right: [filter("{\"quintuple\": [{}], \"nat\": null}")]),
  RuleCase("filter.empty", "mirrors[0].filter", wrong: [filter("{}")], right: [filter("{\"quintuple\": [{}]}")]),
  RuleCase("filter.empty", "mirrors[0].filter.quintuple", wrong: [filter("{\"quintuple\": []}")], right: []),
  RuleCase(
    "filter.empty", "mirrors[0].filter.rules", wrong: [filter("{\"rules\": {}}"), filter("{\"rules\": {\"in\": []}}")],
    right: []),
  RuleCase(
    "key.unknown", "mirrors[0].filter.bidirectional", wrong: [filter("{\"quintuple\": [{}], \"bidirectional\": true}")],
    right: [filter("{\"nat\": \"nat-a\", \"bidirectional\": true}")]),
  RuleCase("key.unknown", "mirrors[0].filter.bpf", wrong: [filter("{\"bpf\": \"tcp\"}")], right: []),
  RuleCase(
    "key.unknown", "mirrors[0].filter.quintuple[0].source_port", wrong: [condition("\"source_port\": 1")],
    right: [condition("\"sourcePort\": 1, \"bidirectional\": true")]),
  RuleCase(
    "filter.protocol", "mirrors[0].filter.quintuple[0].protocol",
    wrong: ["\"tpc\"", "256", "-1", "\"256\"", "true", "1.5"].map { condition("\"protocol\": \($0)") },
    right: ["\"TCP\"", "0", "255", "\"6\"", "6.0", "\"any\"", "\"\"", "null"].map { condition("\"protocol\": \($0)") }),
  RuleCase(
    "filter.cidr", "mirrors[0].filter.quintuple[0].source",
    wrong: ["10.0.0.0/33", "10.0.0", "10.0.0.0/8,10.1.0.0/16", "2001:db8::/129", "web"].map {
      condition("\"source\": \"\($0)\", \"bidirectional\": true")
    },
    right: ["10.0.0.0/8", "10.0.1.11", "2001:db8::/32", "::/0", "ALL", "*", "any"].map {
      condition("\"source\": \"\($0)\", \"bidirectional\": true")
    }),
  RuleCase(
    "filter.port", "mirrors[0].filter.quintuple[0].destinationPort",
    wrong: [
      "65536", "-1", "\"0-10\"", "\"90-80\"", "\"1-\"", "\"-1\"", "\"80,443\"", "\"1-2-3\"", "\"https\"", "\"1 - 2\"",
      "[80]", "8.5",
    ].map { condition("\"destinationPort\": \($0), \"bidirectional\": true") },
    right: ["0", "\"0\"", "65535", "\"1-1\"", "\"1-65534\"", "\"0-65535\"", "\"1-65535\"", "\"any\"", "443.0"].map {
      condition("\"destinationPort\": \($0), \"bidirectional\": true")
    }),
  RuleCase(
    "filter.port", "mirrors[0].filter.quintuple[0].sourcePort",
    wrong: ["\"icmp\"", "\"gre\"", "58"].map {
      condition("\"protocol\": \($0), \"sourcePort\": 1, \"bidirectional\": true")
    },
    right: ["\"tcp\"", "\"udp\"", "\"sctp\"", "\"dccp\"", "\"udplite\"", "\"any\""].map {
      condition("\"protocol\": \($0), \"sourcePort\": 1, \"bidirectional\": true")
    }
      + [condition("\"protocol\": \"icmp\", \"sourcePort\": \"any\", \"destinationPort\": \"1-65535\"")]),
  RuleCase(
    "filter.family", "mirrors[0].filter.quintuple[0].destination",
    wrong: [
      condition("\"source\": \"10.0.0.0/8\", \"destination\": \"::/0\""),
      condition("\"source\": \"::/0\", \"destination\": \"0.0.0.0/0\""),
    ],
    right: [condition("\"source\": \"10.0.0.0/8\", \"destination\": \"0.0.0.0/0\", \"bidirectional\": true")]),
  RuleCase(
    "filter.nat-unknown", "mirrors[0].filter.nat", wrong: [filter("{\"nat\": \"nat-x\"}")],
    right: [filter("{\"nat\": \"nat-a\"}")]),
  RuleCase("filter.nat-other-vpc", "mirrors[0].filter.nat", wrong: [filter("{\"nat\": \"nat-b\"}")], right: []),
  RuleCase(
    "rules.priority", "mirrors[0].filter.rules.out[0]", wrong: [rules("{\"action\": \"accept\"}")],
    right: [rules("{\"priority\": 1, \"action\": \"accept\"}")]),
  RuleCase(
    "rules.priority", "mirrors[0].filter.rules.out[0].priority",
    wrong: ["-1", "\"1\"", "1.5"].map { rules("{\"priority\": \($0), \"action\": \"accept\"}") },
    right: ["0", "1e3"].map { rules("{\"priority\": \($0), \"action\": \"accept\"}") }),
  RuleCase("rules.action", "mirrors[0].filter.rules.out[0]", wrong: [rules("{\"priority\": 1}")], right: []),
  RuleCase(
    "rules.action", "mirrors[0].filter.rules.out[0].action", wrong: [rules("{\"priority\": 1, \"action\": \"deny\"}")],
    right: []),
  RuleCase(
    "rules.duplicate-priority", "mirrors[0].filter.rules.out[1]",
    wrong: [
      rules("{\"priority\": 1, \"action\": \"accept\", \"protocol\": \"tcp\"}, {\"priority\": 1, \"action\": \"drop\"}")
    ],
    right: [
      filter(
        "{\"rules\": {\"in\": [{\"priority\": 1, \"action\": \"accept\"}], \"out\": [{\"priority\": 1, \"action\": \"drop\"}]}}"
      )
    ]),
  RuleCase(
    "receivers.empty", "mirrors[0]", wrong: [definition(["receivers": nil])],
    right: [definition(["receivers": nil, "enabled": "false"])]),
  RuleCase(
    "receivers.empty", "mirrors[0].receivers",
    wrong: ["[]", "\"\"", "\" ,\\n \""].map { definition(["receivers": $0]) },
    right: [definition(["receivers": "\" , \"", "enabled": "false"])]),
  RuleCase(
    "receivers.syntax", "mirrors[0].receivers",
    wrong: ["10.0.9.10;10.0.9.11", "10.0.9.10 10.0.9.11", "10.0.9.10，10.0.9.11", "10.0.9.0/24", "ids1", "010.0.9.10"]
      .map { definition(["receivers": quoted($0)]) },
    right: ["10.0.9.10,10.0.9.11", "10.0.9.10\n10.0.9.11\n", "\r\n 10.0.9.10\t,\r\n\r\n10.0.9.11 ,", "10.0.9.10"].map {
      definition(["receivers": quoted($0)])
    }),
  RuleCase(
    "receivers.syntax", "mirrors[0].receivers[1]",
    wrong: [
      definition(["receivers": "[\"10.0.9.10\", \"10.0.9.11, 10.0.9.20\"]"]),
      definition(["receivers": "[\"10.0.9.10\", \"\"]"]),
    ], right: [definition(["receivers": "[\" 10.0.9.10 \"]"])]),
  RuleCase(
    "receivers.other-vpc", "mirrors[0].receivers[0]",
    wrong: ["10.1.1.4", "192.0.2.1", "::ffff:10.0.9.10", "224.0.0.1"].map { definition(["receivers": "[\"\($0)\"]"]) },
    right: [definition(["receivers": "[\"10.0.9.77\"]"])]),
  RuleCase(
    "receivers.too-many", "mirrors[0].receivers",
    wrong: [definition(["receivers": receivers(1025)])], right: []),
  RuleCase(
    "receivers.not-host", "mirrors[0].receivers[0]",
    wrong: ["10.0.9.0", "10.0.9.255"].map { definition(["receivers": "[\"\($0)\"]"]) },
    right: [definition(["receivers": "[\"10.0.9.254\"]"])]),
  RuleCase(
    "receivers.no-route", "mirrors[0].receivers[0]",
    wrong: [
      definition(["range": "{\"subnet\": [\"subnet-lost\"]}"]), definition(["range": "{\"vpc\": true}"]),
      definition(["range": "{\"eni\": [\"eni-web1\", \"eni-lost\"]}"]),
    ],
    right: [
      definition(["range": "{\"subnet\": [\"subnet-lost\"]}", "receivers": "[\"10.0.2.4\"]"]),
      definition(["range": "{\"vpc\": true}", "receivers": "[\"10.0.2.4\"]"]),
    ]),
  RuleCase(
    "receivers.only-source", "mirrors[0].range",
    wrong: [definition(["range": "{\"eni\": [\"eni-ids1\", \"eni-ids2\"]}"])],
    right: [definition(["range": "{\"subnet\": [\"subnet-db\"]}", "receivers": "[\"10.0.9.10\"]"])]),
  RuleCase(
    "balance.unknown", "mirrors[0].balance",
    wrong: ["\"evenly\"", "\"eni_hash\"", "{}"].map { definition(["balance": $0]) },
    right: ["\"even\"", "\"eni-hash\"", "\"flow-hash\"", "\"round-robin\""].map { definition(["balance": $0]) }),
  RuleCase(
    "balance.weights", "mirrors[0].balance.weighted", wrong: [definition(["balance": "{\"weighted\": {}}"])],
    right: [definition(["balance": "{\"weighted\": {\"10.0.9.10\": 3}}"])]),
  RuleCase(
    "balance.weights", "mirrors[0].balance.weighted[\"10.0.9.10\"]",
    wrong: ["0", "-1", "1.5", "\"3\"", "4294967296"].map {
      definition(["balance": "{\"weighted\": {\"10.0.9.10\": \($0)}}"])
    },
    right: ["1", "4294967295", "2.0"].map { definition(["balance": "{\"weighted\": {\"10.0.9.10\": \($0)}}"]) }),
  RuleCase(
    "balance.weights", "mirrors[0].balance.weighted[\"10.0.9.12\"]",
    wrong: [definition(["balance": "{\"weighted\": {\"10.0.9.12\": 1}}"])], right: []),
  RuleCase(
    "encapsulation.type", "mirrors[0].encapsulation.type",
    wrong: ["\"vxlam\"", "\"VXLAN\""].map { definition(["encapsulation": "{\"type\": \($0)}"]) },
    right: ["vxlan", "gre", "erspan2", "none"].map { definition(["encapsulation": "{\"type\": \"\($0)\"}"]) }),
  RuleCase(
    "encapsulation.vni", "mirrors[0].encapsulation.vni",
    wrong: ["16777216", "-1", "\"7\"", "1.5"].map { definition(["encapsulation": "{\"vni\": \($0)}"]) }
      + [definition(["encapsulation": "{\"type\": \"erspan2\", \"vni\": 1024}"])],
    right: ["0", "16777215"].map { definition(["encapsulation": "{\"vni\": \($0)}"]) }
      + [definition(["encapsulation": "{\"type\": \"erspan2\", \"vni\": 1023}"])]),
  RuleCase(
    "encapsulation.port", "mirrors[0].encapsulation.port",
    wrong: ["0", "65536", "\"4789\""].map { definition(["encapsulation": "{\"port\": \($0)}"]) },
    right: ["1", "65535"].map { definition(["encapsulation": "{\"port\": \($0)}"]) }),
  RuleCase(
    "copies.unknown", "mirrors[0].copies", wrong: [definition(["copies": "\"twice\""])],
    right: ["once", "per-eni"].map { definition(["copies": "\"\($0)\""]) }),
  RuleCase(
    "on-error.unknown", "mirrors[0].onError", wrong: [definition(["onError": "\"ignore\""])],
    right: ["skip", "collect"].map { definition(["onError": "\"\($0)\""]) }),
  RuleCase(
    "oversize.unknown", "mirrors[0].oversize", wrong: [definition(["oversize": "\"cut\""])],
    right: ["fragment", "truncate", "drop"].map { definition(["oversize": "\"\($0)\""]) }),
  RuleCase("budget.limit", "mirrors[0].budget", wrong: [definition(["budget": "{}"])], right: []),
  RuleCase(
    "budget.limit", "mirrors[0].budget.bits",
    wrong: ["9", "1000000000001", "\"1G\"", "1.5"].map { definition(["budget": "{\"bits\": \($0)}"]) },
    right: ["10", "1000000000000"].map { definition(["budget": "{\"bits\": \($0), \"packets\": \($0)}"]) }),
  RuleCase(
    "budget.limit", "mirrors[0].budget.cpu",
    wrong: ["0", "101", "\"10%\"", "2.5"].map { definition(["budget": "{\"cpu\": \($0)}"]) },
    right: ["1", "100"].map { definition(["budget": "{\"cpu\": \($0)}"]) }),
  RuleCase(
    "priority.range", "mirrors[0].priority", wrong: ["-1", "101", "true"].map { definition(["priority": $0]) },
    right: ["0", "100"].map { definition(["priority": $0]) }),
  RuleCase(
    "tags.too-many", "mirrors[0].tags", wrong: [definition(["tags": tags(51)])], right: [definition(["tags": tags(50)])]
  ),
  RuleCase("tags.key", "mirrors[0].tags[\"\"]", wrong: [definition(["tags": "{\"\": \"v\"}"])], right: []),
  RuleCase(
    "tags.key", "mirrors[0].tags." + String(repeating: "k", count: 128),
    wrong: [definition(["tags": "{\"\(String(repeating: "k", count: 128))\": \"v\"}"])],
    right: [definition(["tags": "{\"\(String(repeating: "ü", count: 127))\": \"\"}"])]),
  RuleCase(
    "tags.value", "mirrors[0].tags.k",
    wrong: [definition(["tags": "{\"k\": \(quoted(String(repeating: "v", count: 256)))}"])],
    right: [definition(["tags": "{\"k\": \(quoted(String(repeating: "ü", count: 255)))}"])]),
]

/// Codes that the cases above cannot reach, by the suite that does.
let codesElsewhere: [String: [String]] = [
  "MirrorsFileTests": ["mirrors.format"],
  "LuaDraftTests": [
    "key.duplicate", "range.empty", "filter.bpf", "filter.first", "filter.sample", "filter.too-deep", "tags.duplicate",
  ],
  "NeighbourTests": ["name.duplicate", "vpc.mirror-limit", "range.overlap"],
  "WarningTests": [
    "filter.unsatisfiable", "filter.one-sided", "rules.shadowed", "receivers.duplicate", "receivers.bandwidth",
    "range.receiver-inside", "encapsulation.unused",
  ],
]

@Suite struct MirrorRuleTests {
  @Test(arguments: ruleCases) func refusesWhatBreaksTheRule(_ rule: RuleCase) throws {
    for text in rule.wrong {
      let result = try validate(text)
      #expect(result.mirrors.isEmpty, "\(text)")
      #expect(
        result.errors.contains { $0.code == rule.code && $0.path == rule.path }, "\(text)\n\(marks(result.violations))")
    }
  }

  @Test(arguments: ruleCases) func acceptsTheNeighboursOfWhatBreaksTheRule(_ rule: RuleCase) throws {
    for text in rule.right {
      let result = try validate(text)
      #expect(marks(result.errors) == [], "\(text)")
      #expect(result.mirrors.count == 1, "\(text)")
    }
  }

  @Test func reportsOnlyCodesOfTheTable() throws {
    let known = Set(MirrorRule.all.map(\.code))
    #expect(known.count == MirrorRule.all.count)
    for rule in ruleCases {
      for text in rule.wrong + rule.right {
        for violation in try validate(text).violations {
          #expect(known.contains(violation.code))
          let kind = MirrorRule.all.first { $0.code == violation.code }?.kind
          #expect(kind == .both || kind == (violation.isWarning ? .warning : .error), "\(violation)")
        }
      }
    }
  }

  @Test func testsEveryRule() {
    let covered = Set(ruleCases.map(\.code)).union(codesElsewhere.values.joined())
    #expect(Set(MirrorRule.all.map(\.code)).subtracting(covered) == [])
    #expect(covered.subtracting(MirrorRule.all.map(\.code)) == [])
  }

  @Test func pageIsPrintedFromTheTable() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = root.appending(path: "docs/mirror-rules.md")
    if ProcessInfo.processInfo.environment["MOONTAP_WRITE_DOCS"] != nil {
      try Data(MirrorRule.page.utf8).write(to: page)
    }
    #expect(try String(contentsOf: page, encoding: .utf8) == MirrorRule.page)
  }
}
