import SeededRandom

/// Makes damaged captures of whole ones: numbers of the format, order and number of records, headers of packets, bytes.
struct Mutator {
  private let seeds: [[UInt8]]
  private var generator: SeededGenerator

  /// - Parameter seeds: whole captures, at least one.
  init(seeds: [[UInt8]], seed: UInt64) {
    self.seeds = seeds
    generator = SeededGenerator(seed: seed)
  }

  mutating func next() -> [UInt8] {
    var bytes = generator.pick(seeds)
    for _ in 0..<1 + generator.below(6) { mutate(&bytes) }
    return bytes
  }

  private mutating func mutate(_ bytes: inout [UInt8]) {
    let layout = CaptureLayout(bytes)
    switch generator.below(10) {
    case 0...1: changeNumber(&bytes, layout)
    case 2...4: changePacket(&bytes, layout)
    case 5: resizePacket(&bytes, layout)
    case 6: changeRecords(&bytes, layout)
    case 7: bytes.removeSubrange((bytes.isEmpty ? 0 : generator.below(bytes.count))...)
    case 8: changeByte(&bytes)
    default: bytes.append(contentsOf: generator.pick(seeds))
    }
  }

  // MARK: The format's numbers

  private mutating func changeNumber(_ bytes: inout [UInt8], _ layout: CaptureLayout) {
    guard !layout.fields.isEmpty else { return changeByte(&bytes) }
    let field = generator.pick(layout.fields)
    let old = layout.number(bytes, field) ?? 0
    layout.put(interesting(old, left: bytes.count - field.offset), field, in: &bytes)
  }

  private mutating func interesting(_ old: UInt32, left: Int) -> UInt32 {
    let near: [UInt32] = [old &+ 1, old &- 1, old &+ 4, old &- 4, old &* 2, old / 2, old.byteSwapped, ~old]
    let bounds: [UInt32] = [
      0, 1, 2, 3, 4, 8, 11, 12, 15, 16, 20, 28, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x1_0000,
      262_143, 262_144, 262_145, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff,
    ]
    let links: [UInt32] = [0, 1, 9, 12, 14, 50, 101, 105, 108, 113, 228, 229, 276]
    let rest = UInt32(truncatingIfNeeded: left)
    switch generator.below(5) {
    case 0: return generator.pick(near)
    case 1: return generator.pick([rest, rest &- 1, rest &+ 1, rest &- 16, rest &- 4])
    case 2: return generator.pick(links)
    default: return generator.pick(bounds)
    }
  }

  // MARK: Packets

  private mutating func changePacket(_ bytes: inout [UInt8], _ layout: CaptureLayout) {
    guard let packet = layout.packets.randomElement(using: &generator)?.bytes, !packet.isEmpty else {
      return changeByte(&bytes)
    }
    for _ in 0..<1 + generator.below(4) {
      // Headers stand in front.
      let offset = packet.lowerBound + generator.below(generator.chance(80) ? min(packet.count, 96) : packet.count)
      bytes[offset] = generator.pick([
        UInt8(generator.below(256)), bytes[offset] ^ 1 << UInt8(generator.below(8)), 0, 1, 0x3f, 0x40, 0x45, 0x4f, 0x60,
        0x7f, 0x80, 0xff,
      ])
    }
    if generator.chance(40) { plantHeader(&bytes, packet) }
  }

  /// Writes EtherTypes, protocol numbers, tunnels and tags where such things are.
  private mutating func plantHeader(_ bytes: inout [UInt8], _ packet: Range<Int>) {
    let types: [[UInt8]] = [
      [0x08, 0x00], [0x86, 0xdd], [0x81, 0x00], [0x88, 0xa8], [0x08, 0x06], [0x88, 0x47], [0x91, 0x00],
      [0x81, 0x00, 0x00, 0x07, 0x08, 0x00], [0x88, 0x47, 0x00, 0x01, 0x01, 0x40, 0x45],
    ]
    let protocols: [[UInt8]] = [0, 1, 4, 6, 17, 33, 41, 43, 44, 47, 50, 51, 58, 60, 132, 136].map { [$0] }
    let ports: [[UInt8]] = [[0x12, 0xb5], [0x17, 0xc1], [0x21, 0x18], [0x01, 0xbb], [0x00, 0x50]]
    let gre: [[UInt8]] = [[0xb0, 0x00, 0x08, 0x00], [0x10, 0x00, 0x88, 0xbe], [0x20, 0x00, 0x65, 0x58]]
    let places: [([[UInt8]], [Int])] = [
      (types, [0, 2, 12, 14, 16, 20]), (protocols, [6, 9, 20, 23, 27, 40, 54]), (ports, [20, 22, 34, 36, 56]),
      (gre, [20, 34, 54]),
    ]
    let (values, offsets) = generator.pick(places)
    let value = generator.pick(values)
    let start = packet.lowerBound + generator.pick(offsets)
    guard start + value.count <= packet.upperBound else { return }
    bytes.replaceSubrange(start..<start + value.count, with: value)
  }

  /// Puts bytes into a packet or cuts it, and mends the lengths round it, so that the file stays whole.
  private mutating func resizePacket(_ bytes: inout [UInt8], _ layout: CaptureLayout) {
    guard let (record, packet) = layout.packets.randomElement(using: &generator) else { return changeByte(&bytes) }
    let content = bytes[packet]
    var changed = Array(content)
    if generator.chance(50) {
      changed = Array(changed.prefix(generator.below(min(changed.count, 80) + 1)))
    } else {
      let position = generator.below(changed.count + 1)
      let inserted = (0..<4 * (1 + generator.below(4))).map { _ in UInt8(generator.below(256)) }
      changed.insert(contentsOf: inserted, at: position)
    }
    let whole = layout.records[record]
    switch layout.kind {
    case .pcap:
      layout.put(UInt32(changed.count), .init(offset: whole.lowerBound + 8, width: 4), in: &bytes)
      bytes.replaceSubrange(packet, with: changed)
    case .pcapng:
      guard packet.lowerBound == whole.lowerBound + 28 else { return }
      layout.put(UInt32(changed.count), .init(offset: whole.lowerBound + 20, width: 4), in: &bytes)
      changed += [UInt8](repeating: 0, count: -changed.count & 3)
      let padded = packet.lowerBound..<min(packet.lowerBound + (packet.count + 3) & ~3, whole.upperBound - 4)
      let length = UInt32(whole.count - padded.count + changed.count)
      layout.put(length, .init(offset: whole.lowerBound + 4, width: 4), in: &bytes)
      layout.put(length, .init(offset: whole.upperBound - 4, width: 4), in: &bytes)
      bytes.replaceSubrange(padded, with: changed)
    case .other: break
    }
  }

  // MARK: Records and bytes

  private mutating func changeRecords(_ bytes: inout [UInt8], _ layout: CaptureLayout) {
    guard let record = layout.records.randomElement(using: &generator) else { return changeByte(&bytes) }
    switch generator.below(4) {
    case 0: bytes.removeSubrange(record)
    case 1: bytes.insert(contentsOf: bytes[record], at: generator.pick(layout.records).lowerBound)
    case 2:
      let times = generator.below(200)
      let copies = (0..<times).flatMap { _ in bytes[record] }
      bytes.insert(contentsOf: copies, at: record.upperBound)
    default:
      let other = generator.pick(seeds)
      if let foreign = CaptureLayout(other).records.randomElement(using: &generator) {
        bytes.insert(contentsOf: other[foreign], at: record.upperBound)
      }
    }
  }

  private mutating func changeByte(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return bytes.append(UInt8(generator.below(256))) }
    let offset = generator.below(generator.chance(30) ? min(bytes.count, 64) : bytes.count)
    switch generator.below(3) {
    case 0: bytes[offset] = UInt8(generator.below(256))
    case 1: bytes.remove(at: offset)
    default: bytes.insert(UInt8(generator.below(256)), at: offset)
    }
  }
}
