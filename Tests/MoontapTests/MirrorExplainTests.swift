import Foundation
import JSONText
import Testing

/// `mirror:explain(packet)`: what `moontap explain` says of the packet, from a timer of a policy at work.
struct MirrorExplainTests {
  private let folder: TemporaryFolder
  private static let base = ["--inventory", "examples/inventories/campus.json"]
  private static let run = base + ["--read", "examples/captures/campus.pcap", "--json"]

  init() throws { folder = try TemporaryFolder() }

  private static let policy = """
    local asked, broken = counter("asked"), false
    mirror { name = "tls", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.11, 10.50.9.10",
      filter = filter.quintuple { protocol = "tcp", destination_port = 443 } & function(packet)
        asked:add(1)
        packet.flow.state.count = (packet.flow.state.count or 0) + 1
        if packet.payload:find("break") then error("broken") end
        return packet.flow.state.count > 0
      end }
    mirror { name = "other", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.11",
      filter = function(packet) asked:add(1) return true end }
    function made(payload)
      return packet.tcp { source = "10.50.109.228", source_port = 9, destination = "1.1.1.1", destination_port = 443,
        eni = "eni-laptop", direction = "out", payload = payload }
    end
    probe, breaking = made(""), made("break")

    """

  private func summary(_ more: String) throws -> (JSONValue, errors: String, status: Int32) {
    let file = try folder.write(Self.policy + more, to: "p.lua")
    let finished = try Shell.moontap(["run", file] + Self.run)
    let members = try #require(finished.json().members).filter { $0.name != "seconds" }
    return (.object(members), finished.errors, finished.status)
  }

  @Test func saysWhatTheCommandSaysAndCountsNothing() throws {
    let timer = """
      every(1, function()
        local told = mirrors.tls:explain(probe)
        print(told.reason, told.collected, told.receiver, told.eni, told.direction)
        for _, line in ipairs(told) do print(line) end
        for turn = 1, 20 do assert(mirrors.tls:explain(breaking).reason == "script-error") end
        assert(mirrors.tls.state == "enabled" and mirrors.other:explain(probe).reason == "collected")
      end)
      """
    let (plain, _, _) = try summary("")
    let (told, errors, status) = try summary(timer)
    #expect(told == plain && status == 0, "\(errors)")
    let printed = errors.split(separator: "\n").map(String.init)
    let start = try #require(printed.firstIndex(of: "collected\ttrue\t10.50.9.11\teni-laptop\tout"), "\(errors)")
    let command = try Shell.moontap(
      ["explain", folder.path("p.lua")] + Self.base + ["--packet", "tcp 10.50.109.228:9 > 1.1.1.1:443 out"])
    let lines = command.text.split(separator: "\n").map(String.init)
    let head = try #require(lines.firstIndex { $0.hasPrefix("tls  ") })
    let end = try #require(lines[head...].firstIndex { $0.hasPrefix("  = ") })
    #expect(Array(printed[(start + 1)...].prefix(end - head)) == Array(lines[(head + 1)...end]))
  }

  @Test(arguments: [
    ("mirror:explain can be used in timers", "mirrors.tls:explain(probe)"),
    (
      "mirror:explain can be used in timers",
      "mirrors.other:modify { filter = function() mirrors.tls:explain(probe) return true end }"
    ),
  ])
  func isRefusedWhileLoadingAndWhileAPacketIsJudged(message: String, line: String) throws {
    let file = try folder.write(Self.policy + line, to: "p.lua")
    let finished = try Shell.moontap(["run", file] + Self.run)
    #expect(finished.status != 0 && finished.errors.contains(message), "\(finished.errors)")
  }

  @Test func whatIsExplainedChangesNothing() throws {
    let (_, errors, _) = try summary(
      """
      mirrors.other:modify { filter = function(packet)
        if packet.payload:find("break") then mirrors.tls:disable() end
        return true
      end }
      every(1, function() print(mirrors.other:explain(breaking).reason, mirrors.tls.enabled) end)
      """)
    #expect(errors.contains("script-error\ttrue") && !errors.contains("\tfalse"), "\(errors)")
  }

  @Test func answersInTestsToo() throws {
    try folder.write(Self.policy, to: "p.lua")
    let inventory = Shell.root.appending(path: "examples/inventories/campus.json").path
    try folder.write(
      """
      -- inventory: \(inventory)
      test("explains", function()
        expect(mirrors.tls:explain(probe).reason):equals("collected")
        expect(mirrors.tls:explain(packet.udp { source = "10.50.109.228", destination = "1.1.1.1" })[1]):contains("out of")
        expect(counter("asked").value):equals(0)
      end)
      """, to: "p_test.lua")
    let finished = try Shell.moontap("test", folder.path("p_test.lua"))
    #expect(finished.status == 0, "\(finished.text) \(finished.errors)")
  }

  @Test func timersOfATestChangeMirrors() throws {
    try folder.write(Self.policy + "every(1, function() mirrors.tls:disable() end)", to: "p.lua")
    let inventory = Shell.root.appending(path: "examples/inventories/campus.json").path
    try folder.write(
      """
      -- inventory: \(inventory)
      local function at(time)
        return packet.tcp { source = "10.50.109.228", destination = "1.1.1.1", destination_port = 443, time = time,
          eni = "eni-laptop", direction = "out" }
      end
      test("changes", function()
        expect(mirrors.tls:judge(at(1))).reason:equals("collected")
        expect(mirrors.tls:judge(at(3))).reason:equals("collected")
        expect(mirrors.tls:judge(at(4))).reason:equals("disabled")
        mirrors.other:modify { direction = "in" }
        expect(mirrors.other:judge(at(4))).reason:equals("direction")
        mirrors.other:delete()
        expect(function() mirrors.other:judge(at(4)) end):raises("nil value")
      end)
      """, to: "p_test.lua")
    let finished = try Shell.moontap("test", folder.path("p_test.lua"))
    #expect(finished.status == 0, "\(finished.text) \(finished.errors)")
  }
}
