import Capture
import Foundation
import Testing

@testable import Interactive

/// Captures in a session. The numbers are tshark's.
struct TrafficTests {
  private func desk(_ capture: String = "examples/captures/campus.pcap") throws -> Desk {
    let desk = try Desk(inventory: "campus")
    try desk.session.read([Files.path(capture)])
    return desk
  }

  @Test func packetsAreCountedIndexedAndWalked() throws {
    let desk = try desk()
    #expect(desk.answer("#packets") == ["871"])
    #expect(desk.text("packets[12]").hasSuffix("ARP, sender 10.50.109.170, length 42"))
    #expect(desk.answer("packets[871] ~= nil, packets[872], packets[0]") == ["true", "nil", "nil"])
    desk.answer("n, bytes = 0, 0")
    desk.answer("for i, p in pairs(packets) do n = i bytes = bytes + p.length end")
    #expect(desk.answer("n, bytes") == ["871", "222509"])
    #expect(
      desk.answer(
        "(function() local sum = 0 for i = 1, #packets do sum = sum + packets[i].length end return sum end)()") == [
          "222509"
        ])
  }

  @Test func anyPacketIsTheSameHoweverItIsReached() throws {
    let desk = try desk()
    desk.answer("all = {} for i, p in pairs(packets) do all[i] = tostring(p) end")
    for number in [871, 1, 130, 129, 128, 500, 2] {
      #expect(desk.answer("tostring(packets[\(number)]) == all[\(number)]") == ["true"])
    }
  }

  @Test func filtersFunctionsAndBothTogether() throws {
    let desk = try desk()
    #expect(desk.answer(#"packets:where(filter.quintuple { protocol = "udp" }):count()"#) == ["58"])
    #expect(desk.answer("packets:where(function(p) return p.protocol == 'udp' end):count()") == ["58"])
    let both =
      #"packets:where(filter.quintuple { protocol = "tcp" } & function(p) return p.tcp ~= nil and p.tcp.syn end)"#
    #expect(desk.answer("#\(both)") == ["20"])
    #expect(desk.answer("#\(both):take(3)") == ["3"])
    #expect(desk.answer("\(both)[20] ~= nil, \(both)[21]") == ["true", "nil"])
    #expect(
      desk.text("packets:where(function(p) end):count()").contains(
        "must return true or false, got nil (forgotten return?)"))
    #expect(desk.text(#"packets:where(filter.first { packets = 1 })"#).contains("use mirror:dry_run(packets)"))
  }

  @Test func packetsOutliveTheWalkAndTheirWhole() throws {
    let desk = try desk()
    desk.answer("kept = {} packets:where(function(p) kept[#kept + 1] = p return true end):count()")
    desk.answer("junk = {} for i = 1, 20000 do junk[1] = packets[1 + i % 800] end")
    #expect(desk.answer("#kept, tostring(kept[12]) == tostring(packets[12])") == ["871", "true"])
  }

  @Test func groupsTopsAndConversations() throws {
    let desk = try desk()
    #expect(
      desk.text(#"packets:group_by("protocol")"#) == """
        value   packets   bytes
        (none)      406   22728
        tcp         406  191786
        udp          58    7695
        icmp          1     300
        """)
    #expect(desk.answer(#"packets:group_by(function(p) return p.protocol end)[3].value"#) == ["\"udp\""])
    #expect(desk.answer(#"packets:group_by("tcp.syn")[3].packets"#) == ["20"])
    #expect(desk.answer(#"packets:top("source", 2)[2].value"#) == ["\"10.50.109.228\""])
    #expect(desk.answer("packets:conversations(1)[1].packets, packets:conversations(1)[1].bytes") == ["59", "37841"])
    #expect(desk.text(#"packets:group_by("sorce")"#).contains(#"did you mean "source"?"#))
  }

  @Test func aTimelineIsAChart() throws {
    let desk = try desk()
    let lines = desk.answer(#"packets:timeline("10s")"#)
    #expect(lines.count == 7)
    #expect(lines[0] == "10 s a row")
    #expect(lines[1].hasPrefix("15:28:20       "))
    let sum = lines.dropFirst().compactMap { Int($0.split(separator: " ")[1]) }.reduce(0, +)
    #expect(sum == 871)
    #expect(desk.text(#"packets:timeline("1ms")"#).contains("a longer interval is needed"))
    #expect(desk.text(#"packets:timeline("soon")"#).contains("an interval such as"))
  }

  @Test func whatIsSavedIsWhatWasFound() throws {
    let desk = try desk()
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-repl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["out.pcapng", "out.pcap"] {
      let path = folder.appending(path: name).path
      #expect(desk.answer(#"packets:where(filter.bpf "udp"):save("\#(path)")"#) == ["58"])
      #expect(desk.answer(#"saved = capture.open("\#(path)")"#) == [])
      #expect(
        desk.answer("#saved, tostring(saved[7]) == tostring(packets:where(filter.bpf 'udp')[7])") == ["58", "true"])
    }
    #expect(
      desk.text(#"packets:save("\#(Files.path("examples/captures/campus.pcap"))")"#).contains("is one of the captures"))
  }

  @Test func aPacketShowsAllItsHeaders() throws {
    let desk = try desk()
    let lines = desk.answer("packets:where(filter.bpf 'tcp')[1]:tree()")
    for title in ["ethernet", "ipv4", "tcp"] { #expect(lines.contains(title)) }
    #expect(lines.contains { $0.hasPrefix("  destination port  ") })
    #expect(try self.desk("Tests/Fixtures/captures/vxlan-http.pcap").answer("packets[1]:tree()").contains("inside"))
  }

  @Test func filesAreOnlyForWhatIsTyped() throws {
    let desk = try desk()
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-repl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let script = folder.appending(path: "evil.lua")
    try #"function save() return packets:save("/tmp/evil.pcap") end; save()"#.write(
      to: script, atomically: true, encoding: .utf8)
    #expect(desk.text(":load \(script.path)").contains("can be used only in what is typed"))
    #expect(desk.text("save()").contains("can be used only in what is typed"))
    #expect(desk.text("pcall(save)").contains("can be used only in what is typed"))
  }

  @Test func whatCannotBeReadSaysWhy() throws {
    let desk = try Desk()
    #expect(desk.text(#"capture.open "nowhere.pcap""#).contains("no such file"))
    #expect(desk.text(#"capture.open "-""#).contains("regular file"))
    #expect(desk.text(#"capture.open "\#(Files.path("README.md"))""#).contains("not a capture"))
  }

  @Test func aPackedCaptureIsReadLikeAnother() throws {
    let packed = try desk("Tests/Fixtures/captures/community-id.pcap.gz")
    let path = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString).pcapng").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    packed.answer("packets:save('\(path)')")
    packed.answer("plain = capture.open '\(path)'")
    #expect(packed.answer("#packets > 10, #packets == #plain") == ["true", "true"])
    for number in [5, 11, 1] {
      #expect(packed.answer("tostring(packets[\(number)]) == tostring(plain[\(number)])") == ["true"])
    }
  }

  @Test(arguments: ["pcapng-sections-mixed-endian.pcapng", "pcapng-two-tsresol.pcapng", "real-4k-hosts740-cut128.pcap"])
  func bookmarksKnowTheSectionTheyStandIn(_ name: String) throws {
    let desk = try desk("Tests/Fixtures/captures/\(name)")
    desk.answer("all = {} for i, p in pairs(packets) do all[i] = tostring(p) .. p.time end")
    #expect(desk.answer("#all == #packets and #all > 0") == ["true"])
    let wrong =
      "wrong = 0 for i = #all, 1, -7 do if tostring(packets[i]) .. packets[i].time ~= all[i] then wrong = wrong + 1 end end"
    desk.answer(wrong)
    #expect(desk.answer("wrong") == ["0"])
  }
}

struct IndexTests {
  @Test func theIndexForgetsEveryOtherBookmarkRatherThanGrow() throws {
    let capture = try IndexedCapture(Files.path("examples/captures/campus.pcap"))
    while !capture.count.isWhole { usleep(1000) }
    #expect(capture.count.frames == 871)
    #expect(capture.index.bookmarks.map(\.frameCount) == [0, 128, 256, 384, 512, 640, 768])
    #expect(capture.bookmark(before: 200)?.frameCount == 128)
    #expect(capture.bookmark(before: 0)?.frameCount == 0)
  }
}
