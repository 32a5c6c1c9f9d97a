import SeededRandom
import Testing
import Wire

@testable import DataPath

private let four = ["10.20.9.1", "10.20.9.2", "10.20.9.3", "2001:db8:20:9::4"].map { IPAddress($0)! }

private func keys(_ count: Int) -> [UInt64] {
  var random = RandomNumbers(seed: 11)
  return (0..<count).map { _ in random.next() }
}

@Suite struct RendezvousTests {
  /// Every host and every version must agree.
  @Test func choosesAsItAlwaysHas() {
    let rendezvous = Rendezvous(receivers: four)
    let weighted = Rendezvous(receivers: four, weights: [1, 2, 3, 4])
    #expect(
      keys(24).map(rendezvous.choose) == [
        2, 3, 3, 1, 0, 3, 0, 3, 1, 0, 0, 2, 2, 3, 1, 1, 1, 1, 3, 2, 2, 0, 3, 3,
      ])
    #expect(
      keys(24).map(weighted.choose) == [
        2, 3, 3, 1, 3, 3, 0, 3, 1, 0, 2, 2, 2, 3, 1, 1, 3, 1, 3, 2, 2, 2, 3, 3,
      ])
    #expect(Rendezvous.key(id: "eni-web1") == 11_499_647_729_502_791_535)
    #expect(Rendezvous.key(id: "") == 5_693_811_134_306_182_259)
  }

  @Test func sharesEvenly() {
    let rendezvous = Rendezvous(receivers: four)
    let shares = keys(40_000).reduce(into: [0, 0, 0, 0]) { $0[rendezvous.choose($1)] += 1 }
    // Four standard deviations of a fair share.
    #expect(shares.allSatisfy { abs($0 - 10_000) < 350 }, "\(shares)")
  }

  @Test func sharesInProportionToTheWeights() {
    let rendezvous = Rendezvous(receivers: four, weights: [1, 2, 3, 4])
    let shares = keys(40_000).reduce(into: [0, 0, 0, 0]) { $0[rendezvous.choose($1)] += 1 }
    for (share, weight) in zip(shares, [1, 2, 3, 4]) { #expect(abs(share - 4000 * weight) < 400, "\(shares)") }
  }

  @Test(arguments: [nil, [1, 2, 3, 4] as [UInt32]?])
  func movesOnlyWhatTheReceiverThatGoesHad(weights: [UInt32]?) {
    let before = Rendezvous(receivers: four, weights: weights)
    for gone in four.indices {
      var (receivers, rest) = (four, weights)
      receivers.remove(at: gone)
      rest?.remove(at: gone)
      let after = Rendezvous(receivers: receivers, weights: rest)
      for key in keys(2000) {
        let old = before.choose(key)
        #expect(old == gone || receivers[after.choose(key)] == four[old])
      }
    }
  }

  @Test func doesNotCareForTheOrderOfReceivers() {
    let (one, other) = (Rendezvous(receivers: four), Rendezvous(receivers: four.reversed()))
    for key in keys(2000) { #expect(one.choose(key) == 3 - other.choose(key)) }
  }

  @Test func tellsAnIPv4AddressFromTheIPv6AddressOfTheSameBits() {
    let pair = [IPAddress(v4: 0x0a14_0901), IPAddress(v6High: 0, low: 0x0a14_0901)]
    let shares = Set(keys(100).map(Rendezvous(receivers: pair).choose))
    #expect(shares == [0, 1])
  }

  @Test func hasKeysThatDifferForIdsThatNearlyAgree() {
    let ids = (0..<1000).map { "eni-\($0)" } + ["eni-01", "eni-10 ", "Eni-1"]
    #expect(Set(ids.map(Rendezvous.key)).count == ids.count)
  }
}

@Suite struct FlowKeyTests {
  private func summary(_ source: String, _ destination: String, _ ports: UInt32) -> PacketSummary {
    let (a, b) = (IPAddress(source)!, IPAddress(destination)!)
    var summary = PacketSummary()
    summary.ipVersion = a.family.rawValue
    (summary.sourceHigh, summary.sourceLow) = (a.high, a.low)
    (summary.destinationHigh, summary.destinationLow) = (b.high, b.low)
    summary.ports = ports
    summary.protocol = 6
    summary.flags = [.protocolKnown, .portsKnown]
    return summary
  }

  /// Every host and every version must agree.
  @Test func hashesAsItAlwaysHas() {
    let (key, _) = FlowKey.make(summary("10.20.1.11", "10.20.3.4", 5000 << 16 | 443))
    #expect(key.hash(.fixed) == 12_225_843_628_999_859_756)
  }

  @Test(arguments: [
    ("10.20.1.11", "10.20.3.4", 5000, 443), ("10.20.1.11", "10.20.1.11", 5000, 443), ("10.0.0.1", "10.0.0.1", 7, 7),
    ("2001:db8::1", "2001:db8::2", 1, 65535), ("2001:db8:1::1", "2001:db8::2", 65535, 1), ("::", "ffff::", 0, 0),
  ])
  func isTheSameInBothDirections(a: String, b: String, from: UInt32, to: UInt32) {
    let (there, isSwapped) = FlowKey.make(summary(a, b, from << 16 | to))
    let (back, isSwappedBack) = FlowKey.make(summary(b, a, to << 16 | from))
    #expect(there == back)
    #expect(isSwapped != isSwappedBack || a == b && from == to)
  }

  @Test func tellsApartWhatIsNotKnownFromZero() {
    let known = summary("10.20.1.11", "10.20.3.4", 0)
    var unknown = known
    unknown.flags = [.protocolKnown]
    var later = unknown
    later.flags.insert(.laterFragment)
    var withoutProtocol = unknown
    withoutProtocol.flags = []
    let keys = [known, unknown, later, withoutProtocol].map { FlowKey.make($0).key.meta }
    #expect(Set(keys).count == 4)
  }

  @Test func swapsPortsWithTheirAddresses() {
    let (one, _) = FlowKey.make(summary("10.0.0.1", "10.0.0.2", 1 << 16 | 2))
    let (other, _) = FlowKey.make(summary("10.0.0.1", "10.0.0.2", 2 << 16 | 1))
    #expect(one != other)
  }

  @Test func dependsOnTheSeed() {
    let (key, _) = FlowKey.make(summary("10.20.1.11", "10.20.3.4", 1))
    #expect(Set((0..<20).map { _ in key.hash(.random()) }).count == 20)
  }

  /// Ports counted up, as hosts and scanners use them: a sample of the flows is a sample, and receivers share evenly.
  @Test(arguments: [0x0000_0000, 0x8000_01bb, 0x01bb_8000] as [UInt32])
  func spreadsFlowsThatNearlyAgree(start: UInt32) {
    let step: UInt32 = start & 0xffff == 443 ? 65536 : 1
    let flows = (0..<4096).map { FlowKey.make(summary("10.20.1.11", "10.20.3.4", start + $0 * step)).key }
    let hashes = flows.map { $0.hash(.fixed) }
    #expect(Set(hashes).count == 4096)
    for share in [2, 4, 10] {
      let under = hashes.count { $0 < UInt64.max / UInt64(share) }
      #expect(abs(under - 4096 / share) < 4096 / share / 8, "one in \(share): \(under)")
    }
    let shares = hashes.reduce(into: [0, 0, 0, 0]) { $0[Rendezvous(receivers: four).choose($1)] += 1 }
    #expect(shares.allSatisfy { abs($0 - 1024) < 128 }, "\(shares)")
  }
}
