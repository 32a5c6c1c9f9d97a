import JSONText
import Mirroring
import Testing
import Wire

@Suite struct WarningTests {
  /// The warnings of a filter that is right: codes and messages.
  private func warnings(_ filter: String, direction: String = "all") throws -> [String] {
    let result = try validate(definition(["filter": filter, "direction": "\"\(direction)\""]))
    #expect(marks(result.errors) == [])
    return result.warnings.map(\.code)
  }

  private func conditions(_ texts: String...) -> String {
    "{\"quintuple\": [" + texts.map { "{\($0)}" }.joined(separator: ", ") + "]}"
  }

  @Test func hostBitsAreClearedAndToldOf() throws {
    let text = conditions("\"source\": \"10.0.1.9/24\", \"destination\": \"10.0.1.0/24\"")
    let result = try validate(definition(["filter": text]))
    #expect(marks(result.violations) == ["(filter.cidr) mirrors[0].filter.quintuple[0].source"])
    #expect(result.violations.first?.hint == "it is read as 10.0.1.0/24")
    #expect(result.mirrors.count == 1)
  }

  @Test func conditionsThatNoPacketMeetsAreToldOf() throws {
    let impossible = [
      conditions("\"protocol\": \"tcp\"", "\"protocol\": \"udp\""),
      conditions("\"source\": \"10.0.0.0/24\"", "\"source\": \"10.0.1.0/24\""),
      conditions("\"source\": \"10.0.0.0/24\"", "\"destination\": \"::/0\""),
      conditions("\"destinationPort\": \"1-80\"", "\"destinationPort\": \"81-90\""),
      conditions("\"protocol\": \"icmp\"", "\"destinationPort\": 80"),
      conditions("\"sourcePort\": 1, \"destinationPort\": 2, \"bidirectional\": true", "\"sourcePort\": 3"),
    ]
    for text in impossible { #expect(try warnings(text, direction: "out") == ["filter.unsatisfiable"], "\(text)") }
    let possible = [
      conditions("\"protocol\": \"tcp\"", "\"destinationPort\": 80"),
      conditions("\"source\": \"10.0.0.0/16\"", "\"source\": \"10.0.1.0/24\""),
      conditions("\"destinationPort\": \"1-80\"", "\"destinationPort\": \"80-90\""),
      conditions("\"sourcePort\": 1, \"destinationPort\": 2, \"bidirectional\": true", "\"sourcePort\": 2"),
      conditions("", "\"protocol\": \"icmp\""),
    ]
    for text in possible { #expect(try warnings(text, direction: "out") == [], "\(text)") }
  }

  @Test func oneHalfOfAConversationIsToldOf() throws {
    let halves = [
      conditions("\"destinationPort\": 443"), conditions("\"source\": \"10.0.1.0/24\""),
      conditions("\"protocol\": \"tcp\", \"source\": \"10.0.1.0/24\", \"destination\": \"10.0.2.0/24\""),
      conditions("\"sourcePort\": 1, \"destinationPort\": 2, \"bidirectional\": true", "\"sourcePort\": 2"),
    ]
    for text in halves {
      #expect(try warnings(text) == ["filter.one-sided"], "\(text)")
      #expect(try warnings(text, direction: "out") == [])
      #expect(try warnings(text, direction: "in") == [])
    }
    let wholes = [
      conditions("\"protocol\": \"tcp\""), conditions("\"destinationPort\": 443, \"bidirectional\": true"),
      conditions("\"source\": \"10.0.1.0/24\", \"destination\": \"10.0.1.0/24\""),
      conditions("\"source\": \"10.0.1.0/24\"", "\"destination\": \"10.0.1.0/24\""),
      conditions("\"source\": \"0.0.0.0/0\""),
    ]
    for text in wholes { #expect(try warnings(text) == [], "\(text)") }
  }

  @Test func aNextHopForIncomingPacketsIsToldOf() throws {
    #expect(try warnings("{\"nat\": \"nat-a\"}", direction: "in") == ["filter.one-sided"])
    #expect(try warnings("{\"nat\": \"nat-a\", \"bidirectional\": true}", direction: "in") == [])
    #expect(try warnings("{\"nat\": \"nat-a\"}") == [])
  }

  @Test func rulesThatAcceptNothingAreToldOf() throws {
    let drop = "{\"rules\": {\"in\": [{\"priority\": 1, \"action\": \"drop\"}]}}"
    #expect(try warnings(drop) == ["filter.unsatisfiable"])
    let accept = "{\"rules\": {\"in\": [{\"priority\": 1, \"action\": \"accept\"}]}}"
    #expect(try warnings(accept) == [])
    #expect(try warnings(accept, direction: "out") == ["filter.unsatisfiable"])
  }

  private func shadows(_ first: String, _ second: String) throws -> Bool {
    let text = """
      {"rules": {"out": [{"priority": 20, "action": "accept", \(second)}, {"priority": 10, "action": "accept", \(first)}]}}
      """
    let result = try validate(definition(["filter": text]))
    #expect(result.errors == [])
    #expect(marks(result.warnings).allSatisfy { $0 == "(rules.shadowed) mirrors[0].filter.rules.out[0]" })
    return !result.warnings.isEmpty
  }

  @Test func aRuleBehindAWiderOneIsToldOf() throws {
    #expect(try shadows("\"protocol\": \"any\"", "\"protocol\": \"tcp\""))
    #expect(try shadows("\"source\": \"10.0.0.0/8\"", "\"source\": \"10.1.0.0/16\", \"protocol\": \"tcp\""))
    #expect(try shadows("\"destinationPort\": \"80-90\"", "\"destinationPort\": 85"))
    #expect(try shadows("\"sourcePort\": 1, \"bidirectional\": true", "\"destinationPort\": 1"))
    #expect(try shadows("\"protocol\": \"tcp\"", "\"protocol\": \"tcp\", \"sourcePort\": 1, \"bidirectional\": true"))
    #expect(try !shadows("\"protocol\": \"tcp\"", "\"protocol\": \"any\""))
    #expect(try !shadows("\"source\": \"10.1.0.0/16\"", "\"source\": \"10.0.0.0/8\""))
    #expect(try !shadows("\"source\": \"0.0.0.0/0\"", "\"source\": \"::/0\""))
    #expect(try !shadows("\"destinationPort\": \"80-90\"", "\"destinationPort\": \"85-95\""))
    #expect(try !shadows("\"sourcePort\": 1", "\"sourcePort\": 1, \"bidirectional\": true"))
    #expect(try !shadows("\"sourcePort\": 1", "\"destinationPort\": 1"))
  }

  @Test func repeatedReceiversAreFoldedAndToldOf() throws {
    let result = try validate(definition(["receivers": "[\"2001:db8:0:1::9\", \"10.0.9.10\", \"2001:DB8:0:1:0::9\"]"]))
    #expect(marks(result.violations).contains("(receivers.duplicate) mirrors[0].receivers[2]"))
    #expect(result.mirrors.first?.receivers.map(\.description) == ["2001:db8:0:1::9", "10.0.9.10"])
  }

  @Test func receiversWithTooLittleBandwidthAreToldOf() throws {
    #expect(try marks(["receivers": "[\"10.0.9.20\"]"]) == ["(receivers.bandwidth) mirrors[0].receivers"])
    #expect(try marks(["receivers": "[\"10.0.9.21\"]"]) == [])
    // One whose bandwidth nobody knows may have enough.
    #expect(try marks(["receivers": "[\"10.0.9.20\", \"10.0.2.4\"]"]) == [])
    #expect(try marks(["receivers": "[\"10.0.9.20\", \"10.0.9.77\"]"]) == [])
  }

  @Test func receiversInTheRangeAreToldOf() throws {
    #expect(
      try marks(["range": "{\"subnet\": [\"subnet-tools\"]}"]) == [
        "(range.receiver-inside) mirrors[0].receivers[0]", "(range.receiver-inside) mirrors[0].receivers[1]",
      ])
    #expect(
      try marks(["range": "{\"eni\": [\"eni-ids1\", \"eni-db\"]}"]) == [
        "(range.receiver-inside) mirrors[0].receivers[0]"
      ])
    // An unlisted ENI of the range.
    #expect(
      try marks(["range": "{\"subnet\": [\"subnet-db\"]}", "receivers": "[\"10.0.2.99\"]"]) == [
        "(range.receiver-inside) mirrors[0].receivers[0]"
      ])
    // All receivers are inside the VPC by rule.
    #expect(try marks(["range": "{\"vpc\": true}", "receivers": "[\"10.0.2.4\"]"]) == [])
  }

  @Test func encapsulationThatIsNotUsedIsToldOf() throws {
    #expect(
      try marks(["encapsulation": "{\"type\": \"gre\", \"vni\": 1, \"port\": 1}"]) == [
        "(encapsulation.unused) mirrors[0].encapsulation.port"
      ])
    #expect(
      try marks(["encapsulation": "{\"type\": \"none\", \"vni\": 1}"]) == [
        "(encapsulation.unused) mirrors[0].encapsulation.vni"
      ])
  }
}
