/// What is wrong with a header of a capture file. The reader adds file and offset.
public enum CaptureFormatError: Error, Sendable, Hashable {
  /// A header needs more bytes than there are.
  case cutShort(header: String, needed: Int, available: Int)
  case unknownMagic(UInt32)
  /// A format that is recognised but not read, by its name.
  case unsupportedFormat(String)
  case unsupportedVersion(format: String, major: UInt16, minor: UInt16)
  case linkTypeOutOfRange(UInt32)
  case byteOrderMagic(UInt32)
  /// An option's length points beyond its block.
  case optionBeyondBlock(code: UInt16, claimed: Int, available: Int)
  case optionLength(code: UInt16, claimed: Int, wanted: Int)
  case nameTooLong(claimed: Int, limit: Int)
}

extension CaptureFormatError: CustomStringConvertible {
  /// One clause without a full stop, for the middle of a message.
  public var description: String {
    switch self {
    case .cutShort(let header, let needed, let available):
      "\(header) is cut short: it needs \(needed) bytes, \(available) are there"
    case .unknownMagic(let magic):
      "unknown magic number 0x\(String(magic, radix: 16))"
    case .unsupportedFormat(let name):
      "it is \(name), which is not read; pcap, pcapng or gzip of either is"
    case .unsupportedVersion(let format, let major, let minor):
      "\(format) version \(major).\(minor) is not read; \(format == "pcap" ? "2.x" : "1.0 and 1.2") is"
    case .linkTypeOutOfRange(let number):
      "link type \(number) is out of range; 0 to 65535 is valid"
    case .byteOrderMagic(let magic):
      "byte-order magic 0x\(String(magic, radix: 16)) of a section header is wrong; 0x1a2b3c4d in either order is right"
    case .optionBeyondBlock(let code, let claimed, let available):
      "option \(code) claims \(claimed) bytes, \(available) are left in its block"
    case .optionLength(let code, let claimed, let wanted):
      "option \(code) has \(claimed) bytes; \(wanted) is right"
    case .nameTooLong(let claimed, let limit):
      "an interface name has \(claimed) bytes; at most \(limit) is read"
    }
  }
}
