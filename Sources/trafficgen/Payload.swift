import SeededRandom
import Wire

/// Random bytes that all frames take their payload from, with the running sums of their 16-bit words: the checksum of
/// any stretch is a subtraction.
@safe struct Payload {
  static let byteCount = 1 << 16
  /// Longest payload of one frame.
  static let maximumByteCount = 2048

  private let bytes: [UInt8]
  /// `sums[n]`: sum of the first `n` words.
  private let sums: [UInt64]

  init(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let bytes = (0..<Self.byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    var sums: [UInt64] = [0]
    sums.reserveCapacity(Self.byteCount / 2 + 1)
    for word in 0..<Self.byteCount / 2 {
      sums.append(sums[word] + UInt64(bytes[2 * word]) << 8 + UInt64(bytes[2 * word + 1]))
    }
    self.bytes = bytes
    self.sums = sums
  }

  /// Copies `count` bytes from an even offset of the pool.
  ///
  /// - Parameter target: room for `count` bytes.
  /// - Returns: their sum (RFC 1071).
  @inline(__always)
  func copy(from word: Int, count: Int, to target: UnsafeMutableRawPointer) -> UInt64 {
    precondition(count <= Self.maximumByteCount && word * 2 + count <= Self.byteCount)
    unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0.baseAddress! + word * 2, byteCount: count) }
    let whole = sums[word + count / 2] - sums[word]
    return count & 1 == 0 ? whole : whole + UInt64(bytes[word * 2 + count - 1]) << 8
  }
}
