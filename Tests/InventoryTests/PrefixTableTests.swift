import Inventory
import SeededRandom
import Testing
import Wire

@Suite struct PrefixTableTests {
  @Test func findsNothingInAnEmptyTable() {
    #expect(PrefixTable().value(for: IPAddress("1.2.3.4")!) == -1)
    #expect(PrefixTable([]).value(for: IPAddress("::1")!) == -1)
  }

  @Test func coversTheEdgesOfTheAddressSpace() {
    let table = PrefixTable([
      (CIDR("0.0.0.0/0")!, 1), (CIDR("255.255.255.255/32")!, 2), (CIDR("::/0")!, 3), (CIDR("ff00::/8")!, 4),
    ])
    #expect(table.value(for: IPAddress("0.0.0.0")!) == 1)
    #expect(table.value(for: IPAddress("255.255.255.254")!) == 1)
    #expect(table.value(for: IPAddress("255.255.255.255")!) == 2)
    #expect(table.value(for: IPAddress("::")!) == 3)
    #expect(table.value(for: IPAddress("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")!) == 4)
  }

  /// Against the definition: of all prefixes that hold the address, the longest; of equal ones the last.
  @Test(arguments: [IPFamily.v4, .v6])
  func agreesWithASearchThroughAllPrefixes(family: IPFamily) {
    var generator = SeededGenerator(seed: UInt64(family.rawValue))
    func address() -> IPAddress {
      // Few distinct bits, so that prefixes nest and addresses hit.
      let bits = generator.next() & 0xc1c1_0000_0000_0303
      return family == .v4
        ? IPAddress(v4: UInt32(truncatingIfNeeded: bits >> 32 | bits))
        : IPAddress(v6High: bits, low: generator.next() & 0x8000_0000_0000_0001)
    }
    for _ in 0..<60 {
      let entries = (0..<Int.random(in: 1...30, using: &generator)).map { index in
        (prefix: CIDR(address(), length: Int.random(in: 0...family.bitWidth, using: &generator))!, value: Int32(index))
      }
      let table = PrefixTable(entries)
      for probe in (0..<60).map({ _ in address() }) + entries.flatMap({ [$0.prefix.address, $0.prefix.last] }) {
        let expected = entries.filter { $0.prefix.contains(probe) }.max { $0.prefix.length <= $1.prefix.length }?.value
        #expect(table.value(for: probe) == expected.map { $0 } ?? -1, "\(probe) in \(entries)")
      }
    }
  }
}
