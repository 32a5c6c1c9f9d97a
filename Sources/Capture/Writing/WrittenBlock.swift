import Glibc
import Wire

/// An Enhanced Packet Block, written round a packet that already stands in its place.
@safe enum WrittenBlock {
  /// Where the packet stands.
  static let headerByteCount = 28

  /// Bytes of a whole block.
  @inline(__always)
  static func byteCount(captured: Int, optionsByteCount: Int) -> Int {
    headerByteCount &+ (captured &+ 3) & ~3 &+ optionsByteCount &+ 4
  }

  /// Writes all but the packet: head, padding, options with the direction put in, end.
  ///
  /// - Parameters:
  ///   - block: has room for `byteCount` bytes and four more.
  ///   - options: of `PcapngOption.emitPacketOptions`.
  /// - Returns: the end of the block.
  @inline(__always)
  static func finish(
    _ block: UnsafeMutableRawPointer, _ captured: Int, _ original: UInt32, _ time: Int64, interface: UInt32,
    options packetOptions: UnsafeRawPointer, _ optionsByteCount: Int, isOutbound: Bool
  ) -> UnsafeMutableRawPointer {
    let time = UInt64(clamping: time)
    let options = unsafe block + (headerByteCount &+ (captured &+ 3) & ~3)
    let end = unsafe options + optionsByteCount
    let total = unsafe UInt32(truncatingIfNeeded: end - block &+ 4)
    unsafe block.storeBytes(of: PcapngBlockType.enhancedPacket, as: UInt32.self)
    unsafe block.storeBytes(of: total, toByteOffset: 4, as: UInt32.self)
    unsafe block.storeBytes(of: interface, toByteOffset: 8, as: UInt32.self)
    unsafe block.storeBytes(of: UInt32(truncatingIfNeeded: time >> 32), toByteOffset: 12, as: UInt32.self)
    unsafe block.storeBytes(of: UInt32(truncatingIfNeeded: time), toByteOffset: 16, as: UInt32.self)
    unsafe block.storeBytes(of: UInt32(truncatingIfNeeded: captured), toByteOffset: 20, as: UInt32.self)
    unsafe block.storeBytes(of: original, toByteOffset: 24, as: UInt32.self)
    // The padding: up to three bytes of these four.
    unsafe block.storeBytes(of: 0, toByteOffset: headerByteCount &+ captured, as: UInt32.self)
    unsafe memcpy(options, packetOptions, optionsByteCount)
    unsafe options.storeBytes(of: isOutbound ? 2 : 1, toByteOffset: 4, as: UInt32.self)
    unsafe end.storeBytes(of: total, as: UInt32.self)
    return unsafe end + 4
  }
}
