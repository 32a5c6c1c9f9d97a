import Glibc
import Wire

/// A capture file written through one buffer: pcap with nanoseconds or microseconds, or pcapng with nanoseconds.
///
/// Safe because: `reserve` empties the buffer before fewer than `slack` bytes are left, and a record needs fewer.
@safe final class CaptureWriter {
  enum Format: String, CaseIterable { case pcap, pcapng }

  struct Failure: Error, CustomStringConvertible {
    var path: String
    var code: Int32
    var description: String { unsafe "\(path): cannot be written: \(String(cString: strerror(code)))" }
  }

  private static let capacity = 1 << 20
  /// A frame and what stands before and behind it.
  private static let slack = FrameEmitter.maximumByteCount + 64

  private let path: String
  private let format: Format
  private let descriptor: Int32
  private let buffer: UnsafeMutableRawPointer
  private var used = 0

  /// - Parameter path: `-` is standard output.
  init(path: String, format: Format) throws(Failure) {
    self.path = path
    self.format = format
    descriptor = unsafe path == "-" ? 1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    unsafe buffer = .allocate(byteCount: Self.capacity, alignment: 64)
    guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
    put(header)
  }

  deinit { unsafe buffer.deallocate() }

  private var header: [UInt8] {
    switch format {
    case .pcap: PcapFileHeader(isNanosecond: false, linkType: .ethernet).emit()
    case .pcapng:
      PcapngSectionHeader.emit(application: "trafficgen")
        + PcapngInterface.emit(
          linkType: .ethernet, snapLength: PcapFileHeader.maximumCapturedLength, name: "trafficgen")
    }
  }

  private func put(_ bytes: [UInt8]) {
    for byte in bytes {
      unsafe buffer.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
      used += 1
    }
  }

  /// Writes one record.
  ///
  /// - Parameters:
  ///   - time: nanoseconds since 1970.
  ///   - emit: puts a frame of at most `FrameEmitter.maximumByteCount` bytes at the pointer and returns its length.
  @inline(__always)
  func append(time: UInt64, _ emit: (UnsafeMutableRawPointer) -> Int) throws(Failure) {
    if used > Self.capacity - Self.slack { try flush() }
    switch format {
    case .pcap:
      let length = unsafe emit(buffer + used + 16)
      store(UInt32(time / 1_000_000_000), 0)
      store(UInt32(time % 1_000_000_000 / 1000), 4)
      store(UInt32(length), 8)
      store(UInt32(length), 12)
      used += 16 + length
    case .pcapng:
      let length = unsafe emit(buffer + used + 28)
      let total = (length + 3) & ~3 + 32
      store(PcapngBlockType.enhancedPacket, 0)
      store(UInt32(total), 4)
      store(UInt32(0), 8)
      store(UInt32(truncatingIfNeeded: time >> 32), 12)
      store(UInt32(truncatingIfNeeded: time), 16)
      store(UInt32(length), 20)
      store(UInt32(length), 24)
      for padding in length..<(length + 3) & ~3 { store(UInt8(0), 28 + padding) }
      store(UInt32(total), total - 4)
      used += total
    }
  }

  private func store(_ value: some FixedWidthInteger, _ offset: Int) {
    unsafe buffer.storeBytes(of: value, toByteOffset: used + offset, as: type(of: value))
  }

  /// Writes what is buffered and closes the file.
  func finish() throws(Failure) {
    try flush()
    guard descriptor == 1 || close(descriptor) == 0 else { throw Failure(path: path, code: errno) }
  }

  private func flush() throws(Failure) {
    var done = 0
    while done < used {
      let count = unsafe write(descriptor, buffer + done, used - done)
      guard count > 0 else {
        if errno == EINTR { continue }
        throw Failure(path: path, code: errno)
      }
      done += count
    }
    used = 0
  }
}
