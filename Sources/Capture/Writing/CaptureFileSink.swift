public import DataPath
import Wire

/// Writes one capture per receiver into a folder.
///
/// The way of a copy: find the channel (what mirror, receiver, ENI and link type have in common), write the record into
/// the buffer of the receiver's file, and the buffer to the file when it is full. Records are the work of
/// `CaptureFileSink+Records.swift`, channels of `CaptureFileSink+Channels.swift`.
///
/// 1. A file gets its final name in `finish` only, once all files are whole.
/// 2. After an error nothing of this run is left, and every later call throws the same error.
public final class CaptureFileSink: FrameSink {
  public typealias Failure = CaptureError

  var plan: SinkPlan
  let options: CaptureFileOptions
  let folder: OutputFolder
  /// Those of receivers that a later plan does not have stay until the end.
  var files: ReceiverFiles
  /// For each route: its file.
  var fileOfRoute: [Int]
  var receiverMACs: [MACAddress]
  let buffers: OutputBuffers
  let channels = CopyChannels()
  var packetOptions: PacketOptions
  /// Per file: what has been said in it.
  var headings: [FileHeading]
  /// Packets of channels that an earlier plan had, by the key of their successors; taken up when those are made.
  var sequences: [UInt64: UInt32] = [:]
  /// The link type of each interface of the source.
  var linkTypes: [LinkType] = []
  private var failure: CaptureError?
  private var isOver = false

  /// Opens a file for every receiver of the plan.
  ///
  /// - Parameter folder: made when it is missing and the folder above it is there.
  public init(folder: String, plan: SinkPlan, options: CaptureFileOptions) throws(CaptureError) {
    precondition(plan.routes.count < 1 << 24 && plan.origins.count < 1 << 24)
    self.plan = plan
    self.options = options
    let folder = try OutputFolder(folder)
    files = ReceiverFiles(options)
    do throws(CaptureError) {
      fileOfRoute = try files.open(plan.routes, in: folder)
    } catch {
      folder.discard()
      throw error
    }
    self.folder = folder
    receiverMACs = Self.receiverMACs(plan)
    buffers = OutputBuffers(files.all)
    packetOptions = PacketOptions(plan.routes.map(\.mirrorName))
    headings = files.all.map { _ in FileHeading() }
  }

  /// For a plan that is not in force yet: throws when a file of it is one of those that are being read.
  public static func refuse(
    _ plan: SinkPlan, writingOver inputs: Set<FileIdentity>, folder: String, format: CaptureFileOptions.Format
  ) throws(CaptureError) {
    try ReceiverFiles.refuse(plan, writingOver: inputs, folder: folder, format: format)
  }

  deinit { abandon() }

  /// The files, each once, in the order in which they were opened.
  public var paths: [String] { files.all.map(\.path) }

  public func deliver(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) throws(CaptureError) {
    try check()
    while linkTypes.count < interfaces.count { linkTypes.append(interfaces[linkTypes.count].linkType) }
    do throws(CaptureError) {
      let batch = unsafe CopyBatch(copies: copies, count: count, frames: frames)
      switch (options.format, options.content) {
      case (.pcap, .inner): try append(batch, isPcapng: false, wraps: false, drop)
      case (.pcap, .encapsulated): try append(batch, isPcapng: false, wraps: true, drop)
      case (.pcapng, .inner): try append(batch, isPcapng: true, wraps: false, drop)
      case (.pcapng, .encapsulated): try append(batch, isPcapng: true, wraps: true, drop)
      }
    } catch {
      throw fail(error)
    }
  }

  func check() throws(CaptureError) {
    if let failure { throw failure }
    precondition(!isOver, "the sink is finished or abandoned")
  }

  /// Writes what is left and gives every file its final name, once all are whole.
  public func finish() throws(CaptureError) {
    try check()
    do throws(CaptureError) {
      for file in files.all.indices {
        try beginIfEmpty(file)
        try buffers.drainAll(file)
        try files.all[file].settle()
      }
      for file in files.all { try file.publish() }
      isOver = true
    } catch {
      throw fail(error)
    }
  }

  /// Leaves nothing: no file of this run stays, files of earlier runs stay as they were.
  public func abandon() {
    guard !isOver else { return }
    isOver = true
    for file in files.all { file.discard() }
    folder.discard()
  }

  private func fail(_ error: CaptureError) -> CaptureError {
    failure = error
    abandon()
    return error
  }
}
