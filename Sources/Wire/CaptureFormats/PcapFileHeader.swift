/// The header of a pcap file, 24 bytes (draft-ietf-opsawg-pcap, pcap-savefile(5)).
public struct PcapFileHeader: Sendable, Hashable {
  public static let byteCount = 24
  /// Bytes of the header in front of each record.
  public static let recordHeaderByteCount = 16
  /// The largest captured length that is believed: libpcap's MAXIMUM_SNAPLEN.
  public static let maximumCapturedLength: UInt32 = 262_144

  /// The file's byte order is not the machine's.
  public var isSwapped: Bool
  /// The fraction of a timestamp counts nanoseconds, not microseconds.
  public var isNanosecond: Bool
  public var major: UInt16
  public var minor: UInt16
  public var snapLength: UInt32
  public var linkType: LinkType
  /// Bytes of frame check sequence at the end of each frame, nil when the file does not say (the f bit is clear).
  public var frameCheckLength: Int?

  public init(
    isSwapped: Bool = false, isNanosecond: Bool, major: UInt16 = 2, minor: UInt16 = 4,
    snapLength: UInt32 = maximumCapturedLength, linkType: LinkType, frameCheckLength: Int? = nil
  ) {
    self.isSwapped = isSwapped
    self.isNanosecond = isNanosecond
    self.major = major
    self.minor = minor
    self.snapLength = snapLength
    self.linkType = linkType
    self.frameCheckLength = frameCheckLength
  }

  /// Before version 2.4 the captured and the original length could stand in either order; the smaller is the captured one.
  public var hasUnorderedLengths: Bool { minor < 4 }

  /// Parses the first 24 bytes of a file.
  public static func parse(_ bytes: RawSpan) throws(CaptureFormatError) -> PcapFileHeader {
    guard bytes.byteCount >= byteCount else {
      throw .cutShort(header: "the pcap file header", needed: byteCount, available: bytes.byteCount)
    }
    let (isSwapped, isNanosecond) = try parseMagic(bytes.number32(at: 0, swapped: false))
    let major = bytes.number16(at: 4, swapped: isSwapped)
    let minor = bytes.number16(at: 6, swapped: isSwapped)
    guard major == 2 else { throw .unsupportedVersion(format: "pcap", major: major, minor: minor) }
    let network = bytes.number32(at: 20, swapped: isSwapped)
    guard let linkType = UInt16(exactly: network & 0x03ff_ffff) else {
      throw .linkTypeOutOfRange(network & 0x03ff_ffff)
    }
    return PcapFileHeader(
      isSwapped: isSwapped, isNanosecond: isNanosecond, major: major, minor: minor,
      snapLength: bytes.number32(at: 16, swapped: isSwapped), linkType: LinkType(rawValue: linkType),
      frameCheckLength: network & 0x0400_0000 != 0 ? Int(network >> 28) * 2 : nil)
  }

  private static func parseMagic(_ magic: UInt32) throws(CaptureFormatError) -> (swapped: Bool, nanosecond: Bool) {
    switch magic {
    case 0xa1b2_c3d4: return (false, false)
    case 0xd4c3_b2a1: return (true, false)
    case 0xa1b2_3c4d: return (false, true)
    case 0x4d3c_b2a1: return (true, true)
    default: throw .unknownMagic(magic)
    }
  }

  /// The 24 bytes.
  public func emit() -> [UInt8] {
    var bytes: [UInt8] = []
    let magic: UInt32 = isNanosecond ? 0xa1b2_3c4d : 0xa1b2_c3d4
    bytes.append(number: magic, swapped: isSwapped)
    bytes.append(number: major, swapped: isSwapped)
    bytes.append(number: minor, swapped: isSwapped)
    bytes.append(number: UInt64(0), swapped: isSwapped)
    bytes.append(number: snapLength, swapped: isSwapped)
    let check = frameCheckLength.map { 0x0400_0000 | UInt32(truncatingIfNeeded: $0 / 2) << 28 } ?? 0
    bytes.append(number: UInt32(linkType.rawValue) | check, swapped: isSwapped)
    return bytes
  }
}

extension [UInt8] {
  /// Appends a number in the machine's byte order, or in the other one.
  mutating func append(number: some FixedWidthInteger, swapped: Bool = false) {
    let value = swapped ? number.byteSwapped : number
    unsafe Swift.withUnsafeBytes(of: value) { unsafe append(contentsOf: $0) }
  }
}
