import Glibc
public import Wire

/// What can go wrong with capture files, in and out. Every case prints as one sentence that names the file.
public enum CaptureError: Error, Sendable, Hashable {
  // MARK: the file cannot be read at all

  /// open(2), fstat(2) or the first read(2) failed.
  case unreadable(path: String, errno: Int32)
  case isFolder(path: String)
  case empty(path: String)
  /// Neither pcap nor pcapng nor gzip of either; its first bytes.
  case notCapture(path: String, firstBytes: [UInt8])
  /// The first header is wrong or of a kind that is not read.
  case badHeader(path: String, CaptureFormatError)
  /// Every frame of the file has this link type, which has no decoder.
  case unsupportedLinkType(path: String, LinkType)

  // MARK: the file is damaged; the packets before the damage have been delivered

  /// `offset` counts bytes of the file, or of what it unpacks to when `isUnpacked`.
  case damaged(path: String, offset: UInt64, isUnpacked: Bool, what: String)

  // MARK: writing

  /// The folder of the output: what is wrong with it.
  case outputFolder(path: String, what: String)
  case write(path: String, errno: Int32)
  /// A pcap file has one link type; pcapng can hold several.
  case mixedLinkTypes(path: String, file: LinkType, frame: LinkType)

  // MARK: filters

  /// libpcap refuses the text; its own words.
  case filterSyntax(expression: String, what: String)

  /// Packets were read before the fault was met: the run's result is partial, not void.
  public var isDamage: Bool {
    if case .damaged = self { true } else { false }
  }
}

extension CaptureError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let path, let code): "\(Self.name(path)): cannot be read: \(Self.text(ofErrno: code))"
    case .isFolder(let path): "\(Self.name(path)): is a folder, not a capture"
    case .empty(let path): "\(Self.name(path)): empty file: not a capture"
    case .notCapture(let path, let bytes):
      "\(Self.name(path)): not a capture: it begins with \(Self.hexadecimal(bytes)); "
        + "pcap, pcapng or gzip of either is read"
    case .badHeader(let path, let error): "\(Self.name(path)): \(error)"
    case .unsupportedLinkType(let path, let linkType):
      "\(Self.name(path)): link type \(linkType) is not decoded; Ethernet, raw IP, BSD loopback, Linux cooked and PPP are"
    case .damaged(let path, let offset, let isUnpacked, let what):
      "\(Self.name(path)): damaged at byte \(offset)\(isUnpacked ? " of the unpacked stream" : ""): \(what)"
    case .outputFolder(let path, let what): "\(path): \(what)"
    case .write(let path, let code): "\(path): cannot be written: \(Self.text(ofErrno: code))"
    case .mixedLinkTypes(let path, let file, let frame):
      "\(path): a pcap file has one link type, here \(file); a frame has \(frame); pcapng holds both"
    case .filterSyntax(let expression, let what): "filter \"\(expression)\": \(what)"
    }
  }

  private static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }

  /// strerror_r(3)
  static func text(ofErrno code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
