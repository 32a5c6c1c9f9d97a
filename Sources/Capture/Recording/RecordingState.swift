// What a recording's lock guards. The way of a copy: rotation, if the file in use is full or old -> a buffer with room -> its
// block -> a buffer that is full, or half a second old, waits in the queue -> the writer takes it, and gives it back.
//
// 1. Of every copy `append` is told of, it is counted as taken or as lost, once.
// 2. A file begins with its section header, and describes an interface before its first packet: it stands by itself.
// 3. There are `bufferCount` buffers and no more.

import DataPath
import Wire

/// A moment by two clocks: of names, and of intervals; nanoseconds.
struct RecordingMoment {
  var wall: Int64
  var monotonic: Int64
}

struct RecordingState {
  /// What the writer is given, in order.
  enum Item {
    /// Blocks of the file in use; a new one, if there is none.
    case data(RecordingBuffer)
    /// The file in use is whole.
    case end
  }

  /// The file that takes packets.
  private struct File {
    var began: RecordingMoment
    var byteCount: UInt64 = 0
    /// By name and link type; and the same by what copies say, as a shortcut.
    var named: [Interface: UInt32] = [:]
    var numbers: [UInt64: UInt32] = [:]
    var last: (key: UInt64, number: UInt32)?
  }

  private struct Interface: Hashable {
    var name: String
    var linkType: LinkType
  }

  /// How old a buffer may get before the writer takes it.
  static let flushInterval: Int64 = 500_000_000
  /// Of a section header, and of an interface's description, whose name is bounded.
  private static let headRoom = 2048
  /// A block is finished by words, which may reach beyond its end.
  private static let slack = 4

  private let options: RecordingOptions
  private var plan: SinkPlan
  private var packetOptions: PacketOptions
  private var file: File?
  private var current: RecordingBuffer?
  private var queue: [Item] = []
  private var free: [RecordingBuffer] = []
  private var made = 0
  /// Why nothing can be written now.
  var trouble: SystemFailure?
  var counts = RecordingReport.Counts()
  var inUse: String?
  /// No copies come any more.
  private(set) var isOver = false

  init(_ plan: SinkPlan, _ options: RecordingOptions) {
    precondition(options.fileByteCount >= RecordingOptions.smallestFile && options.bufferCount > 0)
    self.options = options
    self.plan = plan
    packetOptions = PacketOptions(plan.routes.map(\.mirrorName))
  }

  /// Copies index another plan from now on.
  mutating func adopt(_ plan: SinkPlan) {
    self.plan = plan
    packetOptions = PacketOptions(plan.routes.map(\.mirrorName))
    file?.numbers = [:]
    file?.last = nil
  }

  // MARK: The packet loop's side

  mutating func append(
    _ batch: CopyBatch, _ interfaces: [CaptureInterface], _ now: RecordingMoment, _ drop: (Int, RecordingLoss) -> Void
  ) {
    for position in 0..<batch.count {
      let copy = unsafe batch.copies[position]
      let frame = unsafe batch.frames[Int(copy.frame)]
      guard let loss = append(copy, frame, interfaces[Int(frame.interface)].linkType, now) else { continue }
      lose(1, loss)
      drop(position, loss)
    }
  }

  /// - Returns: why it was not taken.
  private mutating func append(_ copy: Copy, _ frame: Frame, _ linkType: LinkType, _ now: RecordingMoment)
    -> RecordingLoss?
  {
    guard frame.captured <= PcapFileHeader.maximumCapturedLength else { return .tooBig }
    let captured = Int(frame.captured)
    let packetOptions = unsafe packetOptions[Int(copy.route)]
    let count = WrittenBlock.byteCount(captured: captured, optionsByteCount: packetOptions.count)
    if isFull(count, now) { endFile() }
    guard let buffer = buffer(withRoom: count + Self.headRoom + Self.slack, now) else {
      return trouble?.loss ?? .queueFull
    }
    if file == nil { beginFile(in: buffer, now) }
    let interface = number(copy.origin, linkType, in: buffer)
    let block = unsafe buffer.base + buffer.used
    unsafe (block + WrittenBlock.headerByteCount).copyMemory(from: frame.bytes, byteCount: captured)
    _ = unsafe WrittenBlock.finish(
      block, captured, frame.original, frame.time, interface: interface, options: packetOptions.baseAddress!,
      packetOptions.count, isOutbound: copy.isOutbound)
    grow(buffer, by: count)
    counts.packets += 1
    counts.bytes += UInt64(captured)
    return nil
  }

  private func isFull(_ count: Int, _ now: RecordingMoment) -> Bool {
    guard let file else { return false }
    return file.byteCount + UInt64(count + Self.headRoom) > options.fileByteCount || isOld(now)
  }

  private func isOld(_ now: RecordingMoment) -> Bool {
    guard let file, let limit = options.fileNanoseconds else { return false }
    return now.monotonic - file.began.monotonic >= limit
  }

  /// - Returns: nil when no buffer is free.
  private mutating func buffer(withRoom count: Int, _ now: RecordingMoment) -> RecordingBuffer? {
    if let current, current.room >= count { return current }
    hand()
    if free.isEmpty, made < options.bufferCount {
      made += 1
      free.append(RecordingBuffer())
    }
    current = free.popLast()
    current?.since = now.monotonic
    // Of a file that goes on: the writer knows when it began.
    current?.fileBegan = file?.began.wall ?? now.wall
    return current
  }

  /// The buffer in use waits for the writer.
  private mutating func hand() {
    guard let current else { return }
    queue.append(.data(current))
    self.current = nil
  }

  private mutating func grow(_ buffer: RecordingBuffer, by count: Int) {
    buffer.used += count
    file?.byteCount += UInt64(count)
    counts.waiting += UInt64(count)
  }

  // MARK: Files

  private mutating func beginFile(in buffer: RecordingBuffer, _ now: RecordingMoment) {
    file = File(began: now)
    say(PcapngSectionHeader.emit(application: "Moontap"), in: buffer)
  }

  private mutating func endFile() {
    guard file != nil else { return }
    hand()
    queue.append(.end)
    file = nil
  }

  private mutating func say(_ head: [UInt8], in buffer: RecordingBuffer) {
    buffer.append(head)
    // `append` has counted them as used.
    file?.byteCount += UInt64(head.count)
    counts.waiting += UInt64(head.count)
  }

  /// The number of an ENI's interface in the file; described in it the first time.
  private mutating func number(_ origin: UInt32, _ linkType: LinkType, in buffer: RecordingBuffer) -> UInt32 {
    let key = UInt64(origin) << 16 | UInt64(linkType.rawValue)
    if let last = file?.last, last.key == key { return last.number }
    if let known = file?.numbers[key] {
      file?.last = (key, known)
      return known
    }
    let number = describe(plan.origins[Int(origin)].name, linkType, in: buffer)
    file?.numbers[key] = number
    return number
  }

  private mutating func describe(_ name: String, _ linkType: LinkType, in buffer: RecordingBuffer) -> UInt32 {
    let interface = Interface(name: name, linkType: linkType)
    if let known = file?.named[interface] { return known }
    let number = UInt32(file?.named.count ?? 0)
    file?.named[interface] = number
    say(
      PcapngInterface.emit(linkType: linkType, snapLength: PcapFileHeader.maximumCapturedLength, name: name), in: buffer
    )
    return number
  }

  // MARK: The writer's side

  /// There is something that `next` will give without waiting for its time.
  var hasMore: Bool { !queue.isEmpty }

  /// What is to be written now; nil: nothing yet.
  mutating func next(_ now: RecordingMoment) -> Item? {
    if isOld(now) { endFile() }
    if queue.isEmpty, let current, now.monotonic - current.since >= Self.flushInterval { hand() }
    return queue.isEmpty ? nil : queue.removeFirst()
  }

  mutating func giveBack(_ buffer: RecordingBuffer) {
    counts.waiting -= UInt64(buffer.used)
    buffer.used = 0
    free.append(buffer)
  }

  /// No copies come any more; the file in use ends.
  mutating func finish() {
    isOver = true
    endFile()
  }

  mutating func lose(_ packets: UInt64, _ loss: RecordingLoss) {
    counts.lost[RecordingLoss.allCases.firstIndex(of: loss)!] += packets
  }
}
