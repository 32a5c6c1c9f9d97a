import DataPath

/// Copies of frames, gathered until they are judged together: the scan they come from goes on meanwhile.
///
/// Safe because: `append` writes within the room's own memory, or says that there is no room; frames point into it and are
/// used before `removeAll`.
@safe final class FrameRoom {
  /// As much as four of the longest frames.
  static let batchSize = 1 << 20

  private let memory: UnsafeMutableRawBufferPointer
  private var used = 0
  private(set) var frames: [Frame] = []
  let mostFrames: Int
  /// What frames' `interface` counts.
  private(set) var interfaces: [CaptureInterface] = []
  private var last: (capture: Int, theirs: UInt32, ours: Int)?

  init(bytes: Int, frames: Int) {
    unsafe memory = .allocate(byteCount: bytes, alignment: 16)
    mostFrames = frames
  }

  deinit { unsafe memory.deallocate() }

  /// - Returns: false: there is no room for it.
  func append(_ scan: PacketScan) -> Bool {
    var frame: Frame = scan.frame
    let length = Int(frame.captured)
    guard frames.count < mostFrames, unsafe used + length <= memory.count, let base = unsafe memory.baseAddress else {
      return false
    }
    unsafe (base + used).copyMemory(from: frame.bytes, byteCount: length)
    unsafe frame.bytes = UnsafeRawPointer(base + used)
    frame.interface = UInt32(interface(scan))
    frames.append(frame)
    used += (length + 15) / 16 * 16
    return true
  }

  func removeAll() {
    frames.removeAll(keepingCapacity: true)
    used = 0
  }

  private func interface(_ scan: PacketScan) -> Int {
    if let last, last.capture == scan.capture, last.theirs == scan.frame.interface { return last.ours }
    let wanted: CaptureInterface = scan.interface
    let ours = interfaces.firstIndex(of: wanted) ?? interfaces.count
    if ours == interfaces.count { interfaces.append(wanted) }
    last = (scan.capture, scan.frame.interface, ours)
    return ours
  }
}
