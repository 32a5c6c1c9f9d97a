package import LuaRuntime
package import Mirroring
internal import Wire

/// A packet that a script keeps as long as it likes: room, then the frame's bytes, in one piece that is copied into
/// Lua's heap and counts there.
@safe package struct PacketCopy {
  private var piece: [UInt8]

  /// - Parameter packet: without ENI and conversation: it was taken out of a capture.
  package init(_ packet: ObservedPacket) {
    // Most packets have none inside: then their room is smaller.
    let hasInner = unsafe packet.summary.inner(packet.bytes) != nil
    let depth = hasInner ? PacketRoom.fullDepth : 1
    let head = Self.head(depth)
    piece = unsafe [UInt8](unsafeUninitializedCapacity: head + packet.captured) { buffer, count in
      let base = UnsafeMutableRawPointer(buffer.baseAddress!)
      unsafe _ = base.initializeMemory(as: UInt8.self, repeating: 0, count: head)
      // Where it will stand is not known yet: `settle` says it. Arrays of bytes are aligned to 16 bytes.
      var packet = packet
      _ = unsafe PacketRoom(at: base, depth: depth).place(&packet, isObserved: false)
      unsafe (base + head).copyMemory(from: packet.bytes, byteCount: packet.captured)
      count = head + packet.captured
    }
  }

  private static func head(_ depth: Int) -> Int { (PacketRoom.byteCount(depth: depth) + 15) / 16 * 16 }

  package func push(to call: HostCall, _ type: RecordTypeID) {
    unsafe piece.withUnsafeBytes { unsafe call.push(copyOf: $0, type: type) }
  }

  /// In its new place: the outermost record and its packet point there.
  static func settle(_ room: UnsafeMutableRawBufferPointer) {
    guard let base = room.baseAddress else { return }
    let record = unsafe base.assumingMemoryBound(to: PacketRecord.self)
    let depth = unsafe Int(record.pointee.roomDepth)
    let packet = unsafe (base + depth * MemoryLayout<PacketRecord>.stride).assumingMemoryBound(to: ObservedPacket.self)
    unsafe packet.pointee.bytes = UnsafeRawPointer(base + head(depth))
    unsafe record.pointee.observed = UnsafePointer(packet)
  }
}
