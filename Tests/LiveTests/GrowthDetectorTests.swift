import Capture
import Testing
import Wire

@testable import Live

private let second: Int64 = 1_000_000_000

/// Packets that are to be copied, at their times; those that are copied may come back.
private struct Traffic {
  var detector = GrowthDetector()
  var waiting: [(time: Int64, packet: UInt64)] = []
  var sent: [UInt64: Int] = [:]
  var withheld: [UInt64: Int] = [:]
  let place = GrowthDetector.Place(mirror: 0, origin: 3, isOutbound: false)

  /// - Parameter returns: how long a copy takes to come back; nil: it does not.
  mutating func run(returns: Int64?, until end: Int64) {
    while let next = waiting.indices.min(by: { waiting[$0].time < waiting[$1].time }), waiting[next].time < end {
      let (time, packet) = waiting.remove(at: next)
      detector.beginBatch(at: time)
      guard !detector.withholds(packet, place, at: time) else {
        withheld[packet, default: 0] += 1
        continue
      }
      sent[packet, default: 0] += 1
      if let returns { waiting.append((time + returns, packet)) }
    }
  }
}

@Suite struct GrowthDetectorTests {
  @Test func packetsThatComeBackAreStoppedAndTheThirdPausesTheMirror() {
    var traffic = Traffic()
    // Each begins when the one before has been stopped.
    for packet in 1...5 as ClosedRange<UInt64> {
      traffic.waiting.append((Int64(packet) * 2 * second, packet &* 0x9e37_79b9_7f4a_7c15))
    }
    traffic.run(returns: second / 50, until: 100 * second)
    #expect(traffic.sent.values.sorted() == [8, 8, 8].suffix(traffic.sent.count))
    #expect(traffic.sent.count == 3)
    #expect(traffic.detector.loops == [0: traffic.place])
    // Other mirrors go on.
    let other = GrowthDetector.Place(mirror: 1, origin: 3, isOutbound: false)
    let (here, there) = (
      traffic.detector.withholds(99, traffic.place, at: 100 * second),
      traffic.detector.withholds(99, other, at: 100 * second)
    )
    #expect(here && !there)
  }

  @Test func whoSendsTheSameAgainAndAgainIsLetBe() {
    var traffic = Traffic()
    for turn in 0..<6000 { traffic.waiting.append((Int64(turn) * second / 20, 7 &* 0x9e37_79b9_7f4a_7c15)) }
    traffic.run(returns: nil, until: 1000 * second)
    #expect(traffic.detector.loops.isEmpty)
    // Once, for as long as it takes to see that it comes all the same.
    let withheld = traffic.withheld.values.reduce(0, +)
    #expect(withheld > 1 && withheld <= 10)
  }

  @Test func burstsOfOneBatchAreNoLoop() {
    var detector = GrowthDetector()
    let place = GrowthDetector.Place(mirror: 0, origin: 0, isOutbound: true)
    var withheld = 0
    for turn in 0..<60 as Range<Int64> {
      detector.beginBatch(at: turn * second)
      for _ in 0..<17 where detector.withholds(5 << 40, place, at: turn * second) { withheld += 1 }
    }
    #expect(withheld == 0 && detector.loops.isEmpty)
  }

  /// A broadcast that many ENIs get.
  @Test func theSamePacketAtManyPlacesIsNoLoop() {
    var detector = GrowthDetector()
    var withheld = 0
    for origin in 0..<500 as Range<UInt32> {
      detector.beginBatch(at: Int64(origin) * second / 1000)
      let place = GrowthDetector.Place(mirror: 0, origin: origin, isOutbound: false)
      if detector.withholds(5 << 40, place, at: Int64(origin) * second / 1000) { withheld += 1 }
    }
    #expect(withheld == 0)
  }

  // MARK: What is the same packet

  private func fingerprint(_ bytes: [UInt8]) -> UInt64 {
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe Fingerprint.make(buffer.baseAddress!, captured: buffer.count, decoder: .ethernet)
    }
  }

  private func packet(_ port: UInt16 = 1, ttl: UInt8 = 64, mac: UInt64 = 1, vlan: UInt16? = nil) throws -> [UInt8] {
    var builder = PacketBuilder(protocol: .udp, source: IPAddress("10.0.0.1")!, destination: IPAddress("10.0.0.2")!)
    builder.link = .ethernet(source: MACAddress(value: mac), destination: MACAddress(value: 2), vlan: vlan)
    builder.sourcePort = port
    builder.ttl = ttl
    builder.payload = [UInt8](repeating: 7, count: 40)
    return try builder.build()
  }

  private func wrapped(_ inner: [UInt8], _ method: TunnelMethod) -> [UInt8] {
    let ends = TunnelEnds(
      sourceMAC: MACAddress(value: 3), destinationMAC: MACAddress(value: 4), source: IPAddress("192.0.2.1"),
      destination: IPAddress("192.0.2.2")!)
    let template = EncapsulationTemplate(method: method, ends: ends, inner: nil)
    var header = [UInt8](repeating: 0, count: EncapsulationTemplate.capacity)
    unsafe inner.withUnsafeBytes { body in
      let packet = unsafe TunnelPacket(
        body: body.baseAddress!, captured: body.count, original: body.count, etherType: 0, sourcePort: 0xc001,
        sequence: 1, isOutbound: true)
      unsafe header.withUnsafeMutableBytes { header in
        unsafe template.bytes.withUnsafeBytes { bytes in
          unsafe template.layout.emit(to: header.baseAddress!, from: bytes.baseAddress!, packet)
        }
      }
    }
    return header.prefix(template.layout.byteCount) + inner
  }

  @Test func whatTheWayChangesDoesNotMatter() throws {
    let known = fingerprint(try packet())
    #expect(try fingerprint(packet(ttl: 9, mac: 77, vlan: 5)) == known)
    #expect(try fingerprint(packet(2)) != known)
    for method in [TunnelMethod.vxlan(vni: 9, port: 4789), .gre(key: 9), .erspan2(session: 9)] {
      #expect(try fingerprint(wrapped(packet(), method)) == known)
      #expect(try fingerprint(wrapped(wrapped(packet(), .gre(key: 3)), method)) == known)
      #expect(try fingerprint(wrapped(packet(2), method)) != known)
    }
  }

  @Test func readsNothingBeyondWhatWasCaptured() throws {
    let whole = wrapped(wrapped(try packet(), .gre(key: 3)), .vxlan(vni: 9, port: 4789))
    // Each in memory of its own, so that a sanitiser or a page's end would tell.
    for length in 0...whole.count { _ = length == 0 ? 0 : fingerprint(Array(whole.prefix(length))) }
  }
}
