import Foundation
import Inventory
import JSONText
import Mirroring
import Testing
import Wire

@Suite struct MirrorsFileTests {
  private func marksOfFile(_ text: String) throws -> [String] {
    marks(try MirrorsFile(json: text, file: "m.json").violations)
  }

  @Test func refusesWhatIsNotJSONWithItsPlace() {
    #expect {
      _ = try MirrorsFile(json: "{\"format\": \"moontap.mirrors/1\",\n \"mirrors\": [}", file: "m.json")
    } throws: { error in
      "\(error)".hasPrefix("m.json:2:14: json.syntax:")
    }
  }

  @Test func refusesAnotherFormat() throws {
    #expect(try marksOfFile("[]") == ["mirrors.format"])
    #expect(try marksOfFile("{}") == ["mirrors.format", "mirrors.format"])
    #expect(try marksOfFile("{\"mirrors\": []}") == ["mirrors.format"])
    #expect(try marksOfFile("{\"format\": \"moontap.inventory/1\", \"mirrors\": []}") == ["mirrors.format format"])
    #expect(try marksOfFile("{\"format\": 1, \"mirrors\": []}") == ["mirrors.format format"])
    #expect(try marksOfFile("{\"format\": \"moontap.mirrors/1\"}") == ["mirrors.format"])
    #expect(try marksOfFile("{\"format\": \"moontap.mirrors/1\", \"mirrors\": []}") == [])
  }

  @Test func refusesUnknownKeysAndWrongTypes() throws {
    let head = "{\"format\": \"moontap.mirrors/1\", "
    #expect(try marksOfFile(head + "\"mirors\": [], \"x-a\": 1, \"mirrors\": []}") == ["key.unknown mirors"])
    #expect(try marksOfFile(head + "\"mirrors\": {}}") == ["value.type mirrors"])
    #expect(try marksOfFile(head + "\"mirrors\": [{}, 1]}") == ["value.type mirrors[1]"])
  }

  @Test func keepsPathAndLineOfEachMirror() throws {
    let found = try drafts(["{}", "{}"])
    #expect(found.map(\.path) == ["mirrors[0]", "mirrors[1]"])
    #expect(found.map(\.location.description) == ["m.json:1", "m.json:2"])
  }

  @Test func readsTheDefinitionOfTheSpecification() throws {
    let mirror = try #require(
      try validate(
        """
        {"name": "web-to-ids", "description": "d", "region": "r-1", "vpc": "vpc-a",
         "range": {"subnet": ["subnet-web"]}, "direction": "all",
         "filter": {"quintuple": [{"protocol": "tcp", "source": "10.0.1.0/24", "destination": "0.0.0.0/0",
                                   "sourcePort": "any", "destinationPort": "443"}]},
         "receivers": ["10.0.9.10", "10.0.9.11"], "balance": "even",
         "encapsulation": {"type": "vxlan", "vni": 7, "port": 4790},
         "copies": "per-eni", "enabled": false, "tags": {"team": "sec"}}
        """
      ).mirrors.first)
    #expect(mirror.name == "web-to-ids" && mirror.description == "d" && mirror.vpc == 0)
    #expect(mirror.range == .subnets([0]) && mirror.direction == .all)
    let condition = QuintupleCondition(
      protocol: .init("tcp"), source: .init("10.0.1.0/24"), destination: .init("0.0.0.0/0"),
      destinationPort: 443...443)
    #expect(mirror.filter == .quintuple([condition]))
    #expect(mirror.receivers.map(\.description) == ["10.0.9.10", "10.0.9.11"])
    #expect(mirror.balance == .even && mirror.encapsulation == Encapsulation(kind: .vxlan, vni: 7, port: 4790))
    #expect(mirror.copies == .perENI && !mirror.isEnabled && mirror.tags == ["team": "sec"])
    #expect(mirror.onError == .skip && mirror.origin == "m.json: mirrors[0]")
  }

  @Test func fillsInWhatIsNotWritten() throws {
    let mirror = try #require(try validate(definition()).mirrors.first)
    #expect(mirror.direction == .all && mirror.filter == .any && mirror.balance == .even && mirror.copies == .once)
    #expect(mirror.isEnabled && mirror.onError == .skip && mirror.tags.isEmpty && mirror.description.isEmpty)
    #expect(mirror.encapsulation.kind == .vxlan && mirror.encapsulation.port == 4789)
  }

  @Test(arguments: [
    definition(), definition(["range": "{\"vpc\": true}", "receivers": "\"10.0.2.4\""]),
    definition(["range": "{\"eni\": [\"eni-web1\", \"eni-db\"]}", "direction": "\"out\"", "copies": "\"per-eni\""]),
    definition(["filter": "{\"nat\": \"nat-a\"}", "balance": "\"eni-hash\""]),
    definition(["filter": "{\"nat\": \"nat-a\", \"bidirectional\": true}", "balance": "\"round-robin\""]),
    definition([
      "filter": """
      {"quintuple": [{"protocol": 99, "source": "2001:db8::/32", "bidirectional": true}, {"destinationPort": "1-80"}, {}]}
      """, "balance": "\"flow-hash\"",
    ]),
    definition([
      "filter": """
      {"rules": {"in": [{"priority": 9, "action": "accept"}, {"priority": 2, "action": "drop", "sourcePort": 53}]}}
      """, "balance": "{\"weighted\": {\"10.0.9.11\": 3}}",
    ]),
    definition(["encapsulation": "{\"type\": \"gre\", \"vni\": 77}", "onError": "\"collect\""]),
    definition(["encapsulation": "{\"type\": \"erspan2\"}", "tags": "{\"b\": \"2\", \"a\": \"\"}"]),
    definition(["encapsulation": "{\"type\": \"none\"}", "receivers": "[]", "enabled": "false"]),
    definition(["oversize": "\"drop\"", "budget": "{\"bits\": 1000000, \"packets\": 500}", "priority": "9"]),
    definition(["budget": "{\"cpu\": 15}"]),
    definition(["name": "\"Überwachung \\\"öst\\\" 監視\"", "description": "\"tab\\there\""]),
  ])
  func writesWhatReadsBackTheSame(_ text: String) throws {
    let first = try #require(try validate(text).mirrors.first)
    let document = try MirrorsFile.json(of: [first], in: world)
    let file = MirrorsFile(try JSONValue(json: document.text(.pretty), file: "again.json"), file: "again.json")
    #expect(file.violations == [])
    let second = try #require(MirrorValidator(inventory: world).validate(file.drafts).mirrors.first)
    #expect(try MirrorsFile.json(of: [second], in: world).text() == document.text())
    #expect(second.filter == first.filter && second.range == first.range && second.balance == first.balance)
    #expect(second.encapsulation == first.encapsulation && second.tags == first.tags)
    #expect(second.oversize == first.oversize && second.budget == first.budget && second.priority == first.priority)
  }

  @Test func writesOneMirrorAsItIsRead() throws {
    let mirror = try #require(
      try validate(definition(["filter": "{\"quintuple\": [{\"source\": \"10.0.1.9/24\"}]}"])).mirrors.first)
    let vni = mirror.encapsulation.vni
    #expect(
      try mirror.json(in: world).text() == """
        {"name":"m","description":"","region":"r-1","vpc":"vpc-a","range":{"subnet":["subnet-web"]},"direction":"all",\
        "filter":{"quintuple":[{"source":"10.0.1.0/24"}]},"receivers":["10.0.9.10","10.0.9.11"],"balance":"even",\
        "encapsulation":{"type":"vxlan","vni":\(vni),"port":4789},"copies":"once","onError":"skip","enabled":true,\
        "tags":{}}
        """)
  }

  @Test func theExampleIsRightWithoutAWarning() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "examples")
    func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: root.appending(path: path))) }
    let inventory = try Inventory(json: try bytes("inventories/shop.json"), file: "shop.json")
    let file = try MirrorsFile(json: try bytes("mirrors/shop.json"), file: "mirrors.json")
    let result = MirrorValidator(inventory: inventory).validate(file.drafts)
    #expect(file.violations + result.violations == [])
    #expect(result.mirrors.map(\.name) == ["https-to-ids", "egress-to-recorder", "db-to-ids"])
  }
}

@Suite struct ViolationTextTests {
  @Test func allViolationsOfAllMirrorsComeAtOnceWithPathAndLine() throws {
    let result = try validate(
      """
      {"name": "", "vpc": "vpc-a",
       "range": {"subnet": ["subnet-wep"]},
       "direction": "both",
       "filter": {"quintuple": [{"protocol": "tpc"},
                                {"source": "10.0.0.5/8", "destinationport": 443}]},
       "receivers": "10.0.9.10,\\n  10.0.9.x , 10.1.1.4",
       "balanse": "even"}
      """,
      definition(["vpc": "\"vpc-c\"", "encapsulation": "{\"port\": 0}"]))
    #expect(result.mirrors.isEmpty)
    let lines = result.violations.map(\.description).joined(separator: "\n")
    #expect(
      lines == """
        m.json:1: name.empty: mirrors[0].name: "" is no name
        m.json:2: range.unknown: mirrors[0].range.subnet[0]: the inventory has no subnet "subnet-wep"
          hint: did you mean "subnet-web"?
        m.json:3: direction.unknown: mirrors[0].direction: "both" is no direction
          hint: one of all, out, in
        m.json:4: filter.protocol: mirrors[0].filter.quintuple[0].protocol: "tpc" is no protocol
          hint: did you mean "tcp"?
        m.json:5: key.unknown: mirrors[0].filter.quintuple[1].destinationport: "destinationport" means nothing here
          hint: did you mean "destinationPort"?
        m.json:5: warning: filter.cidr: mirrors[0].filter.quintuple[1].source: "10.0.0.5/8" has bits beyond its length
          hint: it is read as 10.0.0.0/8
        m.json:6: receivers.syntax: mirrors[0].receivers: "10.0.9.x" (line 2, column 3) is no IP address
          hint: as in 10.20.9.10 or 2001:db8:20:9::10
        m.json:6: receivers.other-vpc: mirrors[0].receivers: 10.1.1.4 does not lie in VPC vpc-a
          hint: the VPC has 10.0.0.0/16, 2001:db8::/56
        m.json:7: key.unknown: mirrors[0].balanse: "balanse" means nothing here
          hint: did you mean "balance"?
        m.json:11: network.unknown: mirrors[1].vpc: the inventory has no VPC "vpc-c"
          hint: did you mean "vpc-a"?
        m.json:12: encapsulation.port: mirrors[1].encapsulation.port: 0 is no UDP port
          hint: a whole number from 1 to 65535
        """)
  }

  @Test func messagesSayWhereAndWhy() throws {
    func text(_ changes: KeyValuePairs<String, String?>) throws -> String {
      try validate(definition(changes)).violations.map { $0.message + (($0.hint).map { "; " + $0 } ?? "") }
        .joined(separator: "\n")
    }
    #expect(
      try text(["range": "{\"vpc\": true}"]) == """
        no route reaches 10.0.9.10 from subnet subnet-lost (rtb-lost); \
        the longest prefix in the route table of every source subnet must lead to the receiver
        no route reaches 10.0.9.11 from subnet subnet-lost (rtb-lost); \
        the longest prefix in the route table of every source subnet must lead to the receiver
        """)
    #expect(
      try text(["receivers": "[\"192.0.2.1\"]", "range": "{\"subnet\": [\"subnet-db\", \"subnet-lost\"]}"]) == """
        192.0.2.1 does not lie in VPC vpc-a; the VPC has 10.0.0.0/16, 2001:db8::/56
        no route reaches 192.0.2.1 from subnets subnet-db (rtb-bare), subnet-lost (rtb-lost); \
        the longest prefix in the route table of every source subnet must lead to the receiver
        """)
    #expect(
      try text(["receivers": "[\"::ffff:10.0.9.10\"]"]).hasPrefix(
        "::ffff:10.0.9.10 does not lie in VPC vpc-a; write 10.0.9.10: a mapped address is an IPv6 address"))
    #expect(
      try text(["receivers": "[\"10.0.9.20\"]"])
        == "the receivers have 199 Mbit/s together, the range 1800 Mbit/s; at least 1/9 of the range's: 200 Mbit/s")
    #expect(
      try text(["filter": "{\"nat\": \"nat-b\"}"])
        == "NAT gateway nat-b is in VPC vpc-b, the mirror in vpc-a; did you mean \"nat-a\"?")
    #expect(
      try text(["region": "\"r-2\""])
        == "the inventory has no VPC \"vpc-a\" in region \"r-2\"; there is vpc-twin")
    #expect(
      try text(["vpc": "\"vpc-twin\""]).hasPrefix(
        "several regions have a VPC \"vpc-twin\"; name the region: one of r-1, r-2"))
    #expect(
      try text(["filter": "{\"quintuple\": [{\"destinationPort\": 443}]}"])
        == "destination port 443 matches only one half of a conversation, and direction \"all\" wants both; "
        + "add bidirectional = true to the condition")
  }

  @Test func positionsOfBadReceiversAreThoseOfTheText() throws {
    let text = "10.0.9.10,  bad1\\r\\n\\t10.0.9.11 , bad2,\\n\\nbad 3"
    let result = try validate(definition(["receivers": "\"\(text)\""]))
    #expect(
      result.errors.map(\.message) == [
        "\"bad1\" (line 1, column 13) is no IP address", "\"bad2\" (line 2, column 14) is no IP address",
        "\"bad 3\" (line 4, column 1) is no IP address",
      ])
  }
}
