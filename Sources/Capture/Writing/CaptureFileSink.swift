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

  let plan: SinkPlan
  let options: CaptureFileOptions
  private let folder: OutputFolder
  let files: [OutputFile]
  /// For each route: its file.
  let fileOfRoute: [Int]
  let receiverMACs: [MACAddress]
  let buffers: OutputBuffers
  let channels = CopyChannels()
  let packetOptions: PacketOptions
  /// Per file: what has been said in it.
  var headings: [FileHeading]
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
    do throws(CaptureError) {
      (files, fileOfRoute) = try Self.openFiles(folder, plan, options)
    } catch {
      folder.discard()
      throw error
    }
    self.folder = folder
    receiverMACs = Self.receiverMACs(plan)
    buffers = OutputBuffers(files)
    packetOptions = PacketOptions(plan.routes.map(\.mirrorName))
    headings = files.map { _ in FileHeading() }
  }

  deinit { abandon() }

  /// The files, each once, in the order of their routes.
  public var paths: [String] { files.map(\.path) }

  /// Several mirrors may have a receiver in common: it has one file.
  private static func openFiles(
    _ folder: OutputFolder, _ plan: SinkPlan, _ options: CaptureFileOptions
  ) throws(CaptureError) -> ([OutputFile], [Int]) {
    var files: [OutputFile] = []
    var fileOfRoute: [Int] = []
    var known: [String: Int] = [:]
    for route in plan.routes {
      let path = folder.file(route.fileStem, options.format == .pcap ? ".pcap" : ".pcapng")
      if known[path] == nil {
        known[path] = files.count
        files.append(try OutputFile(path: path, inputs: options.inputs))
      }
      fileOfRoute.append(known[path]!)
    }
    return (files, fileOfRoute)
  }

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

  private func check() throws(CaptureError) {
    if let failure { throw failure }
    precondition(!isOver, "the sink is finished or abandoned")
  }

  /// Writes what is left and gives every file its final name, once all are whole.
  public func finish() throws(CaptureError) {
    try check()
    do throws(CaptureError) {
      for file in files.indices {
        try beginIfEmpty(file)
        try buffers.drainAll(file)
        try files[file].settle()
      }
      for file in files { try file.publish() }
      isOver = true
    } catch {
      throw fail(error)
    }
  }

  /// Leaves nothing: no file of this run stays, files of earlier runs stay as they were.
  public func abandon() {
    guard !isOver else { return }
    isOver = true
    for file in files { file.discard() }
    folder.discard()
  }

  private func fail(_ error: CaptureError) -> CaptureError {
    failure = error
    abandon()
    return error
  }
}
