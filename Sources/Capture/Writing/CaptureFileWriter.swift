public import DataPath
import Wire

/// Writes frames into one capture: pcapng, or pcap for a name that ends in `.pcap`. The file gets its name in `finish`.
public final class CaptureFileWriter {
  private struct Interface: Hashable {
    var linkType: LinkType
    var name: String?
  }

  private static let threshold = 256 << 10

  private let file: OutputFile
  private let isPcapng: Bool
  private var linkType: LinkType?
  private var numbers: [Interface: UInt32] = [:]
  private var buffer: [UInt8] = []
  /// Frames written.
  public private(set) var count: UInt64 = 0

  public init(path: String) throws(CaptureError) {
    file = try OutputFile(path: path)
    isPcapng = !path.hasSuffix(".pcap")
    if isPcapng { buffer += PcapngSectionHeader.emit(application: "Moontap") }
  }

  /// - Throws: `mixedLinkTypes` for a pcap file, and when the disk is full.
  public func write(_ frame: Frame, _ interface: CaptureInterface) throws(CaptureError) {
    if isPcapng {
      append(frame, number: number(of: interface))
    } else {
      try begin(interface.linkType)
      append(frame)
    }
    count += 1
    if buffer.count >= Self.threshold { try flush() }
  }

  /// The capture is whole.
  public func finish() throws(CaptureError) {
    if isPcapng, numbers.isEmpty { _ = number(of: CaptureInterface(linkType: .ethernet, name: nil, origin: "")) }
    if !isPcapng { try begin(linkType ?? .ethernet) }
    try flush()
    try file.settle()
    try file.publish()
  }

  private func flush() throws(CaptureError) {
    let bytes = buffer
    buffer.removeAll(keepingCapacity: true)
    let result = unsafe bytes.withUnsafeBytes { bytes in
      Result { () throws(CaptureError) in try unsafe file.write(bytes) }
    }
    try result.get()
  }

  // MARK: pcap

  private func begin(_ given: LinkType) throws(CaptureError) {
    if let linkType {
      guard linkType == given else { throw .mixedLinkTypes(path: file.path, file: linkType, frame: given) }
      return
    }
    linkType = given
    buffer += PcapFileHeader(isNanosecond: true, linkType: given).emit()
  }

  private func append(_ frame: Frame) {
    let (seconds, rest) = frame.time.quotientAndRemainder(dividingBy: 1_000_000_000)
    append(UInt32(truncatingIfNeeded: seconds))
    append(UInt32(truncatingIfNeeded: rest))
    append(frame.captured)
    append(frame.original)
    appendBytes(frame)
  }

  // MARK: pcapng

  private func number(of interface: CaptureInterface) -> UInt32 {
    let key = Interface(linkType: interface.linkType, name: interface.name)
    if let known = numbers[key] { return known }
    numbers[key] = UInt32(numbers.count)
    buffer += PcapngInterface.emit(
      linkType: key.linkType, snapLength: PcapFileHeader.maximumCapturedLength, name: key.name)
    return UInt32(numbers.count - 1)
  }

  /// An Enhanced Packet Block with its direction, if it has one.
  private func append(_ frame: Frame, number: UInt32) {
    let padding = Int(-Int(frame.captured) & 3)
    let hasDirection = frame.direction != .unknown
    let total = UInt32(32 + Int(frame.captured) + padding + (hasDirection ? 12 : 0))
    let time = UInt64(bitPattern: frame.time)
    let (high, low) = (UInt32(truncatingIfNeeded: time >> 32), UInt32(truncatingIfNeeded: time))
    for word in [6, total, number, high, low, frame.captured, frame.original] { append(word) }
    appendBytes(frame)
    buffer += [UInt8](repeating: 0, count: padding)
    if hasDirection {
      // epb_flags: code 2, four bytes; end of options.
      append(4 << 16 | 2)
      append(UInt32(frame.direction.rawValue))
      append(0)
    }
    append(total)
  }

  private func append(_ word: UInt32) {
    unsafe withUnsafeBytes(of: word) { unsafe buffer.append(contentsOf: $0) }
  }

  private func appendBytes(_ frame: Frame) {
    unsafe buffer.append(contentsOf: UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured)))
  }
}
