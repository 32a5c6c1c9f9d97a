import Foundation
import Policy
import Testing

@testable import Interactive

struct CompletionTests {
  private func desk() throws -> Desk {
    let desk = try Desk(inventory: "shop")
    try desk.session.read([Files.path("examples/captures/campus.pcap")])
    return desk
  }

  private func words(_ line: String) throws -> [String] { try desk().session.completions(of: line).words }

  @Test func globalsAndKeywords() throws {
    #expect(try words("mirro") == ["mirror", "mirrors"])
    #expect(try words("x = func") == ["function"])
    let desk = try desk()
    desk.answer("my_thing = { alpha = 1, beta = { gamma = 2 } }")
    #expect(desk.session.completions(of: "my_") == Completions(replaces: 3, words: ["my_thing"]))
    #expect(desk.session.completions(of: "my_thing.").words == ["alpha", "beta"])
    #expect(desk.session.completions(of: "print(my_thing.beta.g").words == ["gamma"])
  }

  @Test func fieldsAndMethodsComeFromTheTableOfTheLanguage() throws {
    #expect(try words("filter.q") == ["quintuple"])
    #expect(try words("packets:ti") == ["timeline"])
    #expect(try words("packets[12].sour") == ["source", "source_mac", "source_port"])
    #expect(try words("packets[12]:tr") == ["tree"])
    #expect(try words(#"packets:where(filter.bpf "x"):take(3):co"#) == ["conversations", "count"])
    #expect(try words(#"inventory.eni("eni-web1").subnet.na"#) == ["name"])
    #expect(try words(#"inventory.vpcs["vpc-shop"].enis["eni-web1"].ma"#) == ["mac"])
    #expect(try words("packets:where(function(p) return p.tcp.s") == ["seq", "syn"])
    #expect(try words("('x'):re") == [])
    #expect(try words("nothing.x") == [])
  }

  @Test func idsFieldNamesAndFilesInsideStrings() throws {
    #expect(try words(#"inventory.eni "eni-we"#) == ["eni-web1", "eni-web2", "eni-web3"])
    #expect(try words("source.subnet('subnet-w") == ["subnet-web"])
    #expect(try words(#"packets:top("dest"#) == ["destination", "destination_mac", "destination_port"])
    #expect(
      try words("capture.open(\"\(Files.path("examples/captures/camp"))") == [
        Files.path("examples/captures/campus.pcap")
      ])
    #expect(try words("capture.open '\(Files.path("exampl"))") == [Files.path("examples") + "/"])
  }

  @Test func commandsAndWhatTheyTake() throws {
    #expect(try words(":re") == [":reload"])
    #expect(try words(":help packets:wh") == ["packets:where"])
    #expect(try words(":set de") == ["depth"])
    #expect(try words(":time packets:cou") == ["count"])
    #expect(
      try words(":load \(Files.path("examples/policies/web-to-ids.l"))") == [
        Files.path("examples/policies/web-to-ids.lua")
      ])
  }
}

struct CommandTests {
  @Test func helpComesFromTheTableOfTheLanguage() throws {
    let desk = try Desk()
    let lines = desk.answer(":help packets:where")
    #expect(lines.first == "packets:where(filter) -> packets")
    #expect(lines.last?.hasPrefix("  example: packets:where(") == true)
    #expect(desk.answer(":help filter.bpf").first == "filter.bpf(expression) -> filter")
    #expect(desk.answer(":help packets").count > 8)
    #expect(desk.text(":help").contains(":load FILE"))
    #expect(desk.text(":help :load").contains("Runs a Lua file"))
    #expect(desk.text(":help filter.bfp") == "! :help: nothing is called filter.bfp; did you mean filter.bpf?")
    #expect(desk.text(":hlep") == "! :hlep: no such command; did you mean :help?")
  }

  @Test func everyEntryHasHelp() throws {
    let desk = try Desk()
    for entry in APIEntry.known where entry.name.first?.isLetter == true {
      #expect(desk.answer(":help \(entry.path)").first?.hasPrefix("!") == false, "\(entry.path)")
    }
  }

  @Test func filesAreLoadedAndLoadedAnew() throws {
    let desk = try Desk(inventory: "campus")
    try desk.session.read([Files.path("examples/captures/campus.pcap")])
    #expect(desk.answer(":load \(Files.path("examples/policies/web-to-ids.lua"))").first?.hasPrefix("!") != true)
    #expect(desk.answer("#mirrors") == ["1"])
    desk.answer("x = 1")
    #expect(desk.text(":reload").contains("loaded 1 file anew"))
    #expect(desk.answer("#mirrors, x, #packets") == ["1", "nil", "871"])
    #expect(desk.text(":load nowhere.lua") == "! :load: nowhere.lua: no such file")
  }

  @Test func settingsChangeWhatPrints() throws {
    let desk = try Desk()
    desk.answer("t = {} for i = 1, 50 do t[i] = i end")
    #expect(desk.text("t").contains("… 10 more"))
    #expect(desk.answer(":set entries 60") == [])
    #expect(!desk.text("t").contains("more"))
    #expect(desk.text(":set entries nought").hasPrefix("! :set entries: one value is needed"))
    #expect(desk.text(":set entires 1").contains(#"did you mean "entries"?"#))
  }

  @Test func theRest() throws {
    let desk = try Desk()
    #expect(desk.answer(":time 1 + 1").first == "2")
    #expect(desk.answer(":time 1 + 1").last?.hasSuffix(" s") == true)
    #expect(desk.text(":limits").contains(" of 64.0 MiB"))
    #expect(desk.answer(":inventory").last?.contains("vpc-") == true)
    #expect(desk.answer(":mirrors") == ["no mirrors"])
    #expect(desk.answer(":quit") == ["leave"])
  }

  @Test func whatWasDeclaredIsSavedAsAPolicyThatPassesTheCheck() throws {
    let desk = try Desk()
    try desk.session.read([Files.path("examples/captures/campus.pcap")])
    desk.answer("https = filter.quintuple { protocol = 'tcp', destination_port = 443, bidirectional = true }")
    desk.answer("function big(p) return p.length > 100 end")
    desk.answer("packets:where(big):count()")
    desk.answer("x = packets[1].length")
    desk.answer(
      #"mirror { name = "web", vpc = "vpc-shop", source = source.vpc(), filter = https & big, target = target.receivers "10.20.9.10" }"#
    )
    desk.answer(#"mirrors.web:modify { direction = "out" }"#)
    desk.answer("mirrors.web.state")
    let path = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString).lua").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(desk.answer(":check").first == "right: web")
    #expect(desk.answer(":save_policy \(path)").last == "written to \(path)")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(!text.contains("packets"))
    #expect(!text.contains(".state"))
    #expect(text.contains("direction = \"out\""))
    #expect(desk.answer(":check \(path)").first == "right: web")
    #expect(desk.text(":save_policy \(path)").contains("is there already"))
  }

  @Test func aPolicyThatLeansOnTheSessionIsNotWritten() throws {
    let desk = try Desk()
    try desk.session.read([Files.path("examples/captures/campus.pcap")])
    desk.answer("limit = packets[1].length")
    desk.answer("bound = limit + 1")
    desk.answer(
      #"mirror { name = "web", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10" }"#)
    let text = desk.text(":save_policy /tmp/never-written.lua")
    #expect(text.contains("does not stand alone"))
    #expect(!FileManager.default.fileExists(atPath: "/tmp/never-written.lua"))
  }
}
