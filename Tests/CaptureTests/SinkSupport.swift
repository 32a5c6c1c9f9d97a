import Capture
import DataPath
import Foundation
import Mirroring
import Testing
import Wire

/// Plans for tests of the sink.
enum Plans {
  static let v4 = IPAddress("10.20.9.10")!
  static let v6 = IPAddress("2001:db8:20:9::10")!
  static let enis = [
    SinkPlan.Origin(
      name: "eni-web1", mac: MACAddress("02:00:0a:14:01:0b"), v4: IPAddress("10.20.1.11"),
      v6: IPAddress("2001:db8:20:1::11")),
    SinkPlan.Origin(name: "subnet-web (unlisted)", mac: nil, v4: nil, v6: nil),
  ]

  static func route(
    _ receiver: IPAddress, _ kind: Encapsulation.Kind = .vxlan, mirror: String = "web-to-ids", vni: UInt32 = 7
  ) -> SinkPlan.Route {
    SinkPlan.Route(
      mirrorName: mirror, receiver: receiver, encapsulation: Encapsulation(kind: kind, vni: vni),
      fileStem: receiver.description.replacing(":", with: "-"))
  }

  static func one(_ receiver: IPAddress = v4, _ kind: Encapsulation.Kind = .vxlan) -> SinkPlan {
    SinkPlan(routes: [route(receiver, kind)], origins: enis)
  }
}

/// A frame that a test makes up, and what is to be done with it.
struct MadeCopy {
  var frame: OwnedFrame
  var route = 0
  var origin = 0
  var isOutbound = true
}

/// Gives copies to a sink in batches of at most 128.
///
/// - Returns: what the sink dropped, by the position in `copies`.
@discardableResult
func deliver(
  _ copies: [MadeCopy], to sink: CaptureFileSink, interfaces: [CaptureInterface]
) throws(CaptureError) -> [Int: DeliveryDrop] {
  var drops: [Int: DeliveryDrop] = [:]
  for start in stride(from: 0, to: copies.count, by: FrameBatch.capacity) {
    let batch = MadeBatch(copies[start..<min(copies.count, start + FrameBatch.capacity)])
    try unsafe sink.deliver(batch.copies, count: batch.copies.count, frames: batch.frames, interfaces: interfaces) {
      drops[start + $0] = $1
    }
  }
  return drops
}

/// Copies in memory of their own.
@safe final class MadeBatch {
  private let memory: UnsafeMutableRawPointer
  let frames: UnsafeMutablePointer<Frame>
  private(set) var copies: [Copy] = []

  init(_ made: ArraySlice<MadeCopy>) {
    unsafe memory = .allocate(byteCount: made.map(\.frame.bytes.count).reduce(1, +), alignment: 1)
    unsafe frames = .allocate(capacity: max(1, made.count))
    var used = 0
    for (position, copy) in made.enumerated() {
      let bytes = copy.frame.bytes
      unsafe (memory + used).copyMemory(from: bytes, byteCount: bytes.count)
      unsafe (frames + position).initialize(
        to: Frame(
          bytes: memory + used, time: copy.frame.time, captured: UInt32(bytes.count), original: copy.frame.original,
          interface: copy.frame.interface, direction: copy.frame.direction))
      copies.append(
        Copy(
          frame: UInt32(position), route: UInt32(copy.route), origin: UInt32(copy.origin),
          isOutbound: copy.isOutbound, sourcePort: 49152 + UInt16(position)))
      used += bytes.count
    }
  }

  deinit {
    unsafe memory.deallocate()
    unsafe frames.deallocate()
  }
}

/// Every frame of a capture as a copy, from alternating ENIs and in alternating directions.
func copies(of reading: Reading, route: (Int) -> Int = { _ in 0 }) -> [MadeCopy] {
  reading.frames.enumerated().map { index, frame in
    MadeCopy(frame: frame, route: route(index), origin: index % 2, isOutbound: index % 3 != 0)
  }
}

/// Ethernet frames of the given lengths, one nanosecond apart, that carry an experimental EtherType.
func madeFrames(_ lengths: [Int]) -> [OwnedFrame] {
  lengths.enumerated().map { index, length in
    let header: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]
    let bytes = Array(
      (header + (0..<max(0, length - 14)).map { UInt8(truncatingIfNeeded: $0 &+ index) }).prefix(length))
    return OwnedFrame(
      bytes: bytes, time: 1_700_000_000_000_000_000 + Int64(index), original: UInt32(length), interface: 0)
  }
}

let ethernet = [CaptureInterface(linkType: .ethernet, name: nil, origin: "made")]
