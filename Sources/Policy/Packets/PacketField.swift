package import LuaRuntime
package import Mirroring

/// A field of packets by its name, `protocol` or `tcp.syn`, read as scripts read it: from the same table.
@safe package struct PacketField {
  private let kind: RecordField.Kind
  private let presence: [RecordBit]

  /// What is no value, or not known of a packet alone.
  private static let notPlain: Set = ["tcp", "icmp", "flow", "payload", "inner", "eni", "direction", "next_hop"]

  /// Every name, those of headers behind a dot.
  package static let names: [String] = APIEntry.all.compactMap { entry in
    guard case .type(let type) = entry.owner, case .record = entry.binding, parent(of: type) != nil else { return nil }
    if type == .packet, notPlain.contains(entry.name) { return nil }
    return type == .packet ? entry.name : "\(type.name).\(entry.name)"
  }

  private static func parent(of type: APITypeName) -> PacketRecord.Presence?? {
    switch type {
    case .packet: .some(nil)
    case .tcp: .some(.tcp)
    case .icmp: .some(.icmp)
    default: nil
    }
  }

  package init?(_ name: String, _ context: PolicyContext) {
    guard Self.names.contains(name) else { return nil }
    let parts = name.split(separator: ".").map(String.init)
    let type: APITypeName = parts.count == 1 ? .packet : parts[0] == "tcp" ? .tcp : .icmp
    let found = APIEntry.all.first { $0.owner == .type(type) && $0.name == parts[parts.count - 1] }
    guard case .record(let make, let own)? = found?.binding else { return nil }
    kind = make(context)
    presence = [own, Self.parent(of: type) ?? nil].compactMap { $0 }.map { PacketRecord.bit($0) }
  }

  /// - Parameter base: a record's first byte.
  package func value(at base: UnsafeRawPointer) -> LuaValue {
    for bit in presence {
      guard unsafe base.load(fromByteOffset: bit.offset, as: UInt8.self) >> bit.bit & 1 == 1 else { return .nil }
    }
    switch kind {
    case .unsigned8(let at): return unsafe .integer(Int64(base.load(fromByteOffset: at, as: UInt8.self)))
    case .unsigned16(let at): return unsafe .integer(Int64(base.load(fromByteOffset: at, as: UInt16.self)))
    case .unsigned32(let at): return unsafe .integer(Int64(base.load(fromByteOffset: at, as: UInt32.self)))
    case .unsigned64(let at):
      return unsafe .integer(Int64(truncatingIfNeeded: base.load(fromByteOffset: at, as: UInt64.self)))
    case .signed64(let at): return unsafe .integer(base.load(fromByteOffset: at, as: Int64.self))
    case .double(let at): return unsafe .number(base.load(fromByteOffset: at, as: Double.self))
    case .boolean(let bit):
      return unsafe .boolean(base.load(fromByteOffset: bit.offset, as: UInt8.self) >> bit.bit & 1 == 1)
    case .named(let at, let names):
      let value = unsafe base.load(fromByteOffset: at, as: UInt8.self)
      return names[value].map { .string($0) } ?? .integer(Int64(value))
    case .text(let make): return unsafe Self.text(make, base)
    case .record, .recordElsewhere, .table, .value: return .nil
    }
  }

  private static func text(
    _ make: (UnsafeRawPointer, UnsafeMutableRawBufferPointer) -> Int?, _ base: UnsafeRawPointer
  ) -> LuaValue {
    unsafe withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { room in
      guard let count = unsafe make(base, room) else { return .nil }
      return unsafe .string(String(decoding: room[..<count], as: UTF8.self))
    }
  }
}

/// Room for the packet that is being looked at.
package final class PacketScratch {
  private let arena = PacketArena()

  package init() {}

  /// The record's first byte, valid until the next packet is placed, and as long as its bytes.
  package func place(_ packet: ObservedPacket) -> UnsafeRawPointer {
    var packet = packet
    return unsafe UnsafeRawPointer(arena.place(&packet, isObserved: false))
  }
}

extension PolicyContext {
  /// The packet in an argument; valid while the host function runs.
  package func observed(_ call: HostCall, _ position: Int) -> ObservedPacket? {
    guard let base = unsafe call.record(position, of: types.record(.packet)) else { return nil }
    return unsafe PacketRecord.at(base).pointee.observed.pointee
  }
}
