import JSONText
import Testing

private func read(_ text: String) throws(JSONError) -> JSONValue { try JSONValue(json: text, file: "t.json") }

private func failure(_ text: String) -> String? {
  do throws(JSONError) {
    _ = try read(text)
    return nil
  } catch {
    return error.description
  }
}

private func failure(bytes: [UInt8], limits: JSONLimits = JSONLimits()) -> String? {
  do throws(JSONError) {
    _ = try JSONValue(json: bytes, file: "t.json", limits: limits)
    return nil
  } catch {
    return error.description
  }
}

@Suite struct JSONReaderTests {
  @Test func readsEveryKindOfValue() throws {
    let value = try read(#" {"a": [null, true, false, -1.5e3, "x"], "b": {}, "c": []} "#)
    #expect(value.members?.map(\.name) == ["a", "b", "c"])
    #expect(value["a"]?.array?.count == 5)
    #expect(value["a"]?.array?[0].isNull == true)
    #expect(value["a"]?.array?[1].bool == true)
    #expect(value["a"]?.array?[2].bool == false)
    #expect(value["a"]?.array?[4].string == "x")
    #expect(value["a"]?.array?[3].number?.text == "-1.5e3")
    #expect(value["a"]?.array?[3].integer == -1500)
    #expect(value["b"] == JSONValue.object([]))
    #expect(value["c"] == JSONValue.array([]))
    #expect(value["missing"] == nil)
  }

  @Test func keepsMembersInOrder() throws {
    #expect(try read(#"{"z":1,"a":2,"m":3}"#).members?.map(\.name) == ["z", "a", "m"])
  }

  @Test func knowsWhereEveryValueStands() throws {
    let value = try read("{\n  \"é€😀\": \"ü\", \"b\": [1,\r\n 2]\n}")
    let first = try #require(value.members?.first)
    #expect(first.position == JSONPosition(line: 2, column: 3, offset: 4))
    #expect(first.value.position == JSONPosition(line: 2, column: 10, offset: 17))
    let list = try #require(value["b"]?.array)
    #expect(list[0].position == JSONPosition(line: 2, column: 21, offset: 29))
    #expect(list[1].position.line == 3)
    #expect(list[1].position.column == 2)
  }

  @Test func skipsAByteOrderMark() throws {
    let value = try JSONValue(json: [0xef, 0xbb, 0xbf] + Array("[1]".utf8), file: "t.json")
    #expect(value.position == JSONPosition(line: 1, column: 1, offset: 3))
  }

  @Test func decodesEscapes() throws {
    #expect(try read(#""\"\\\/\b\f\n\r\tA\u00e9\u20AC\uD83D\ude00""#).string == "\"\\/\u{8}\u{c}\n\r\tAé€😀")
  }

  @Test(arguments: [
    ("", "t.json:1:1: json.syntax: the text ends where a value should stand"),
    ("[1,]", "t.json:1:4: json.syntax: found `]` where a value should stand"),
    ("{\"a\":1,}", "t.json:1:8: json.syntax: found `}` where a name in quotes should stand"),
    (
      "{'a':1}",
      "t.json:1:2: json.syntax: found a single quote (JSON strings stand in double quotes) where a name in quotes or } should stand"
    ),
    ("[1 2]", "t.json:1:4: json.syntax: found `2` where a comma or ] should stand"),
    ("{\"a\" 1}", "t.json:1:6: json.syntax: found `1` where a colon should stand"),
    ("[1] x", "t.json:1:5: json.syntax: found `x` after the end of the value"),
    ("// c\n1", "t.json:1:1: json.syntax: found the start of a comment (JSON has none) where a value should stand"),
    ("[nul]", "t.json:1:2: json.syntax: found `nul` where a value or ] should stand"),
    ("[nullx]", "t.json:1:2: json.syntax: found `nullx` where a value or ] should stand"),
    ("NaN", "t.json:1:1: json.syntax: found `NaN` where a value should stand"),
    ("[01]", "t.json:1:2: json.syntax: 01 is not a JSON number"),
    ("\n\n -", "t.json:3:2: json.syntax: - is not a JSON number"),
    ("1.", "t.json:1:1: json.syntax: 1. is not a JSON number"),
    ("+1", "t.json:1:1: json.syntax: +1 is not a JSON number"),
    ("1e+", "t.json:1:1: json.syntax: 1e+ is not a JSON number"),
    ("\"abc", "t.json:1:5: json.syntax: the text ends where the closing quote of a string should stand"),
    ("\"é\n\"", "t.json:1:3: json.syntax: control character 10 inside a string; write it as \\u000a"),
    (#""a\x""#, #"t.json:1:3: json.syntax: \x is not an escape that JSON knows"#),
    (#""\u12"#, #"t.json:1:2: json.syntax: \u12 is not an escape that JSON knows"#),
    (#""\u12g4""#, #"t.json:1:2: json.syntax: \u12g4 is not an escape that JSON knows"#),
    (#""\ud800""#, #"t.json:1:2: json.syntax: \ud800 is half of a surrogate pair and no character"#),
    (#""\ud800A""#, #"t.json:1:2: json.syntax: \ud800 is half of a surrogate pair and no character"#),
    (#""\udc00\ud800""#, #"t.json:1:2: json.syntax: \udc00 is half of a surrogate pair and no character"#),
    (
      "{\"a\":1,\n\"b\":2, \"\\u0061\":3}",
      "t.json:2:8: json.duplicate-name: the name \"a\" is already in this object, at line 1"
    ),
  ])
  func saysWhatIsWrongAndWhere(text: String, expected: String) {
    #expect(failure(text) == expected)
  }

  @Test func findsADuplicateNameAmongMany() {
    let names = (0..<200).map { "\"k\($0)\": 0" } + ["\n\"k150\": 1"]
    #expect(
      failure("{" + names.joined(separator: ",") + "}")
        == "t.json:2:1: json.duplicate-name: the name \"k150\" is already in this object, at line 1")
  }

  @Test func findsTheByteThatIsNotUTF8() {
    #expect(
      failure(bytes: Array("[\"aé".utf8) + [0xff] + Array("bü\"]".utf8))
        == "t.json:1:5: json.syntax: byte 0xff is not UTF-8")
    // Cut short by an escape, an overlong form, an encoded surrogate.
    for bad: [UInt8] in [[0xe2, 0x82, 0x5c, 0x6e], [0xc0, 0xaf], [0xed, 0xa0, 0x80]] {
      let message = failure(bytes: [0x22] + bad + [0x22])
      #expect(message?.hasPrefix("t.json:1:2: json.syntax: byte 0x") == true, "\(message ?? "none")")
    }
  }

  @Test func refusesWhatIsTooDeepOrTooLarge() throws {
    let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(failure(nested(64)) == nil)
    #expect(failure(nested(65)) == "t.json:1:65: json.too-deep: lists and objects are nested more than 64 deep")
    #expect(failure(String(repeating: "{\"a\":", count: 1_000_000))?.contains("json.too-deep") == true)
    #expect(
      failure(bytes: Array("[1234]".utf8), limits: JSONLimits(bytes: 5))
        == "t.json:1:1: json.too-large: the text has 6 bytes, more than the 5 allowed")
  }
}

@Suite struct JSONNumberTests {
  @Test(arguments: [
    ("0", 0), ("-0", 0), ("12", 12), ("1.0", 1), ("1e3", 1000), ("1.5e1", 15), ("120e-1", 12),
    ("0e99999999999999999999", 0),
    ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min), ("-9223372036854775808.0", Int.min),
    ("9223372036854775807e0", Int.max),
  ])
  func givesTheExactInteger(text: String, expected: Int) throws {
    #expect(try read(text).integer == expected)
  }

  @Test(arguments: [
    "1.5", "1e-1", "9223372036854775808", "9223372036854775808.0", "-9223372036854775809", "1e19", "1e400",
    "1e99999999999999999999", "1e-99999999999999999999", "15e-2", "1e9223372036854775807", "0.1e-9223372036854775808",
  ])
  func givesNoIntegerForOthers(text: String) throws {
    #expect(try read(text).integer == nil)
    #expect(try read(text).number?.text == text)
  }

  @Test func writesDoublesThatReadBack() throws {
    for value in [0.1, -2.5, 1e300, .leastNonzeroMagnitude, 123456789.125] {
      #expect(try read(JSONValue.double(value).text()).number?.double == value)
    }
    #expect(JSONValue.double(.infinity).isNull)
    #expect(JSONValue.double(.nan).isNull)
  }
}
