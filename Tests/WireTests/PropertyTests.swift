import SeededRandom
import Testing
import Wire

/// What must hold for any frame, on frames made of the samples by chance.
@Suite struct PropertyTests {
  private static let ethernet = samples.filter { $0.decoder == .ethernet }

  private static func changed(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      guard !bytes.isEmpty else { break }
      let position = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[position] = .random(in: 0...255, using: &generator)
      case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 2: bytes[position] = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff].randomElement(using: &generator)!
      case 3: bytes.removeSubrange(position...)
      case 4: bytes.insert(contentsOf: bytes[position...].prefix(8), at: position)
      default: bytes[position] = [0, 43, 44, 51, 60, 4, 41, 47, 17, 6].randomElement(using: &generator)!
      }
    }
    return bytes
  }

  /// However a frame was damaged: nothing outside it is read, unknown fields are zero, offsets are in order, and the
  /// packet inside lies inside.
  @Test(arguments: 0..<8)
  func neverReadsOutsideADamagedFrame(_ part: Int) {
    var generator = SeededGenerator(seed: UInt64(part))
    let memory = GuardedMemory()
    let decoders: [LinkDecoder] = [.ethernet, .rawIP, .ipv4, .ipv6, .null, .loop, .linuxSLL, .linuxSLL2, .ppp, .none]
    let tunnels = ["11 1388 12b5 0020 0000", "11 1388 17c1 0020 0000", "2f b000 0800", "2f 1000 88be", "04", "29"]
    for round in 0..<25_000 {
      let sample = samples[round % samples.count]
      var bytes = sample.bytes
      if round % 3 == 0, let tunnel = tunnels.randomElement(using: &generator), sample.portsFrom != nil {
        bytes[sample.transportOffset...] = (hex(tunnel).dropFirst() + samples[0].bytes)[...]
        if sample.transportOffset == sample.networkOffset + 20 { bytes[sample.networkOffset + 9] = hex(tunnel)[0] }
      }
      bytes = Self.changed(bytes, &generator)
      let decoder = round % 5 == 0 ? decoders.randomElement(using: &generator)! : sample.decoder
      check(PacketSummary.parse(bytes, decoder, in: memory), bytes)
      var inner = PacketSummary.parseInner(bytes, decoder, in: memory)
      var offset = 0
      // Packets inside packets, as deep as they go.
      while let found = inner {
        #expect(found.offset > 0 || decoder != .ethernet)
        #expect(found.offset < found.end && offset + found.end <= bytes.count)
        let rest = bytes[(offset + found.offset)..<(offset + found.end)]
        check(PacketSummary.parse(rest, found.decoder, in: memory), Array(rest))
        inner = PacketSummary.parseInner(rest, found.decoder, in: memory)
        offset += found.offset
        guard found.offset > 0 else { break }
      }
    }
  }

  private func check(_ summary: PacketSummary, _ bytes: [UInt8]) {
    let flags = summary.flags
    let isInOrder =
      summary.networkOffset <= summary.transportOffset && summary.transportOffset <= summary.packetEnd
      && Int(summary.packetEnd) <= bytes.count
    #expect(isInOrder, "\(hex(bytes))")
    #expect(!(summary.isIP && flags.contains(.malformed)), "\(hex(bytes))")
    if !flags.contains(.portsKnown) { #expect(summary.ports == 0) }
    if !flags.contains(.protocolKnown) { #expect(summary.protocol == 0) }
    if flags.contains(.portsKnown) { #expect(flags.contains(.protocolKnown) && !flags.contains(.laterFragment)) }
    if !flags.contains(.tagged) { #expect(summary.vlan == 0) }
    if !flags.contains(.fragment) { #expect(summary.fragmentID == 0) }
    if !flags.contains(.sourceMACKnown) { #expect(summary.sourceMAC == 0) }
    if !summary.isIP {
      #expect(summary.destinationLow == 0 && summary.sourceHigh == 0 && !flags.contains(.protocolKnown))
      if !flags.contains(.arp) { #expect(summary.sourceLow == 0) }
    }
    if summary.ipVersion == 4 { #expect(summary.sourceHigh == 0 && summary.sourceLow >> 32 == 0) }
  }

  /// A tag, or several, put into any frame change nothing but offsets, the tag's own fields and nothing of the rest.
  @Test func aTagChangesNothingOfTheQuintuple() {
    var generator = SeededGenerator(seed: 99)
    let memory = GuardedMemory()
    for round in 0..<20_000 {
      let sample = Self.ethernet[round % Self.ethernet.count]
      let plain = round % 2 == 0 ? sample.bytes : Self.changed(sample.bytes, &generator)
      guard plain.count >= 14 else { continue }
      var tagged = plain
      let count = Int.random(in: 1...4, using: &generator)
      for _ in 0..<count {
        let type = [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00], [0x92, 0x00], [0x93, 0x00]].randomElement(
          using: &generator)!
        tagged.insert(contentsOf: type.map { UInt8($0) } + [.random(in: 0...255, using: &generator), 7], at: 12)
      }
      let before = PacketSummary.parse(plain, in: memory)
      let after = PacketSummary.parse(tagged, in: memory)
      #expect(after.quintuple == before.quintuple, "\(hex(plain))")
      #expect(after.flags == before.flags.union(.tagged) && after.etherType == before.etherType)
      #expect(after.fragmentID == before.fragmentID && after.sourceMAC == before.sourceMAC)
      #expect(Int(after.networkOffset) == Int(before.networkOffset) + 4 * count)
      #expect(Int(after.transportOffset) == Int(before.transportOffset) + 4 * count)
      #expect(Int(after.packetEnd) == Int(before.packetEnd) + 4 * count)
      #expect(after.vlan & 0xff == 7)
    }
  }

  /// An extension header of any length put in front of what follows changes nothing but the offset of the transport.
  @Test func anExtensionHeaderChangesNothingOfTheQuintuple() {
    var generator = SeededGenerator(seed: 7)
    let plain = samples.first { $0.name == "IPv6" }!.bytes
    for _ in 0..<2_000 {
      var frame = plain
      var inserted = 0
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let kind = [0, 43, 60, 51, 44].randomElement(using: &generator)! as UInt8
        let units = kind == 44 ? 0 : Int.random(in: 0...20, using: &generator)
        let length = kind == 44 ? 8 : kind == 51 ? (units + 2) * 4 : (units + 1) * 8
        var header = [UInt8](repeating: 0, count: length)
        header[0] = frame[20]
        if kind != 44 { header[1] = UInt8(units) }
        frame[20] = kind
        frame.insert(contentsOf: header, at: 54)
        inserted += length
      }
      let payload = frame.count - 54
      frame[18] = UInt8(payload >> 8)
      frame[19] = UInt8(payload & 255)
      let summary = PacketSummary.parse(frame)
      #expect(summary.quintuple == "tcp 2001:db8::1:5000 > 2001:db8::2:443")
      #expect(Int(summary.transportOffset) == 54 + inserted)
    }
  }
}
