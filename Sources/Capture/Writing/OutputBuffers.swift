import Wire

/// The buffers of all files: a record is appended blindly, then what is full is written.
///
/// Safe because: every buffer has room for `maximumRecordByteCount` behind `threshold`, and `drain` brings `used` below
/// `threshold` whenever it has got there.
@safe final class OutputBuffers {
  /// A file's bytes that are not written yet.
  @safe struct Buffer: BitwiseCopyable {
    var base: UnsafeMutableRawPointer
    var used: Int
  }

  /// Headers and options of a record take less than 8 KiB (`PcapngOption` bounds its texts).
  static let maximumRecordByteCount = Int(PcapFileHeader.maximumCapturedLength) + 8192
  /// Larger ones measured no faster, and fall out of a small cache before they are written.
  private static let largestThreshold = 256 << 10
  private static let smallestThreshold = 16 << 10
  /// Memory of all buffers together, up to 512 receivers.
  private static let total = 8 << 20

  private(set) var buffers: UnsafeMutablePointer<Buffer>
  /// A power of two. Writes are multiples of it, all but the last: the kernel then takes large folios for them, which
  /// measured 20 % less of its time on ext4 than pieces of 248 KiB.
  let threshold: Int
  private var files: [OutputFile]

  init(_ files: [OutputFile]) {
    self.files = files
    threshold = Self.threshold(fileCount: files.count)
    unsafe buffers = .allocate(capacity: files.count)
    for index in files.indices { makeBuffer(at: index) }
  }

  private func makeBuffer(at index: Int) {
    let base = UnsafeMutableRawPointer.allocate(byteCount: threshold + Self.maximumRecordByteCount, alignment: 16)
    unsafe (buffers + index).initialize(to: Buffer(base: base, used: 0))
  }

  /// Files that come later in a run.
  func add(_ more: [OutputFile]) {
    guard !more.isEmpty else { return }
    let wider = UnsafeMutablePointer<Buffer>.allocate(capacity: files.count + more.count)
    unsafe wider.update(from: buffers, count: files.count)
    unsafe buffers.deallocate()
    unsafe buffers = wider
    for index in files.count..<files.count + more.count { makeBuffer(at: index) }
    files += more
  }

  deinit {
    for index in files.indices { unsafe buffers[index].base.deallocate() }
    unsafe buffers.deallocate()
  }

  private static func threshold(fileCount: Int) -> Int {
    var threshold = largestThreshold
    while threshold > smallestThreshold, threshold * fileCount > total { threshold /= 2 }
    return threshold
  }

  /// Appends a header; at most 8 KiB.
  func append(_ bytes: [UInt8], to file: Int) throws(CaptureError) {
    precondition(bytes.count <= 8192)
    unsafe (buffers[file].base + buffers[file].used).copyMemory(from: bytes, byteCount: bytes.count)
    unsafe buffers[file].used += bytes.count
    if unsafe buffers[file].used >= threshold { try drain(file) }
  }

  /// Writes what is a multiple of `threshold` of a buffer; the rest moves to its front.
  func drain(_ file: Int) throws(CaptureError) {
    let buffer = unsafe buffers[file]
    let whole = buffer.used & ~(threshold - 1)
    unsafe try files[file].write(UnsafeRawBufferPointer(start: buffer.base, count: whole))
    unsafe buffer.base.copyMemory(from: buffer.base + whole, byteCount: buffer.used - whole)
    unsafe buffers[file].used = buffer.used - whole
  }

  /// Writes all of a buffer.
  func drainAll(_ file: Int) throws(CaptureError) {
    let buffer = unsafe buffers[file]
    unsafe try files[file].write(UnsafeRawBufferPointer(start: buffer.base, count: buffer.used))
    unsafe buffers[file].used = 0
  }
}
