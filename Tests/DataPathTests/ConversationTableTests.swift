import SeededRandom
import Testing

@testable import DataPath

/// Every third is of IPv6: the table keeps those in two places.
private func key(_ number: Int) -> FlowKey {
  number % 3 == 0
    ? FlowKey(
      lowHigh: 0x2001 << 48, lowLow: UInt64(number), highHigh: 0x2001 << 48, highLow: 0xffff, meta: 0x6_000a << 16)
    : FlowKey(lowHigh: 0, lowLow: UInt64(number), highHigh: 0, highLow: 0xffff, meta: 0x6_0006 << 16)
}

/// One tick of the table in nanoseconds.
private let tick: Int64 = 1 << 24

private func table(limit: Int = 4096, idleTicks: Int64 = 100, seed: HashSeed = .fixed) -> ConversationTable {
  let table = try! ConversationTable(limit: limit, idle: idleTicks * tick, seed: seed)
  table.watch(true, at: .min)
  return table
}

extension ConversationTable {
  /// As the pipeline does: finds, restarts or makes the conversation.
  @discardableResult
  fileprivate func meet(_ key: FlowKey, now: UInt32) -> Int {
    let (name, hash) = key.name(seed)
    var entry = find(name, key.wide, hash: hash)
    if entry < 0 {
      entry = insert(name, key.wide, hash: hash, time: Int64(now), now: now)
    } else if isOver(entry, now: now) {
      restart(entry, time: Int64(now), now: now)
    }
    unsafe entries[entry].lastSeen = now
    unsafe accounts[entry].count(0)
    return entry
  }

  fileprivate func packets(_ entry: Int) -> Int { unsafe Int(accounts[entry].packets) }
  fileprivate func position(_ key: FlowKey) -> Int {
    let (name, hash) = key.name(seed)
    return find(name, key.wide, hash: hash)
  }
  fileprivate func knows(_ key: FlowKey) -> Bool { position(key) >= 0 }
}

@Suite struct ConversationTableTests {
  @Test func keepsReceiversOfMirrorsWhoseNumbersAreLarge() {
    let table = try! ConversationTable(limit: 64, idle: 100 * tick, seed: .fixed)
    table.watch(true, at: .min)
    let entry = table.meet(key(1), now: 1)
    #expect(table.receiver(of: entry, mirror: 65_535) == -1)
    for mirror in [65_534, 65_535, 65_536, 70_000] { table.setReceiver(of: entry, mirror: mirror, to: mirror % 7) }
    for mirror in [65_534, 65_535, 65_536, 70_000] {
      #expect(table.receiver(of: entry, mirror: mirror) == mirror % 7, "\(mirror)")
    }
  }

  @Test func accountsBeginWhenSomebodyWatches() {
    let table = try! ConversationTable(limit: 64, idle: 100 * tick, seed: .fixed)
    let (before, after) = (key(1), key(2))
    table.meet(before, now: 1)
    table.watch(true, at: 7)
    let entry = table.meet(before, now: 2)
    #expect(unsafe table.accounts[entry].firstSeen == 7 && table.packets(entry) == 1)
    table.watch(true, at: 9)
    #expect(unsafe table.accounts[table.meet(before, now: 3)].firstSeen == 7 && table.packets(entry) == 2)
    #expect(table.packets(table.meet(after, now: 4)) == 1)
  }

  @Test func findsWhatWasPutInAndNothingElse() {
    let table = table(limit: 100_000)
    let positions = (0..<20_000).map { table.meet(key($0), now: 0) }
    #expect(Set(positions).count == 20_000 && table.live == 20_000)
    for number in 0..<20_000 {
      #expect(table.position(key(number)) == positions[number])
      #expect(table.key(of: positions[number]) == key(number))
    }
    #expect(!table.knows(key(20_000)))
    #expect(table.evicted == 0)
  }

  @Test func restartsAConversationThatWasIdleTooLong() {
    let table = table(idleTicks: 100)
    let entry = table.meet(key(1), now: 10)
    #expect(table.meet(key(1), now: 110) == entry && table.packets(entry) == 2)
    table.setReceiver(of: entry, mirror: 3, to: 2)
    #expect(table.meet(key(1), now: 211) == entry && table.packets(entry) == 1)
    #expect(table.receiver(of: entry, mirror: 3) == -1)
    #expect(unsafe table.accounts[entry].firstSeen == 211)
    #expect(table.live == 1 && table.evicted == 0)
  }

  @Test func staysWithinItsLimitAndCountsWhatItDrops() {
    let table = table(limit: 64)
    for number in 0..<1000 {
      table.meet(key(number), now: UInt32(number / 100))
      #expect(table.live <= 64)
    }
    #expect(table.live == 64 && table.evicted == 1000 - 64)
    #expect(table.knows(key(999)))
    #expect((0..<1000).count { table.knows(key($0)) } == 64)
  }

  @Test func makesRoomOfIdleConversationsBeforeItDropsLiveOnes() {
    let table = table(limit: 64, idleTicks: 100)
    for number in 0..<64 { table.meet(key(number), now: number < 32 ? 0 : 150) }
    for number in 100..<132 { table.meet(key(number), now: 200) }
    #expect(table.evicted == 0 && table.live == 64)
    #expect((32..<64).allSatisfy { table.knows(key($0)) } && !(0..<32).contains { table.knows(key($0)) })
  }

  /// A flood of new flows must not make every packet walk through the full table.
  @Test func sweepsSeldomWhenThereIsNothingIdle() {
    let table = table(limit: 1024, idleTicks: 100)
    for number in 0..<20_000 { table.meet(key(number), now: 0) }
    #expect(table.live == 1024 && table.evicted == 20_000 - 1024)
    #expect(table.swept < 20_000 * 10)
  }

  @Test func dropsTheOneSeenLongestAgoOfSixteen() {
    let table = table(limit: 32)
    for number in 0..<32 { table.meet(key(number), now: 50) }
    for number in 0..<32 where number != 5 && number != 20 { table.meet(key(number), now: 60) }
    table.meet(key(100), now: 70)
    #expect(!table.knows(key(5)) && table.knows(key(20)))
    table.meet(key(101), now: 70)
    #expect(!table.knows(key(20)))
    #expect(table.evicted == 2 && table.live == 32)
  }

  /// Invariant 5: who is dropped is a matter of the packets, not of the secret seed.
  @Test func dropsTheSameConversationsWhateverTheSeed() {
    var random = RandomNumbers(seed: 5)
    let visits = (0..<5000).map { (key(random.number(0...400)), UInt32($0 / 7)) }
    let tables = [HashSeed.fixed, .random(), .random()].map { table(limit: 100, idleTicks: 40, seed: $0) }
    for (key, now) in visits {
      let positions = Set(tables.map { $0.meet(key, now: now) })
      #expect(positions.count == 1)
    }
    #expect(tables[0].evicted > 100)
    #expect(Set(tables.map(\.evicted)).count == 1 && Set(tables.map(\.live)).count == 1)
  }

  /// Against a dictionary, with removals in the middle of probe runs.
  @Test func knowsWhatADictionaryKnows() {
    var random = RandomNumbers(seed: 6)
    let table = table(limit: 1 << 16, idleTicks: 50)
    var known: [Int: (packets: Int, last: UInt32)] = [:]
    for step in 0..<60_000 {
      let now = UInt32(step / 40)
      let number = random.number(0...(step % 20_000 < 10_000 ? 300 : 30_000))
      let old = known[number]
      let packets = old.map { now - $0.last > 50 ? 1 : $0.packets + 1 } ?? 1
      known[number] = (packets, now)
      let entry = table.meet(key(number), now: now)
      #expect(table.packets(entry) == packets)
    }
    #expect(table.evicted == 0)
  }

  @Test func tellsWhichConversationsEnded() {
    let table = table(limit: 16, idleTicks: 10)
    let first = table.meet(key(0), now: 0)
    table.meet(key(0), now: 20)
    #expect(table.ended == [UInt32(first)])
    for number in 1...16 { table.meet(key(number), now: 21) }
    #expect(table.ended.count == 2 && table.evicted == 1)
  }
}

@Suite struct ConversationSlotTests {
  @Test func keepsOneReceiverForEachMirror() {
    let table = table()
    let (one, other) = (table.meet(key(1), now: 0), table.meet(key(2), now: 0))
    for mirror in 0..<10 { table.setReceiver(of: one, mirror: mirror, to: mirror + 20) }
    table.setReceiver(of: other, mirror: 4, to: 7)
    #expect((0..<10).allSatisfy { table.receiver(of: one, mirror: $0) == $0 + 20 })
    #expect(table.receiver(of: one, mirror: 10) == -1)
    #expect(table.receiver(of: other, mirror: 4) == 7 && table.receiver(of: other, mirror: 3) == -1)
  }

  @Test func giveBackTheirRoomWhenTheConversationEnds() {
    let table = table(limit: 16, idleTicks: 10)
    for round in 0..<200 {
      let now = UInt32(round * 11)
      let entry = table.meet(key(1), now: now)
      for mirror in 0..<5 {
        #expect(table.receiver(of: entry, mirror: mirror) == -1)
        table.setReceiver(of: entry, mirror: mirror, to: round + mirror)
      }
      #expect(
        table.countFirst(entry, id: 1, record: UInt64(round), bytes: 10, maxPackets: 1, maxBytes: .max))
      for mirror in 0..<5 { #expect(table.receiver(of: entry, mirror: mirror) == round + mirror) }
    }
    #expect(table.slotRoom == 5)
  }

  @Test func countsARecordOnceForAFirstFilter() {
    let table = table()
    let entry = table.meet(key(1), now: 0)
    func within(_ record: UInt64, id: Int = 0) -> Bool {
      table.countFirst(entry, id: id, record: record, bytes: 100, maxPackets: 2, maxBytes: .max)
    }
    #expect(within(1) && within(1) && within(1))
    #expect(within(2) && within(2))
    #expect(!within(3) && !within(3))
    #expect(within(3, id: 1))
  }

  @Test func collectsUntilTheBytesAreReached() {
    let table = table()
    let entry = table.meet(key(1), now: 0)
    let answers = (1...4).map {
      table.countFirst(entry, id: 0, record: $0, bytes: 100, maxPackets: .max, maxBytes: 250)
    }
    #expect(answers == [true, true, true, false])
  }
}
