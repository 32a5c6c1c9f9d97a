import Glibc
import SeededRandom
import Testing
import Wire

/// Text of addresses, prefixes and MACs, against the C library's `inet_pton` and `inet_ntop`.
@Suite struct AddressTextTests {
  // MARK: The C library's answers

  private func parsedByC(_ text: String) -> IPAddress? {
    var v4 = in_addr()
    if unsafe inet_pton(AF_INET, text, &v4) == 1 { return IPAddress(v4: UInt32(bigEndian: v4.s_addr)) }
    var v6 = [UInt64](repeating: 0, count: 2)
    guard unsafe inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    return IPAddress(v6High: UInt64(bigEndian: v6[0]), low: UInt64(bigEndian: v6[1]))
  }

  private func printedByC(_ address: IPAddress) -> String {
    var text = [CChar](repeating: 0, count: 64)
    if address.family == .v4 {
      var bytes = UInt32(truncatingIfNeeded: address.low).bigEndian
      unsafe inet_ntop(AF_INET, &bytes, &text, 64)
    } else {
      var bytes = [address.high.bigEndian, address.low.bigEndian]
      unsafe inet_ntop(AF_INET6, &bytes, &text, 64)
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // MARK: Random cases

  /// Addresses with many zero groups, where the rules of RFC 5952 are.
  private func randomAddress(_ generator: inout SeededGenerator) -> IPAddress {
    guard Int.random(in: 0..<4, using: &generator) > 0 else {
      return IPAddress(v4: .random(in: 0 ... .max, using: &generator))
    }
    func half(_ generator: inout SeededGenerator) -> UInt64 {
      (0..<4).reduce(0) { value, _ in
        let groups: [UInt64] = [0, 0, 0, 1, 0xffff, 0x0db8, .random(in: 0...0xffff, using: &generator)]
        return value << 16 | groups.randomElement(using: &generator)!
      }
    }
    return IPAddress(v6High: half(&generator), low: half(&generator))
  }

  /// ::/96 is the one block where the C library prints dotted decimal and RFC 5952 does not ask for it.
  private func isPrintedOtherwise(_ address: IPAddress) -> Bool {
    address.family == .v6 && address.high == 0 && address.low >> 32 == 0
  }

  @Test func printsAsTheCLibraryDoes() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<20_000 {
      let address = randomAddress(&generator)
      if !isPrintedOtherwise(address) { #expect(address.description == printedByC(address)) }
      #expect(IPAddress(address.description) == address)
    }
  }

  /// Texts with one or two characters changed, taken away or put in: the same ones are refused.
  @Test func parsesAsTheCLibraryDoes() {
    var generator = SeededGenerator(seed: 2)
    let characters = Array("0123456789abcdefABCDEFg:.:.%/ x-")
    var accepted = 0
    for _ in 0..<50_000 {
      var text = Array(randomAddress(&generator).description)
      for _ in 0..<Int.random(in: 0...2, using: &generator) {
        let position = Int.random(in: 0..<text.count, using: &generator)
        let character = characters.randomElement(using: &generator)!
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: text[position] = character
        case 1: text.insert(character, at: position)
        default: if text.count > 1 { text.remove(at: position) }
        }
      }
      let changed = String(text)
      let expected = parsedByC(changed)
      #expect(IPAddress(changed) == expected, "\(changed)")
      if expected != nil { accepted += 1 }
    }
    #expect(accepted > 10_000 && accepted < 45_000, "both answers must occur")
  }

  // MARK: Cases by name

  @Test(arguments: [
    "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..2.3", "+1.2.3.4",
    "0x1.2.3.4",
    ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7::8", ":1::2", "1::2:", "12345::",
    "::1%eth0", "[::1]", "::1.2.3", "::1.2.3.4:5", "1.2.3.4::", "::g", "1.2.3.٤",
  ])
  func refuses(_ text: String) {
    #expect(IPAddress(text) == nil)
    #expect(parsedByC(text) == nil)
  }

  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"), ("2001:DB8::0001", "2001:db8::1"),
    ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
    ("::ffff:1.2.3.4", "::ffff:1.2.3.4"), ("::ffff:102:304", "::ffff:1.2.3.4"),
    ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
    ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
  ])
  func printsTheShortestForm(_ text: String, _ expected: String) {
    #expect(IPAddress(text)?.description == expected)
  }

  @Test func anAddressThatMapsVersion4IsVersion6() {
    #expect(IPAddress("::ffff:1.2.3.4") != IPAddress("1.2.3.4"))
    #expect(IPAddress("::ffff:1.2.3.4")?.family == .v6)
  }

  @Test func tellsKindsOfAddresses() throws {
    func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
    for text in ["224.0.0.0", "239.255.255.255", "ff00::", "ff02::1"] {
      #expect(try address(text).isMulticast, "\(text)")
    }
    for text in ["223.255.255.255", "240.0.0.0", "fe80::1", "::ff02"] {
      #expect(try !address(text).isMulticast, "\(text)")
    }
    for text in ["169.254.0.0", "169.254.255.255", "fe80::", "febf:ffff::1"] { #expect(try address(text).isLinkLocal) }
    for text in ["169.253.255.255", "169.255.0.0", "fe7f::", "fec0::"] { #expect(try !address(text).isLinkLocal) }
    for text in ["127.0.0.1", "127.255.255.255", "::1"] { #expect(try address(text).isLoopback) }
    for text in ["128.0.0.0", "126.255.255.255", "::2", "1::1"] { #expect(try !address(text).isLoopback) }
    #expect(try address("255.255.255.255").isLimitedBroadcast && !address("255.255.255.254").isLimitedBroadcast)
    #expect(try address("::").isUnspecified && address("0.0.0.0").isUnspecified && !address("::1").isUnspecified)
  }

  // MARK: Prefixes

  /// Membership against a comparison bit by bit.
  @Test func containsWhatSharesItsLeadingBits() throws {
    var generator = SeededGenerator(seed: 3)
    func bits(_ address: IPAddress) -> [Bool] {
      address.family == .v4
        ? (0..<32).map { address.low >> (31 - UInt64($0)) & 1 == 1 }
        : (0..<128).map { ($0 < 64 ? address.high : address.low) >> (63 - UInt64($0 & 63)) & 1 == 1 }
    }
    for _ in 0..<10_000 {
      let address = randomAddress(&generator)
      let length = Int.random(in: 0...address.family.bitWidth, using: &generator)
      let cidr = try #require(CIDR(address, length: length))
      // Another address that shares many leading bits, so that both answers occur.
      var other = address
      let flipped = UInt64(1) << UInt64.random(in: 0..<(address.family == .v4 ? 32 : 64), using: &generator)
      if address.family == .v6, Bool.random(using: &generator) { other.high ^= flipped } else { other.low ^= flipped }
      #expect(cidr.contains(other) == (bits(address).prefix(length) == bits(other).prefix(length)))
      #expect(cidr.contains(address) && cidr.contains(cidr.address) && cidr.contains(cidr.last))
      #expect(bits(cidr.last).dropFirst(length).allSatisfy { $0 })
      #expect(bits(cidr.address).dropFirst(length).allSatisfy { !$0 })
      #expect(CIDR(cidr.description) == cidr)
      #expect(CIDR.parse("\(address)/\(length)")?.hadHostBits == (cidr.address != address))
    }
  }

  @Test func containsNothingOfTheOtherFamily() throws {
    let all4 = try #require(CIDR("0.0.0.0/0"))
    let all6 = try #require(CIDR("::/0"))
    #expect(all4.contains(IPAddress(v4: 0)) && all4.contains(IPAddress(v4: .max)))
    #expect(!all4.contains(IPAddress(v6High: 0, low: 0)) && !all6.contains(IPAddress(v4: 0)))
    #expect(!all4.overlaps(all6))
  }

  @Test func tellsPrefixesInsideOneAnother() throws {
    let wide = try #require(CIDR("10.0.0.0/8"))
    let narrow = try #require(CIDR("10.20.0.0/16"))
    #expect(wide.contains(narrow) && !narrow.contains(wide) && wide.overlaps(narrow) && narrow.overlaps(wide))
    let other = try #require(CIDR("11.0.0.0/8"))
    #expect(wide.contains(wide) && !wide.overlaps(other))
  }

  @Test(arguments: [
    "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/08", "10.0.0/8", "a/8",
    "10.0.0.0/ 8", "10.0.0.0/+8",
  ])
  func refusesAsPrefix(_ text: String) { #expect(CIDR(text) == nil) }

  @Test func takesAnAddressForAPrefix() {
    #expect(CIDR("10.0.0.1")?.description == "10.0.0.1/32" && CIDR("::1")?.description == "::1/128")
  }

  // MARK: MACs and protocols

  @Test func printsAndParsesMACs() {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<10_000 {
      let address = MACAddress(value: generator.next())
      let text = address.description
      #expect(MACAddress(text) == address && text.count == 17 && text == text.lowercased())
      #expect(MACAddress(text.uppercased()) == address)
      #expect(MACAddress(String(text.map { $0 == ":" ? "-" : $0 })) == address)
      #expect(address.isGroup == (Int(text.prefix(2), radix: 16)! & 1 == 1))
    }
  }

  @Test(arguments: [
    "", "02:00:0a:14:01", "02:00:0a:14:01:0b:0c", "2:0:a:14:1:b", "02-00:0a:14:01:0b", "02000a14010b",
    "02:00:0a:14:01:0g",
    "02.00.0a.14.01.0b", "0200:0a:14:01:0b:", " 2:00:0a:14:01:0b",
  ])
  func refusesAsMAC(_ text: String) { #expect(MACAddress(text) == nil) }

  @Test func namesProtocolsBothWays() {
    for entry in IPProtocol.names { #expect(IPProtocol(entry.name.uppercased())?.rawValue == entry.number) }
    for number in 0...255 {
      let known = IPProtocol(rawValue: UInt8(number))
      #expect(IPProtocol(known.description) == known && IPProtocol("\(number)") == known)
    }
    for text in ["", "256", "-1", "tcp ", "06", "tcpp", "1.0"] { #expect(IPProtocol(text) == nil, "\(text)") }
  }
}
