internal import Mirroring
internal import Wire

/// Room for a packet and those inside it: `depth` records, then `depth` observed packets; which stands where follows
/// from its depth, so that a record finds those inside it from its own place.
///
/// Safe because: `records` and `packets` have room for `depth` each, and `place` is given none beyond. Both structs are
/// trivial, so that plain assignment needs no clean-up.
@safe struct PacketRoom {
  /// As deep as scripts may look.
  static let fullDepth = 5
  private let records: UnsafeMutablePointer<PacketRecord>
  private let packets: UnsafeMutablePointer<ObservedPacket>
  let depth: Int

  static func byteCount(depth: Int) -> Int {
    depth * (MemoryLayout<PacketRecord>.stride + MemoryLayout<ObservedPacket>.stride)
  }

  /// Room at `base`, which has `byteCount` bytes and is aligned for both structs.
  init(at base: UnsafeMutableRawPointer, depth: Int) {
    unsafe records = base.assumingMemoryBound(to: PacketRecord.self)
    unsafe packets = (base + depth * MemoryLayout<PacketRecord>.stride).assumingMemoryBound(to: ObservedPacket.self)
    self.depth = depth
  }

  /// The room that the record stands in.
  private init(of record: UnsafePointer<PacketRecord>) {
    let own = unsafe Int(record.pointee.depth)
    unsafe records = UnsafeMutablePointer(mutating: record) - own
    unsafe packets = UnsafeMutablePointer(mutating: record.pointee.observed) - own
    depth = unsafe Int(record.pointee.roomDepth)
  }

  /// - Parameter isObserved: ENI, direction and flow are known.
  func place(
    _ packet: UnsafePointer<ObservedPacket>, at position: Int = 0, isObserved: Bool
  ) -> UnsafePointer<PacketRecord> {
    precondition(position < depth)
    unsafe (packets + position).initialize(from: packet, count: 1)
    // In place: one copy less for each call of a script.
    unsafe (records + position).initialize(to: PacketRecord(packets + position, depth: position, roomDepth: depth))
    unsafe records[position].fill(packet.pointee, isObserved: isObserved)
    return unsafe UnsafePointer(records + position)
  }

  /// The packet inside, or nil: no tunnel known here, or too many inside each other.
  static func inner(of record: UnsafePointer<PacketRecord>) -> UnsafePointer<PacketRecord>? {
    let room = unsafe PacketRoom(of: record)
    let outer = unsafe record.pointee.observed.pointee
    let position = unsafe Int(record.pointee.depth) + 1
    guard position < room.depth, let inner = unsafe outer.summary.inner(outer.bytes) else { return nil }
    var packet = outer
    unsafe packet.bytes = outer.bytes + inner.offset
    packet.captured = inner.end - inner.offset
    packet.original = inner.end == outer.captured ? outer.original - inner.offset : packet.captured
    packet.decoder = inner.decoder
    packet.summary = unsafe PacketSummary.parse(packet.bytes, captured: packet.captured, decoder: inner.decoder)
    return unsafe room.place(&packet, at: position, isObserved: false)
  }
}

/// A room of its own: lives as long as the outermost record may.
@safe final class PacketArena {
  private let memory: UnsafeMutableRawPointer
  private let room: PacketRoom

  init() {
    unsafe memory = .allocate(byteCount: PacketRoom.byteCount(depth: PacketRoom.fullDepth), alignment: 16)
    room = unsafe PacketRoom(at: memory, depth: PacketRoom.fullDepth)
  }

  deinit { unsafe memory.deallocate() }

  /// Stores the outermost packet.
  ///
  /// - Parameters:
  ///   - isAttributed: ENI and direction are known.
  ///   - hasFlow: the conversation is known.
  func place(
    _ packet: UnsafePointer<ObservedPacket>, isObserved: Bool, isAttributed: Bool = true, hasFlow: Bool = true
  ) -> UnsafePointer<PacketRecord> {
    let record = unsafe room.place(packet, isObserved: isObserved)
    let own = unsafe UnsafeMutablePointer(mutating: record)
    if !isAttributed { unsafe own.pointee.clear(.observation) }
    if !hasFlow { unsafe own.pointee.clear(.flow) }
    return unsafe record
  }
}
