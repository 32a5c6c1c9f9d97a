import Testing
import Wire

@testable import DataPath

private func name(_ identification: Int) -> FragmentTable.Key {
  FragmentTable.Key(
    sourceHigh: 0, sourceLow: 1, destinationHigh: 0, destinationLow: 2,
    identification: UInt32(identification), protocol: 17)
}

private func first(ports: UInt32) -> PacketSummary {
  var summary = PacketSummary()
  summary.ports = ports
  summary.protocol = 17
  summary.flags = [.protocolKnown, .portsKnown, .fragment]
  return summary
}

@Suite struct FragmentTableTests {
  @Test func remembersAFirstFragmentForThirtySeconds() {
    var table = FragmentTable()
    table.remember(name(1), first(ports: 7), time: 1000)
    #expect(table.first(name(1), time: 1000)?.ports == 7)
    #expect(table.first(name(1), time: 1000 + 30_000_000_000)?.ports == 7)
    #expect(table.first(name(1), time: 1001 + 30_000_000_000) == nil)
    #expect(table.first(name(1), time: 1000 - 30_000_000_001) == nil)
    #expect(table.first(name(2), time: 1000) == nil)
  }

  @Test func surviveTimesAtTheEndsOfTheirRange() {
    var table = FragmentTable()
    table.remember(name(1), first(ports: 7), time: .min)
    #expect(table.first(name(1), time: .max) == nil)
    #expect(table.first(name(1), time: .min)?.ports == 7)
  }

  @Test func takesTheLatestFirstFragmentOfAnIdentification() {
    var table = FragmentTable()
    table.remember(name(1), first(ports: 7), time: 0)
    table.remember(name(1), first(ports: 8), time: 5)
    #expect(table.first(name(1), time: 6)?.ports == 8)
  }

  @Test func forgetsTheOldestWhenFull() {
    var table = FragmentTable()
    for number in 0...FragmentTable.limit { table.remember(name(number), first(ports: UInt32(number)), time: 0) }
    #expect(table.first(name(0), time: 0) == nil)
    #expect(table.first(name(1), time: 0)?.ports == 1)
    #expect(table.first(name(FragmentTable.limit), time: 0) != nil)
  }

  @Test func keepsAnIdentificationThatCameAgainWhenItsOldPlaceIsTaken() {
    var table = FragmentTable()
    table.remember(name(0), first(ports: 1), time: 0)
    table.remember(name(0), first(ports: 2), time: 0)
    for number in 1..<FragmentTable.limit { table.remember(name(number), first(ports: 0), time: 0) }
    #expect(table.first(name(0), time: 0)?.ports == 2)
  }

  @Test func givesALaterFragmentWhatIsKnownAndNoMore() {
    var table = FragmentTable()
    var icmp = PacketSummary()
    icmp.protocol = 1
    icmp.flags = [.protocolKnown, .fragment]
    table.remember(name(1), icmp, time: 0)
    var later = PacketSummary()
    later.flags = [.protocolKnown, .fragment, .laterFragment]
    table.first(name(1), time: 0)?.complete(&later)
    #expect(later.protocol == 1 && later.flags == [.protocolKnown, .fragment])
  }
}
