// Copies of other engines, recognised by their source port.

import Inventory
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

@Suite struct ForeignCopyTests {
  private let inner = udp("10.9.0.1", "10.9.0.2", 1234, 53, macs: (7, 8), length: 40)

  /// As another engine sends it, which has other receivers.
  private func copy(of inner: [UInt8], port: Int) -> [UInt8] {
    udp("10.20.1.12", "192.0.2.1", port, 8472, macs: (2, 0xaa), length: 16 + inner.count).prefix(42)
      + [8, 0, 0, 0, 0, 0, 7, 0] + inner
  }

  /// What an engine gives the frame.
  private func sourcePort(_ frame: [UInt8]) throws -> Int {
    let scene = try shopScene()
    let sink = CollectingSink()
    var observed = frame
    observed.replaceSubrange(0..<12, with: [2, 0, 0, 0, 0, 0xaa, 2, 0, 0, 0, 0, 1])
    try scene.pipeline().run([TestFrame(observed)], scene.interfaces, sink: sink)
    return Int(try #require(sink.delivered.first).sourcePort)
  }

  private func reasons(_ frames: [[UInt8]], isLive: Bool = true) throws -> (copy: UInt64, collected: UInt64) {
    let scene = try shopScene()
    let pipeline = scene.pipeline()
    pipeline.leavesOutForeignCopies = isLive
    try pipeline.run(frames.map { TestFrame($0) }, scene.interfaces, sink: CollectingSink())
    let mirror = try pipeline.report().mirrors[0]
    return (mirror.reasons.first { $0.reason == .copy }!.tally.packets, mirror.collected.packets)
  }

  @Test func copiesOfOtherEnginesAreLeftOutWhereverTheyGo() throws {
    let copy = copy(of: inner, port: try sourcePort(inner))
    #expect(try reasons([copy, copy]) == (2, 0))
    // A capture may hold copies that somebody wants to look at.
    #expect(try reasons([copy, copy], isLive: false) == (0, 2))
  }

  @Test func copiesOfCopiesAndOfFramesWithoutAddressesAreToo() throws {
    let once = copy(of: inner, port: try sourcePort(inner))
    #expect(try reasons([copy(of: once, port: try sourcePort(once))]) == (1, 0))
    let lldp = inner.prefix(12) + [0x88, 0xcc] + [UInt8](repeating: 5, count: 40)
    let key = FlowKey(lowHigh: 0, lowLow: 0x0200_0000_0007, highHigh: 0, highLow: 0x0200_0000_0008, meta: 0x88cc)
    let port = Int(key.copyPort)
    #expect(try reasons([copy(of: Array(lldp), port: port)]) == (1, 0))
  }

  @Test func otherTunnelsAreTraffic() throws {
    let port = try sourcePort(inner)
    var taken = 0
    for other in 0xc000..<0xc400 where other != port {
      taken += Int(try reasons([copy(of: inner, port: other)]).collected)
    }
    #expect(taken == ((0xc000..<0xc400).contains(port) ? 1023 : 1024))
    // With bits that copies have not, and cut short.
    var reserved = copy(of: inner, port: port)
    reserved[43] = 1
    #expect(try reasons([reserved]) == (0, 1))
    #expect(try reasons([Array(copy(of: inner, port: port).prefix(60))]) == (0, 1))
  }

  @Test func allFragmentsOfACopyAreLeftOut() throws {
    let copy = copy(of: inner, port: try sourcePort(inner))
    var first = copy
    first.replaceSubrange(18..<22, with: [0, 9, 0x20, 0])
    var later = Array(copy.prefix(34)) + [UInt8](repeating: 1, count: 30)
    later.replaceSubrange(18..<22, with: [0, 9, 0, 12])
    #expect(try reasons([first, later]) == (2, 0))
    var others = later
    others[19] = 10
    #expect(try reasons([first, others]) == (1, 1))
  }

  /// The next copy would make the next error.
  @Test func icmpErrorsThatQuoteACopyAreLeftOut() throws {
    let quoted = udp("10.20.1.250", "10.20.9.10", 0xd000, 4789, length: 100).dropFirst(14)
    func error(_ quoted: some Collection<UInt8>) -> [UInt8] {
      var frame = Array(udp("10.20.1.1", "10.20.1.11", 0, 0, macs: (0xaa, 1), length: 8 + quoted.count).prefix(34))
      frame[23] = 1
      return frame + [3, 1, 0, 0, 0, 0, 0, 0] + quoted
    }
    #expect(try reasons([error(quoted)]) == (1, 0))
    #expect(try reasons([error(udp("10.20.1.250", "10.20.9.10", 0xd000, 53, length: 100).dropFirst(14))]) == (0, 1))
  }
}
