import Testing

@testable import Interactive

/// How values print.
struct ValueTests {
  @Test(arguments: [
    ("{}", "{}"), ("{1, 2, 3}", "{ 1, 2, 3 }"), ("{ b = 1, a = 'x' }", "{ a = \"x\", b = 1 }"),
    ("{ 1, x = 2, [5] = 3, ['a b'] = 4 }", "{ 1, [5] = 3, [\"a b\"] = 4, x = 2 }"),
    ("'a\\n'", "a"), ("{ 'a\\n\\27[31m\\u{202e}\\xff' }", "{ \"a\\n\\x1B[31m\\u{202E}\\xFF\" }"),
    ("'tab\\there'", "\"tab\\there\""), ("print", "<native function>"), ("filter.any", "<function filter.any>"),
    ("1e100", "1e+100"), ("0/0 ~= 0/0", "true"),
    ("-0.0", "-0.0"), ("1e15", "1e+15"), ("{ true, [true] = false }", "{ true, [true] = false }"),
  ])
  func plainValues(_ input: String, _ shown: String) throws {
    #expect(try Desk().text(input) == shown)
  }

  @Test func nestedTablesAreIndentedAndSorted() throws {
    #expect(
      try Desk().text("{ list = { 1, 2 }, deep = { a = { b = {} } }, 'x' }") == """
        {
          "x",
          deep = {
            a = { b = {} },
          },
          list = { 1, 2 },
        }
        """)
  }

  @Test func cyclesDepthAndWidthEnd() throws {
    let desk = try Desk()
    desk.answer("t = { name = 'me' } t.self = t")
    #expect(desk.text("t") == "{ name = \"me\", self = <cycle> }")
    #expect(desk.text("{{{{{{1}}}}}}").contains("{… 1 entry}"))
    desk.answer("n = {} for i = 1, 100 do n[i] = i end")
    #expect(desk.answer("n").last == "}")
    #expect(desk.text("n").contains("… 60 more"))
    desk.answer("shared_table = { 1 }")
    #expect(desk.text("{ shared_table, shared_table }").contains("<cycle>") == false)
  }

  @Test func aListOfRowsIsATable() throws {
    #expect(
      try Desk().text("{ { value = 'tcp', packets = 12 }, { value = 'udp', packets = 7 } }") == """
        value  packets
        tcp         12
        udp          7
        """)
    #expect(
      try Desk().text("{ tcp = { packets = 12, bytes = 1 }, udp = { packets = 7, bytes = 22 } }") == """
             packets  bytes
        tcp       12      1
        udp        7     22
        """)
  }

  @Test func aFramesDigitsAreADump() throws {
    let desk = try Desk()
    let lines = desk.answer(
      #"packet.udp({ source = "10.20.1.11", destination = "10.20.3.4", payload = "hello" }):hex()"#)
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("0000  45 00 00 21 "))
    #expect(lines[2].hasSuffix("o"))
  }

  @Test func packetsAreOneLine() throws {
    let desk = try Desk()
    #expect(
      desk.text(
        #"packet.tcp { source = "10.20.1.11", source_port = 5000, destination = "10.20.3.4", destination_port = 443, flags = "S" }"#
      )
      .hasSuffix("IP 10.20.1.11.5000 > 10.20.3.4.443: Flags [S], seq 0, win 65535, length 0"))
  }

  @Test func enisAndListsAreTables() throws {
    let desk = try Desk()
    let eni = desk.answer(#"inventory.eni "eni-web1""#)
    #expect(eni.first == "eni")
    #expect(eni.contains { $0.hasPrefix("  addresses") && $0.contains("10.20.1.11") })
    let list = desk.answer(#"inventory.vpcs["vpc-shop"].enis"#)
    #expect(list.first?.hasPrefix("id ") == true)
    #expect(list.contains { $0.hasPrefix("eni-web1 ") && $0.contains("subnet-web ") })
    #expect(desk.text("{ inventory.eni('eni-web1') }") == "{ <eni eni-web1> }")
    #expect(desk.text("mirrors") == "no mirrors")
  }

  @Test func coloursStayOutOfWidths() {
    var style = Style()
    style.hasColour = true
    #expect(TextWidth.of(style.paint("abc", .error)) == 3)
    #expect(TextWidth.of("漢字") == 4)
    #expect(TextWidth.cut("abcdef", to: 4) == "abc…")
  }
}
