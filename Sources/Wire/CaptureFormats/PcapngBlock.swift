/// Block types of pcapng (draft-ietf-opsawg-pcapng section 4, IANA registry of block types).
public enum PcapngBlockType {
  public static let sectionHeader: UInt32 = 0x0a0d_0d0a
  public static let interfaceDescription: UInt32 = 1
  /// The obsolete Packet Block (draft appendix A).
  public static let packet: UInt32 = 2
  public static let simplePacket: UInt32 = 3
  public static let enhancedPacket: UInt32 = 6
}

/// Codes of the options that are read or written.
public enum PcapngOptionCode {
  public static let end: UInt16 = 0
  public static let comment: UInt16 = 1
  /// if_name
  public static let interfaceName: UInt16 = 2
  /// if_tsresol
  public static let timestampResolution: UInt16 = 9
  /// if_tsoffset
  public static let timestampOffset: UInt16 = 14
  /// epb_flags, pack_flags
  public static let packetFlags: UInt16 = 2
  /// shb_userappl
  public static let userApplication: UInt16 = 4
}

/// One option: where its value stands in the bytes that were parsed.
public struct PcapngOption: Sendable, Hashable {
  public var code: UInt16
  public var offset: Int
  public var byteCount: Int

  /// The option at `position` of the options' bytes; moves `position` behind it and its padding.
  ///
  /// - Returns: nil at opt_endofopt and at the end of the bytes.
  /// - Throws: when the option's length points beyond the bytes.
  public static func parse(
    _ bytes: RawSpan, at position: inout Int, swapped: Bool
  ) throws(CaptureFormatError) -> PcapngOption? {
    guard bytes.byteCount - position >= 4 else { return nil }
    let code = bytes.number16(at: position, swapped: swapped)
    guard code != PcapngOptionCode.end else { return nil }
    let byteCount = Int(bytes.number16(at: position + 2, swapped: swapped))
    let option = PcapngOption(code: code, offset: position + 4, byteCount: byteCount)
    guard byteCount <= bytes.byteCount - option.offset else {
      throw .optionBeyondBlock(code: code, claimed: byteCount, available: bytes.byteCount - option.offset)
    }
    position = min(option.offset + (byteCount + 3) & ~3, bytes.byteCount)
    return option
  }

  /// epb_flags of a packet's options, or 0. Bits 0 and 1 are the direction: 1 inbound, 2 outbound.
  public static func packetFlags(_ bytes: RawSpan, swapped: Bool) throws(CaptureFormatError) -> UInt32 {
    var position = 0
    var flags: UInt32 = 0
    while let option = try parse(bytes, at: &position, swapped: swapped) {
      guard option.code == PcapngOptionCode.packetFlags else { continue }
      try option.require(4)
      flags = bytes.number32(at: option.offset, swapped: swapped)
    }
    return flags
  }

  func require(_ wanted: Int) throws(CaptureFormatError) {
    guard byteCount == wanted else { throw .optionLength(code: code, claimed: byteCount, wanted: wanted) }
  }
}

/// A Section Header Block: it sets the byte order of all that follows.
public struct PcapngSectionHeader: Sendable, Hashable {
  /// Type, length, byte-order magic, version, section length, length.
  public static let minimumByteCount = 28

  public var isSwapped: Bool

  /// Parses a block from its first byte; 16 bytes are enough. The section's own length is not believed: blocks tell.
  public static func parse(_ block: RawSpan) throws(CaptureFormatError) -> PcapngSectionHeader {
    guard block.byteCount >= 16 else {
      throw .cutShort(header: "a section header", needed: minimumByteCount, available: block.byteCount)
    }
    let magic = block.number32(at: 8, swapped: false)
    guard magic == 0x1a2b_3c4d || magic.byteSwapped == 0x1a2b_3c4d else { throw .byteOrderMagic(magic) }
    let isSwapped = magic != 0x1a2b_3c4d
    let major = block.number16(at: 12, swapped: isSwapped)
    let minor = block.number16(at: 14, swapped: isSwapped)
    guard major == 1, minor == 0 || minor == 2 else {
      throw .unsupportedVersion(format: "pcapng", major: major, minor: minor)
    }
    return PcapngSectionHeader(isSwapped: isSwapped)
  }
}

/// An Interface Description Block.
public struct PcapngInterface: Sendable, Hashable {
  /// Type, length, link type, reserved, snap length, length.
  public static let minimumByteCount = 20
  /// Longer names are refused: no system has them, and memory stays bounded.
  public static let maximumNameByteCount = 1024

  public var linkType: LinkType
  /// Bytes captured of a packet at most; 0: no limit.
  public var snapLength: UInt32
  public var name: String?
  public var resolution: TimestampResolution

  /// Parses a whole block, at least `minimumByteCount` bytes.
  public static func parse(_ block: RawSpan, swapped: Bool) throws(CaptureFormatError) -> PcapngInterface {
    guard block.byteCount >= minimumByteCount else {
      throw .cutShort(header: "an interface description", needed: minimumByteCount, available: block.byteCount)
    }
    var interface = PcapngInterface(
      linkType: LinkType(rawValue: block.number16(at: 8, swapped: swapped)),
      snapLength: block.number32(at: 12, swapped: swapped), name: nil, resolution: .microseconds)
    try interface.parseOptions(block.extracting(16..<block.byteCount - 4), swapped: swapped)
    return interface
  }

  private mutating func parseOptions(_ bytes: RawSpan, swapped: Bool) throws(CaptureFormatError) {
    var position = 0
    var exponent: UInt8 = 6
    var offset: Int64 = 0
    while let option = try PcapngOption.parse(bytes, at: &position, swapped: swapped) {
      switch option.code {
      case PcapngOptionCode.interfaceName:
        name = try Self.parseName(bytes, option)
      case PcapngOptionCode.timestampResolution:
        try option.require(1)
        exponent = bytes.byte(at: option.offset)
      case PcapngOptionCode.timestampOffset:
        try option.require(8)
        offset = Int64(bitPattern: bytes.number64(at: option.offset, swapped: swapped))
      default:
        continue
      }
    }
    resolution = TimestampResolution(exponent, offset: offset)
  }

  /// Bytes up to a zero (some writers end names with one), read as UTF-8.
  private static func parseName(_ bytes: RawSpan, _ option: PcapngOption) throws(CaptureFormatError) -> String? {
    guard option.byteCount <= maximumNameByteCount else {
      throw .nameTooLong(claimed: option.byteCount, limit: maximumNameByteCount)
    }
    let text = (0..<option.byteCount).map { bytes.byte(at: option.offset + $0) }.prefix { $0 != 0 }
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
  }
}
