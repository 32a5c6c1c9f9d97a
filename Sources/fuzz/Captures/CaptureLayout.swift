/// Where the numbers, the records and the packets of a capture stand: a reader that believes everything, so that damage
/// can be done on purpose. It shares no code with the reader that is tested.
struct CaptureLayout {
  struct Field {
    var offset: Int
    /// Bytes: 1, 2 or 4.
    var width: Int
  }

  enum Kind { case pcap, pcapng, other }

  private(set) var kind: Kind = .other
  private(set) var isSwapped = false
  private(set) var fields: [Field] = []
  /// Whole records or blocks.
  private(set) var records: [Range<Int>] = []
  /// The packet's bytes in each record that has any.
  private(set) var packets: [(record: Int, bytes: Range<Int>)] = []

  init(_ bytes: [UInt8]) {
    guard bytes.count >= 24 else { return }
    switch Array(bytes[0..<4]) {
    case [0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]: readPcap(bytes, isSwapped: false)
    case [0xa1, 0xb2, 0xc3, 0xd4], [0xa1, 0xb2, 0x3c, 0x4d]: readPcap(bytes, isSwapped: true)
    case [0x0a, 0x0d, 0x0d, 0x0a]: readPcapng(bytes)
    default: break
    }
  }

  /// A number in the file's byte order; nil behind the end.
  func number(_ bytes: [UInt8], _ field: Field) -> UInt32? {
    guard field.offset >= 0, field.offset + field.width <= bytes.count else { return nil }
    let digits = bytes[field.offset..<field.offset + field.width]
    return (isSwapped ? Array(digits) : digits.reversed()).reduce(0) { $0 << 8 | UInt32($1) }
  }

  func put(_ value: UInt32, _ field: Field, in bytes: inout [UInt8]) {
    guard field.offset + field.width <= bytes.count else { return }
    for index in 0..<field.width {
      let shift = UInt32(8 * (isSwapped ? field.width - 1 - index : index))
      bytes[field.offset + index] = UInt8(truncatingIfNeeded: value >> shift)
    }
  }

  private func word(_ bytes: [UInt8], _ offset: Int) -> Int {
    number(bytes, Field(offset: offset, width: 4)).map(Int.init) ?? 0
  }

  private func short(_ bytes: [UInt8], _ offset: Int) -> Int {
    number(bytes, Field(offset: offset, width: 2)).map(Int.init) ?? 0
  }

  private mutating func readPcap(_ bytes: [UInt8], isSwapped: Bool) {
    kind = .pcap
    self.isSwapped = isSwapped
    fields += [(0, 4), (4, 2), (6, 2), (16, 4), (20, 4)].map(Field.init)
    var offset = 24
    while offset + 16 <= bytes.count {
      fields += [0, 4, 8, 12].map { Field(offset: offset + $0, width: 4) }
      let end = offset + 16 + word(bytes, offset + 8)
      guard end <= bytes.count else { break }
      records.append(offset..<end)
      packets.append((records.count - 1, offset + 16..<end))
      offset = end
    }
  }

  private mutating func readPcapng(_ bytes: [UInt8]) {
    kind = .pcapng
    isSwapped = bytes[8] == 0x1a
    var offset = 0
    while offset + 12 <= bytes.count {
      let isSection = Array(bytes[offset..<offset + 4]) == [0x0a, 0x0d, 0x0d, 0x0a]
      // A section of the other byte order has numbers that this layout cannot name.
      guard !isSection || (bytes[offset + 8] == 0x1a) == isSwapped else { break }
      let length = word(bytes, offset + 4)
      guard length >= 12, length % 4 == 0, offset + length <= bytes.count else { break }
      records.append(offset..<offset + length)
      fields += [0, 4, length - 4].map { Field(offset: offset + $0, width: 4) }
      readBlock(bytes, offset, offset + length)
      offset += length
    }
  }

  private mutating func readBlock(_ bytes: [UInt8], _ start: Int, _ end: Int) {
    switch word(bytes, start) {
    case 0x0a0d_0d0a:
      fields += [(start + 8, 4), (start + 12, 2), (start + 14, 2), (start + 16, 4)].map(Field.init)
      readOptions(bytes, start + 24, end)
    case 1:
      fields += [(start + 8, 2), (start + 12, 4)].map(Field.init)
      readOptions(bytes, start + 16, end)
    case 2, 6:
      fields += [8, 12, 16, 20, 24].map { Field(offset: start + $0, width: 4) }
      let last = start + 28 + word(bytes, start + 20)
      guard last <= end - 4 else { return }
      packets.append((records.count - 1, start + 28..<last))
      readOptions(bytes, (last + 3) & ~3, end)
    case 3:
      fields.append(Field(offset: start + 8, width: 4))
      if start + 12 < end - 4 { packets.append((records.count - 1, start + 12..<end - 4)) }
    default: break
    }
  }

  private mutating func readOptions(_ bytes: [UInt8], _ start: Int, _ end: Int) {
    var offset = start
    while offset + 4 <= end - 4 {
      fields += [Field(offset: offset, width: 2), Field(offset: offset + 2, width: 2)]
      let length = short(bytes, offset + 2)
      if length == 1 { fields.append(Field(offset: offset + 4, width: 1)) }
      offset += 4 + (length + 3) & ~3
    }
  }
}
