import Cloud
import JSONText
import Testing

struct TencentMirrorTests {
  private static func definitions(_ document: JSONValue) -> ([JSONValue], [CloudNote]) {
    let (mirrors, notes) = TencentMirrors.definitions(of: document, file: "m") { _ in nil }
    return (mirrors.map { .object($0.members) }, notes)
  }

  @Test func bothGenerationsOfFiltersAreRead() throws {
    let (list, notes) = Self.definitions(try CloudFixture.read("tencent/mirrors"))
    #expect(
      list[0] == [
        "name": "tls", "description": "to the ids", "vpc": "vpc-aaaa1111", "range": ["subnet": ["subnet-web00001"]],
        "direction": "all",
        "filter": [
          "quintuple": [
            [
              "protocol": "tcp", "source": "10.20.1.0/24", "destination": "0.0.0.0/0", "sourcePort": "1024-65535",
              "destinationPort": "443",
            ]
          ]
        ], "receivers": ["10.21.9.10"], "balance": "even", "enabled": true,
      ])
    #expect(list[1]["enabled"] == false && list[1]["direction"] == "out" && list[1]["balance"] == "eni-hash")
    #expect(list[1]["filter"] == ["nat": "nat-egress01"] && list[1]["range"] == ["eni": ["eni-web00001"]])
    #expect(list[2]["range"] == ["vpc": true] && list[2]["direction"] == "all")
    #expect(
      list[2]["filter"]?["rules"]?["out"] == [
        ["priority": 1, "action": "drop", "protocol": "tcp", "destinationPort": "22"],
        ["priority": 2, "action": "accept"],
      ])
    #expect(notes.allSatisfy(\.isWarning) && notes.contains { $0.sentence.contains("imgf-00000001") })
    #expect(notes.contains { $0.sentence.contains("questions") })
  }

  @Test func whatBothSidesCanSayGoesThereAndBack() throws {
    let (list, _) = Self.definitions(try CloudFixture.read("tencent/mirrors"))
    let (answer, notes) = TencentMirrors.answer(for: list)
    #expect(notes.isEmpty)
    #expect(answer["Response"]?["TrafficMirrorSet"]?.array?[1]["State"] == "STOPED")
    let (again, lost) = Self.definitions(answer)
    #expect(lost.isEmpty)
    for (first, second) in zip(list, again) {
      let names = Set((first.members ?? []).map(\.name)).union((second.members ?? []).map(\.name))
      for name in names where first[name] != second[name] {
        // An absent description is an empty one.
        #expect(name == "description" && first[name]?.string ?? "" == second[name]?.string ?? "", "\(name)")
      }
    }
  }

  @Test func whatTheAPICannotSayIsListed() throws {
    let definition: JSONValue = [
      "name": "m", "vpc": "v", "range": ["vpc": true], "receivers": ["10.0.0.1"], "balance": "round-robin",
      "filter": ["quintuple": [["protocol": 89, "bidirectional": true]]], "tags": ["a": "b"], "copies": "per-eni",
      "onError": "collect", "encapsulation": ["type": "vxlan", "vni": 7, "port": 4789],
    ]
    let (answer, notes) = TencentMirrors.answer(for: [definition])
    for word in ["round-robin", "bidirectional", "a=b", "per-eni", "collect", "vxlan"] {
      #expect(notes.contains { $0.sentence.contains(word) }, "\(word)")
    }
    #expect(
      answer["Response"]?["TrafficMirrorSet"]?.array?[0]["CollectorNormalFilters"] == [["Protocol": "89"]])
  }

  @Test func aMirrorThatWouldCollectMoreIsLeftOut() {
    let (answer, notes) = TencentMirrors.answer(for: [["name": "m", "filter": ["lua": ["text": "return nil"]]]])
    #expect(answer["Response"]?["TrafficMirrorSet"] == [])
    #expect(notes.map(\.code) == ["export.impossible"] && !notes[0].isWarning)
  }

  @Test(arguments: [
    (#"{"TrafficMirrorSet": [{"TrafficMirrorName": "a"}]}"#, 1), (#"[{"TrafficMirrorName": "a"}]"#, 1),
    (#"{"Response": {"TrafficMirror": {"TrafficMirrorName": "a"}}}"#, 1), (#"{"TrafficMirrorName": "a"}"#, 1),
    (#"{"VpcSet": []}"#, 0), (#"{"Response": {"Error": {"Code": "x"}}}"#, 0),
  ])
  func theAnswerMayBeWholeInnerBareOrSingle(text: String, count: Int) throws {
    let (list, notes) = Self.definitions(try JSONValue(json: text, file: "m"))
    #expect(list.count == count)
    #expect(notes.contains { !$0.isWarning } == (count == 0))
  }
}
