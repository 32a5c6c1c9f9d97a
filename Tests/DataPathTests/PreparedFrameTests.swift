import SeededRandom
import Testing

@testable import DataPath
@testable import Wire

/// What the loop reads of a frame is what `PacketSummary` says of it, whichever way it is read: the plain way agrees with
/// the long one.
@Suite struct PreparedFrameTests {
  private static let seed = HashSeed.random()

  private func prepare(_ bytes: [UInt8]) -> PreparedFrame {
    var prepared = PreparedFrame.empty
    unsafe bytes.withUnsafeBytes { bytes in
      // Exactly as long as captured, so that a read beyond the end is one beyond the allocation.
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
      defer { unsafe copy.deallocate() }
      unsafe copy.copyMemory(from: bytes)
      var frame = unsafe Frame(
        bytes: UnsafeRawPointer(copy.baseAddress!), time: 0, captured: UInt32(bytes.count),
        original: UInt32(bytes.count), interface: 0, direction: .unknown)
      let link = BoundLink(binding: LinkBinding(decoder: .ethernet, eni: -1), number: 7)
      unsafe withUnsafeMutablePointer(to: &prepared) { prepared in
        unsafe withUnsafeMutablePointer(to: &frame) { unsafe prepared.prepare($0, link, Self.seed) }
      }
    }
    return prepared
  }

  /// The same, by the long way.
  private func expectSame(_ bytes: [UInt8], _ place: Comment) {
    let prepared = prepare(bytes)
    let (summary, short) = unsafe bytes.withUnsafeBytes { bytes in
      unsafe (
        PacketSummary.parseAny(bytes.baseAddress!, bytes.count, .ethernet),
        PacketSummary.parse(bytes.baseAddress!, captured: bytes.count, decoder: .ethernet)
      )
    }
    #expect(unsafe withUnsafeBytes(of: short, Array.init) == withUnsafeBytes(of: summary, Array.init), place)
    let isQuoting = unsafe bytes.withUnsafeBytes { unsafe summary.quotedFlow($0.baseAddress!) } != nil
    guard summary.isIP, !summary.flags.contains(.fragment), !isQuoting else {
      #expect(prepared.kind == .unremembered && prepared.name == .nobody, place)
      return
    }
    let (key, isSwapped) = FlowKey.make(summary)
    let (name, hash) = key.name(Self.seed)
    #expect(prepared.name == name && prepared.hash == hash, place)
    #expect(name.isWhole || prepared.wide == key.wide, place)
    #expect(FlowKey(name, key.wide) == key, place)
    #expect(prepared.kind == (isSwapped ? .swapped : .straight), place)
    #expect(prepared.source == PreparedFrame.sourceWord(summary, link: 7), place)
    #expect(prepared.destination == PreparedFrame.destinationWord(summary), place)
  }

  /// Ethernet, tags, IPv4 or IPv6, four bytes of ports and more.
  private func plain(tags: [UInt16], isVersion6: Bool, _ number: UInt8, _ random: inout RandomNumbers) -> [UInt8] {
    var bytes = (0..<12).map { _ in UInt8(random.number(0...255)) }
    for tag in tags { bytes += [UInt8(tag >> 8), UInt8(tag & 0xff), 0, 5] }
    bytes +=
      isVersion6
      ? [0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, number, 64] : [0x08, 0, 0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, number, 0, 0]
    let addresses = isVersion6 ? 32 : 8
    bytes += (0..<addresses + 24).map { _ in UInt8(random.number(0...3)) }
    return bytes
  }

  @Test func saysWhatTheSummarySays() {
    var random = RandomNumbers(seed: 11)
    for tags in [[], [0x8100], [0x88a8], [0x9100], [0x88a8, 0x8100]] as [[UInt16]] {
      for isVersion6 in [false, true] {
        for number in [6, 17, 132, 1, 58, 47, 0, 44] as [UInt8] {
          let whole = plain(tags: tags, isVersion6: isVersion6, number, &random)
          for captured in 1...whole.count {
            expectSame(Array(whole.prefix(captured)), "\(tags), \(number), \(captured) bytes")
          }
          for _ in 0..<400 {
            var damaged = whole
            for _ in 0..<random.number(1...3) {
              damaged[random.number(12...(14 + tags.count * 4 + 12))] = UInt8(random.number(0...255))
            }
            expectSame(damaged, "\(damaged)")
          }
        }
      }
    }
  }

  /// Ends that are equal, or differ in the port alone.
  @Test func takesTheLowerEndFirst() {
    var random = RandomNumbers(seed: 12)
    for _ in 0..<20_000 {
      let isVersion6 = random.number(0...1) == 1
      var bytes = plain(tags: [], isVersion6: isVersion6, 6, &random)
      let (start, length) = isVersion6 ? (22, 16) : (26, 4)
      if random.number(0...1) == 1 {
        for offset in 0..<length { bytes[start + length + offset] = bytes[start + offset] }
      }
      expectSame(bytes, "\(bytes)")
    }
  }
}
