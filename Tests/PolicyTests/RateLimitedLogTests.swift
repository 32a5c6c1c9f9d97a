import LuaRuntime
import Policy
import Testing

@Test func theLogFillsUpAgainOnPacketTime() throws {
  try withLuaStack {
    let bench = try Bench(mirror("filter = function(p) for i = 1, 150 do log.info(i) end return true end"))
    var packet = TestPacket()
    _ = bench.judge(packet)
    #expect(bench.output.log.count == 100)
    packet.time += 1_000_000_000
    _ = bench.judge(packet)
    #expect(bench.output.log.count == 110)
    #expect(bench.output.log[100].text.contains("1 (50 more lines before it left out)"))
    packet.time += 60_000_000_000
    _ = bench.judge(packet)
    #expect(bench.output.log.count == 210)
  }
}
