import Foundation
import LuaRuntime
import Testing

@testable import Interactive

/// Mirrors of a session tried on captures. The numbers are those of `moontap run` with the same mirror.
struct MirrorTests {
  private static let web = """
    web = mirror { name = "web", vpc = "vpc-campus", source = source.subnet("subnet-wlan"),
      filter = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true } & no_handshake,
      target = target.receivers "10.50.9.10, 10.50.9.11", balance = balance.even() }
    """

  private func desk(_ capture: String = "examples/captures/campus.pcap") throws -> Desk {
    let desk = try Desk(inventory: "campus")
    try desk.session.read([Files.path(capture)])
    desk.answer("asked = 0")
    desk.answer("no_handshake = function(p) asked = asked + 1 return not (p.tcp and p.tcp.syn) end")
    #expect(desk.answer(Self.web) == [])
    return desk
  }

  @Test func aDryRunCountsWhatARunWould() throws {
    #expect(
      try desk().text("web:dry_run(packets)") == """
        verdict       receiver    packets   bytes  share
        observed                      466  199823  100.0
        collected                     207  127410   44.4
        collected     10.50.9.10      127   48974   27.3
        collected     10.50.9.11       80   78436   17.2
        filtered                      259   72413   55.6
        unattributed                  405   22686
        """)
  }

  @Test func aDryRunTakesAnySequenceAndThePacketsOfTheStart() throws {
    let desk = try desk()
    #expect(desk.answer("web:dry_run()[2].packets") == ["207"])
    #expect(desk.answer("web:dry_run(packets:take(0))[1].packets") == ["0"])
    let long = "packets:where(function(p) return p.length > 500 end)"
    #expect(desk.answer("web:dry_run(\(long))[1].packets == #\(long)") == ["true"])
  }

  @Test func aDryRunLeavesNothingBehind() throws {
    let desk = try desk()
    desk.answer("seen = counter('seen', 'x')")
    desk.answer(
      "function once(p) seen:add(1) if p.flow.state.seen then return false end p.flow.state.seen = true return true end"
    )
    desk.answer("web:modify { filter = once }")
    let first = desk.text("web:dry_run()")
    #expect(desk.text("web:dry_run()") == first)
    #expect(desk.answer("web.state") == ["\"enabled\""])
  }

  @Test func aDisabledMirrorIsTriedAsIfItWereNot() throws {
    let desk = try desk()
    desk.answer("web:disable()")
    #expect(desk.answer("web:dry_run()[2].packets") == ["207"])
    #expect(desk.answer("web.enabled") == ["false"])
    desk.answer("web:delete()")
    #expect(desk.text("web:dry_run()").contains("the mirror is deleted"))
  }

  @Test func whatScriptsFailInIsSaidAndCounted() throws {
    let desk = try desk()
    desk.answer("web:modify { filter = function(p) return p.lenght > 1 end }")
    #expect(desk.text("web:dry_run()").contains("script-error"))
    #expect(desk.printed.first?.contains("no field 'lenght' in packet; did you mean 'length'?") == true)
    #expect(desk.answer("web.state") == ["\"enabled\""])
  }

  @Test func functionsThatJudgeMayNeitherDeclareNorTryMirrors() throws {
    let desk = try desk()
    desk.answer("web:modify { filter = function(p) return web:dry_run() ~= nil end }")
    desk.answer("web:dry_run()")
    #expect(desk.printed.contains { $0.contains("a mirror is tried already") })
    desk.answer("web:modify { filter = function(p) web:disable() return true end }")
    desk.answer("web:dry_run()")
    #expect(desk.printed.contains { $0.contains("not while a packet is judged") })
    #expect(desk.answer("web.enabled") == ["true"])
  }

  @Test func aDryRunIsInterrupted() throws {
    let desk = try desk()
    desk.answer("web:modify { filter = function(p) for i = 1, 10000 do end return true end }")
    desk.session.interrupt.request()
    #expect(desk.answer("while true do web:dry_run() end") == ["interrupted"])
    desk.session.interrupt.clear()
    desk.answer("web:modify { filter = filter.any }")
    #expect(desk.text("web:dry_run()").contains("collected"))
  }

  @Test func costTellsWhatIsAskedOfEveryPacket() throws {
    let desk = try desk()
    desk.answer("cost = web:cost(packets)")
    #expect(
      desk.answer("for _, row in ipairs(cost) do print(row.part, row.cached, row.ns ~= nil) end") == [])
    #expect(
      desk.printed == [
        "without its filter\ttrue\ttrue",
        "quintuple protocol tcp, destination port 443, bidirectional\ttrue\tfalse", "lua input 2:1\tfalse\tfalse",
        "all, 871 packets\tfalse\ttrue",
      ])
    #expect(desk.answer("cost[1].ns > 0 and cost[4].ns > 0") == ["true"])
    #expect(desk.text("web:cost(packets:take(0))").contains("there are no packets"))
  }

  @Test func traceTellsOfEveryPacketWhatScriptsRead() throws {
    let desk = try desk()
    #expect(desk.answer(":trace on") == [])
    desk.answer("web:dry_run(packets:where(filter.bpf 'tcp port 443'):take(40))")
    #expect(desk.printed.count == 40)
    #expect(desk.printed.contains { $0.contains("remembered") && $0.contains("collected → 10.50.9.10") })
    #expect(desk.printed.contains { $0.contains("lua reads tcp.syn in ") })
    desk.answer(":trace off")
    desk.answer("web:dry_run()")
    #expect(desk.printed.count == 40)
    #expect(desk.answer(":trace") == ["trace is off"])
    #expect(desk.text(":trace maybe").contains("on or off"))
  }

  @Test func mirrorsSaveThemselvesAsAPolicy() throws {
    let desk = try desk()
    let path = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString).lua").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    desk.answer("count = packets:count()")
    desk.answer("web:disable()")
    #expect(desk.text("mirrors:save_policy '\(path)'").contains("written to"))
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.hasPrefix("asked = 0\nno_handshake = "))
    #expect(text.hasSuffix("web:disable()\n"))
    #expect(desk.answer(":check \(path)") == ["right: web"])
    #expect(desk.text("mirrors:save_policy '\(path)'").contains("is there already"))
  }
}
