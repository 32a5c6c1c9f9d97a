import Capture
import LuaRuntime
import Policy

/// How scripts look into a sequence: `packets[12]`, `pairs(packets)`, `print(packets)`.
enum PacketsCollection {
  static let ways = SessionLibrary.Collection(
    index: APIEntry.body { session, call throws(HostFailure) in
      guard call.typeName(1) == "number", let number = call.integer(1) else {
        throw HostFailure(session.unknownMember(call))
      }
      guard number >= 1 else { return call.pushNil() }
      try session.pushPacket(Int(clamping: number), try session.sequence(call), withKey: false, call)
    },
    enumerate: APIEntry.body { session, call throws(HostFailure) in
      try session.pushPacket(Int(call.integer(1) ?? 0) + 1, try session.sequence(call), withKey: true, call)
    },
    describe: APIEntry.body { session, call throws(HostFailure) in call.push(try session.sequence(call).title) })
}

extension Session {
  fileprivate func unknownMember(_ call: HostCall) -> String {
    let name = call.string(1) ?? ""
    let known = APIEntry.session.filter { $0.owner == .type(.packets) }.map(\.name)
    let near = Nearest.name(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
    return "no field '\(LuaText.escaped(Array(name.utf8.prefix(60)), quotes: false))' in packets" + near
  }

  /// The packet at a position from 1, or nothing. Goes on from the last one where that is nearer.
  fileprivate func pushPacket(
    _ position: Int, _ sequence: PacketSequence, withKey: Bool, _ call: HostCall
  ) throws(HostFailure) {
    var cursor = try start(for: position, sequence)
    sequence.cursor = nil  // until it stands at a packet again
    let type = context.types.record(.packet)
    var isFound = false
    let run = ScanRun(self, cursor.scan) { scan, _ throws(HostFailure) in
      cursor.position += 1
      isFound = cursor.position == position
      return isFound ? .stop : .next
    } finish: { call throws(HostFailure) in
      guard isFound else {
        if !withKey { call.pushNil() }
        return
      }
      sequence.cursor = cursor
      if withKey { call.push(Int64(position)) }
      cursor.scan.copy.push(to: call, type)
    }
    try run.begin(call)
  }

  private func start(for position: Int, _ sequence: PacketSequence) throws(HostFailure) -> PacketSequence.Cursor {
    let known = sequence.cursor.flatMap { $0.position < position ? $0 : nil }
    if sequence.stages.isEmpty, sequence.captures.count == 1,
      let bookmark = sequence.captures[0].bookmark(before: UInt64(position - 1)),
      Int(bookmark.frameCount) > known?.position ?? 0
    {
      let scan = scan(sequence)
      try scan.start(at: UInt64(position - 1))
      return PacketSequence.Cursor(scan: scan, position: Int(scan.number))
    }
    return known ?? PacketSequence.Cursor(scan: scan(sequence), position: 0)
  }
}
