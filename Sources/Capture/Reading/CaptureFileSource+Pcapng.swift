import DataPath
import Wire

/// What the blocks of the current section need to be understood.
struct PcapngSection {
  /// One interface of the section.
  struct Interface {
    /// Index into the source's `interfaces`.
    var index: UInt32
    /// Bytes captured of a packet at most; `UInt32.max`: no limit. For simple packets, which do not say.
    var snapLength: UInt32
    var resolution: TimestampResolution
  }

  static let maximumInterfaces = 65_536

  var isSwapped = false
  var interfaces: [Interface] = []
  /// Number of the next block in the file, from 1, for messages.
  var blockNumber: UInt64 = 1
  /// Time of the frame before, which a simple packet takes over: it has none of its own.
  var lastTime: Int64 = 0
}

/// The fixed part of a packet block: what the three kinds of packet blocks have in common.
private struct PacketBlock {
  var interface: PcapngSection.Interface
  var time: Int64
  var captured: UInt32
  var original: UInt32
  /// Where the frame begins in the block.
  var bodyOffset: Int
}

extension CaptureFileSource {
  /// Distinct interfaces a capture may have in all its sections; names bound the memory they take.
  static let maximumInterfaces = 16_384

  func checkFirstSection() throws(CaptureError) {
    do {
      section.isSwapped = try unsafe PcapngSectionHeader.parse(input.bytes.bytes).isSwapped
    } catch {
      throw .badHeader(path: path, error)
    }
    format = .pcapng
  }

  /// Parses blocks until the batch is full, or a block is not wholly in memory, or is wrong.
  ///
  /// A wrong block behind frames ends the batch; the next call meets it again, without frames, and throws.
  func parsePcapng(into frames: UnsafeMutablePointer<Frame>) throws(CaptureError) -> Int {
    var count = 0
    while count < FrameBatch.capacity {
      count =
        unsafe section.isSwapped
        ? parseEnhancedPackets(swapped: true, into: frames, from: count)
        : parseEnhancedPackets(swapped: false, into: frames, from: count)
      guard count < FrameBatch.capacity else { break }
      do {
        guard try unsafe parseOtherBlock(into: frames, &count) else { break }
      } catch {
        guard count > 0 else { throw error }
        break
      }
    }
    if count > 0 { section.lastTime = unsafe frames[count - 1].time }
    return count
  }

  /// The fast way for the usual block: an Enhanced Packet Block that is whole and sound. Stops at anything else.
  ///
  /// Safe because: every load is within `end`, which bounds the bytes that `input` promises, and `frames` has
  /// `FrameBatch.capacity` places.
  @inline(__always)
  private func parseEnhancedPackets(
    swapped: Bool, into frames: UnsafeMutablePointer<Frame>, from first: Int
  ) -> Int {
    let start = unsafe input.cursor
    let end = unsafe start + input.available
    var cursor = unsafe start
    var count = first
    unsafe section.interfaces.withUnsafeBufferPointer { interfaces in
      while count < FrameBatch.capacity, unsafe end - cursor >= 32, unsafe number(cursor, 0, swapped) == 6 {
        let total = unsafe Int(number(cursor, 4, swapped))
        guard total >= 32, total & 3 == 0, total <= CaptureInput.maximumPiece, unsafe total <= end - cursor,
          unsafe Int(number(cursor, total - 4, swapped)) == total
        else { break }
        let identifier = unsafe Int(number(cursor, 8, swapped))
        let captured = unsafe number(cursor, 20, swapped)
        guard identifier < interfaces.count, captured <= PcapFileHeader.maximumCapturedLength else { break }
        let optionsOffset = 28 + (Int(captured) + 3) & ~3
        guard optionsOffset <= total - 4,
          let direction = unsafe direction(cursor + optionsOffset, byteCount: total - 4 - optionsOffset, swapped)
        else { break }
        let interface = unsafe interfaces[identifier]
        let units = unsafe UInt64(number(cursor, 12, swapped)) << 32 | UInt64(number(cursor, 16, swapped))
        unsafe frames[count] = unsafe Frame(
          bytes: cursor + 28, time: interface.resolution.nanoseconds(units), captured: captured,
          original: number(cursor, 24, swapped), interface: interface.index, direction: direction)
        unsafe cursor += total
        count += 1
      }
    }
    section.blockNumber += UInt64(count - first)
    unsafe input.consume(cursor - start)
    return count
  }

  /// Direction by the options of a packet, nil when they are damaged.
  @inline(__always)
  private func direction(_ options: UnsafeRawPointer, byteCount: Int, _ swapped: Bool) -> CaptureDirection? {
    if byteCount == 0 { return .unknown }
    return unsafe directionByOptions(options, byteCount: byteCount, swapped)
  }

  private func directionByOptions(_ options: UnsafeRawPointer, byteCount: Int, _ swapped: Bool) -> CaptureDirection? {
    let bytes = unsafe UnsafeRawBufferPointer(start: options, count: byteCount)
    guard let flags = try? unsafe PcapngOption.packetFlags(bytes.bytes, swapped: swapped) else { return nil }
    return CaptureDirection(rawValue: UInt8(truncatingIfNeeded: flags & 3)) ?? .unknown
  }
}

// MARK: - One block at a time

extension CaptureFileSource {
  /// Takes the block at the cursor, of any type, if it is in memory.
  ///
  /// - Returns: false when it is not wholly in memory: nothing was done.
  private func parseOtherBlock(
    into frames: UnsafeMutablePointer<Frame>, _ count: inout Int
  ) throws(CaptureError) -> Bool {
    guard let (type, total) = try blockHeader(), total <= input.available else { return false }
    let block = unsafe UnsafeRawBufferPointer(start: input.cursor, count: total)
    guard unsafe Int(number(block.baseAddress!, total - 4, section.isSwapped)) == total else {
      throw unsafe damage(
        "\(blockName(type)) has length \(total) in front and \(number(block.baseAddress!, total - 4, section.isSwapped)) behind"
      )
    }
    switch type {
    case PcapngBlockType.sectionHeader: section.interfaces.removeAll(keepingCapacity: true)
    case PcapngBlockType.interfaceDescription: try unsafe addInterface(block)
    case PcapngBlockType.enhancedPacket, PcapngBlockType.packet, PcapngBlockType.simplePacket:
      if count > 0 { section.lastTime = unsafe frames[count - 1].time }
      unsafe frames[count] = try unsafe parsePacket(type, block)
      count += 1
    default: break
    }
    input.consume(total)
    section.blockNumber += 1
    return true
  }

  /// Type and length of the block at the cursor, checked; a section header sets the byte order.
  ///
  /// - Returns: nil when too little of it is in memory.
  private func blockHeader() throws(CaptureError) -> (type: UInt32, total: Int)? {
    guard input.available >= 12 else { return nil }
    let type = unsafe number(input.cursor, 0, section.isSwapped)
    if type == PcapngBlockType.sectionHeader {
      guard input.available >= 16 else { return nil }
      section.isSwapped = try understand { () throws(CaptureFormatError) in
        try unsafe PcapngSectionHeader.parse(input.bytes.bytes)
      }.isSwapped
    }
    let total = unsafe Int(number(input.cursor, 4, section.isSwapped))
    let least = Self.minimumByteCount(type)
    guard total >= least, total & 3 == 0 else {
      throw damage("\(blockName(type)) claims \(total) bytes; a multiple of 4, at least \(least), is right")
    }
    return (type, total)
  }

  private static func minimumByteCount(_ type: UInt32) -> Int {
    switch type {
    case PcapngBlockType.sectionHeader: PcapngSectionHeader.minimumByteCount
    case PcapngBlockType.interfaceDescription: PcapngInterface.minimumByteCount
    case PcapngBlockType.simplePacket: 16
    case PcapngBlockType.packet, PcapngBlockType.enhancedPacket: 32
    default: 12
    }
  }

  /// Brings the block at the cursor into memory, or steps over it when it is large and of no use.
  func resumePcapng() throws(CaptureError) -> Bool {
    guard try require(16) || input.available >= 12 else {
      guard input.available > 0 else { return false }
      throw damage("the header of block \(section.blockNumber) needs 12 bytes, \(input.available) are left")
    }
    guard let (type, total) = try blockHeader() else {
      throw damage("\(blockName(PcapngBlockType.sectionHeader)) needs 28 bytes, \(input.available) are left")
    }
    if total <= CaptureInput.maximumPiece {
      guard try require(total) else { throw cutShort(type, total, left: UInt64(input.available)) }
      return true
    }
    return try skipLargeBlock(type, total)
  }

  private func skipLargeBlock(_ type: UInt32, _ total: Int) throws(CaptureError) -> Bool {
    switch type {
    case 1, 2, 3, 6:
      throw damage("\(blockName(type)) claims \(total) bytes; at most \(CaptureInput.maximumPiece) is read")
    default:
      let start = input.offset
      let skipped = try skip(UInt64(total))
      guard skipped == UInt64(total) else {
        throw .damaged(
          path: path, offset: start, isUnpacked: input.isUnpacked,
          what: "\(blockName(type)) claims \(total) bytes, \(skipped) are left")
      }
      if type == PcapngBlockType.sectionHeader { section.interfaces.removeAll(keepingCapacity: true) }
      section.blockNumber += 1
      return true
    }
  }

  private func cutShort(_ type: UInt32, _ total: Int, left: UInt64) -> CaptureError {
    damage("\(blockName(type)) claims \(total) bytes, \(left) are left")
  }

  private func addInterface(_ block: UnsafeRawBufferPointer) throws(CaptureError) {
    let isSwapped = section.isSwapped
    let described = try understand { () throws(CaptureFormatError) in
      try unsafe PcapngInterface.parse(block.bytes, swapped: isSwapped)
    }
    guard section.interfaces.count < PcapngSection.maximumInterfaces else {
      throw damage(
        "block \(section.blockNumber) describes interface \(PcapngSection.maximumInterfaces + 1) of its section")
    }
    let interface = CaptureInterface(linkType: described.linkType, name: described.name, origin: path)
    section.interfaces.append(
      PcapngSection.Interface(
        index: try index(of: interface), snapLength: described.snapLength == 0 ? .max : described.snapLength,
        resolution: described.resolution))
  }

  /// Equal interfaces of several sections are one: files that were joined keep their few interfaces.
  private func index(of interface: CaptureInterface) throws(CaptureError) -> UInt32 {
    if let known = interfaceIndices[interface] { return known }
    guard interfaces.count < Self.maximumInterfaces else {
      throw damage(
        "block \(section.blockNumber) describes distinct interface \(Self.maximumInterfaces + 1); at most \(Self.maximumInterfaces) are read"
      )
    }
    let index = UInt32(interfaces.count)
    interfaces.append(interface)
    interfaceIndices[interface] = index
    return index
  }

  private func understand<Value>(
    _ parse: () throws(CaptureFormatError) -> Value
  ) throws(CaptureError) -> Value {
    do {
      return try parse()
    } catch {
      throw damage("block \(section.blockNumber): \(error)")
    }
  }

  private func blockName(_ type: UInt32) -> String {
    let name =
      switch type {
      case PcapngBlockType.sectionHeader: "section header"
      case PcapngBlockType.interfaceDescription: "interface description"
      case PcapngBlockType.enhancedPacket, PcapngBlockType.packet, PcapngBlockType.simplePacket: "packet"
      default: "type 0x\(String(type, radix: 16))"
      }
    return "block \(section.blockNumber) (\(name))"
  }
}

// MARK: - Packet blocks, the slow and telling way

extension CaptureFileSource {
  private func parsePacket(_ type: UInt32, _ block: UnsafeRawBufferPointer) throws(CaptureError) -> Frame {
    let packet = try unsafe parseFixedPart(type, block)
    let room = block.count - 4 - packet.bodyOffset
    guard packet.captured <= PcapFileHeader.maximumCapturedLength else {
      throw damage(
        "\(blockName(type)) claims \(packet.captured) captured bytes; at most \(PcapFileHeader.maximumCapturedLength) is right"
      )
    }
    guard (Int(packet.captured) + 3) & ~3 <= room else {
      throw damage("\(blockName(type)) claims \(packet.captured) captured bytes, \(room) are left in it")
    }
    var direction = CaptureDirection.unknown
    if type != PcapngBlockType.simplePacket {
      let options = packet.bodyOffset + (Int(packet.captured) + 3) & ~3
      let isSwapped = section.isSwapped
      let flags = try understand { () throws(CaptureFormatError) in
        try unsafe PcapngOption.packetFlags(block.bytes.extracting(options..<block.count - 4), swapped: isSwapped)
      }
      direction = CaptureDirection(rawValue: UInt8(truncatingIfNeeded: flags & 3)) ?? .unknown
    }
    return unsafe Frame(
      bytes: block.baseAddress! + packet.bodyOffset, time: packet.time, captured: packet.captured,
      original: packet.original, interface: packet.interface.index, direction: direction)
  }

  private func parseFixedPart(_ type: UInt32, _ block: UnsafeRawBufferPointer) throws(CaptureError) -> PacketBlock {
    let bytes = block.baseAddress!
    let isSwapped = section.isSwapped
    if type == PcapngBlockType.simplePacket {
      let interface = try interface(0, type)
      let original = unsafe number(bytes, 8, isSwapped)
      return PacketBlock(
        interface: interface, time: section.lastTime, captured: min(original, interface.snapLength),
        original: original, bodyOffset: 12)
    }
    // The obsolete block has 16 bits of interface and 16 of drop count where the enhanced one has 32 of interface.
    let isObsolete = type == PcapngBlockType.packet
    let short = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)
    let identifier = unsafe isObsolete ? UInt32(isSwapped ? short.byteSwapped : short) : number(bytes, 8, isSwapped)
    let interface = try interface(Int(identifier), type)
    let units = unsafe UInt64(number(bytes, 12, isSwapped)) << 32 | UInt64(number(bytes, 16, isSwapped))
    return unsafe PacketBlock(
      interface: interface, time: interface.resolution.nanoseconds(units), captured: number(bytes, 20, isSwapped),
      original: number(bytes, 24, isSwapped), bodyOffset: 28)
  }

  private func interface(_ identifier: Int, _ type: UInt32) throws(CaptureError) -> PcapngSection.Interface {
    guard identifier < section.interfaces.count else {
      throw damage(
        "\(blockName(type)) names interface \(identifier); its section describes \(section.interfaces.count) before it")
    }
    return section.interfaces[identifier]
  }
}
