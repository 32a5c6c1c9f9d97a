import JSONText
import Testing

@Suite struct JSONWriterTests {
  private let sample: JSONValue = [
    "zeta": [1, "two", nil, true], "alpha": [:], "list": [], "nested": ["b": -1, "a": "x"],
  ]

  @Test func writesCompact() {
    #expect(sample.text() == #"{"zeta":[1,"two",null,true],"alpha":{},"list":[],"nested":{"b":-1,"a":"x"}}"#)
  }

  @Test func writesPrettyAndSorted() {
    #expect(
      sample.text(.pretty, order: .sorted) == """
        {
          "alpha": {},
          "list": [],
          "nested": {
            "a": "x",
            "b": -1
          },
          "zeta": [
            1,
            "two",
            null,
            true
          ]
        }
        """)
  }

  @Test func escapesWhatATerminalWouldObey() {
    #expect(
      JSONValue.string("a\"\\\n\r\t\u{0}\u{1b}[2J\u{7f}\u{9b}é😀/").text()
        == #""a\"\\\n\r\t\u0000\u001b[2J\u007f\u009bé😀/""#)
  }
}

@Suite struct JSONPathTests {
  @Test func writesTheWayToAValue() {
    #expect(JSONPath.root["regions"][0]["vpcs"][12]["x-note"].description == "regions[0].vpcs[12].x-note")
    #expect(JSONPath.root["tags"]["odd key\n"].description == #"tags["odd key\n"]"#)
    #expect(JSONPath.root[3].description == "[3]")
  }
}

@Suite struct SpellingTests {
  @Test func findsTheWordThatWasMeant() {
    let known = ["source", "destination", "sourcePort", "destinationPort", "protocol", "bidirectional"]
    #expect(Spelling.nearest(to: "source_port", among: known) == "sourcePort")
    #expect(Spelling.nearest(to: "protocl", among: known) == "protocol")
    #expect(Spelling.nearest(to: "portocol", among: known) == "protocol")
    #expect(Spelling.nearest(to: "dst", among: known) == nil)
    #expect(Spelling.nearest(to: "", among: known) == nil)
    #expect(Spelling.nearest(to: String(repeating: "x", count: 100_000), among: known) == nil)
  }

  @Test func countsASwapAsOneSlip() {
    #expect(Spelling.nearest(to: "abdc", among: ["abcd"]) == "abcd")
    #expect(Spelling.nearest(to: "badc", among: ["abcd"]) == nil)
  }
}
