import DataPath
import Wire

/// The files of a run, one for each receiver that any plan of the run had.
struct ReceiverFiles {
  /// Several mirrors of a VPC may have a receiver in common.
  private struct Receiver: Hashable {
    var vpc: String
    var address: IPAddress
  }

  private let suffix: String
  private let inputs: Set<FileIdentity>
  private(set) var all: [OutputFile] = []
  private var positions: [Receiver: Int] = [:]

  init(_ options: CaptureFileOptions) {
    suffix = Self.suffix(options.format)
    inputs = options.inputs
  }

  private static func suffix(_ format: CaptureFileOptions.Format) -> String { format == .pcap ? ".pcap" : ".pcapng" }

  /// Throws when a receiver's file is one of those that are being read.
  static func refuse(
    _ plan: SinkPlan, writingOver inputs: Set<FileIdentity>, folder: String, format: CaptureFileOptions.Format
  ) throws(CaptureError) {
    for route in plan.routes {
      let path = OutputFolder.file(route.fileStem, suffix(format), in: folder)
      try OutputFile.refuse(FileIdentity(path: path), among: inputs, name: path)
    }
  }

  /// Opens the files of receivers that have none.
  ///
  /// - Returns: the position of each route's file.
  /// - Throws: when one cannot be opened: those that were opened in this call are gone.
  mutating func open(_ routes: [SinkPlan.Route], in folder: OutputFolder) throws(CaptureError) -> [Int] {
    let before = (all.count, positions)
    do throws(CaptureError) {
      var found: [Int] = []
      for route in routes { found.append(try position(of: route, folder)) }
      return found
    } catch {
      for file in all[before.0...] { file.discard() }
      all.removeSubrange(before.0...)
      positions = before.1
      throw error
    }
  }

  private mutating func position(of route: SinkPlan.Route, _ folder: OutputFolder) throws(CaptureError) -> Int {
    let receiver = Receiver(vpc: route.vpc, address: route.receiver)
    if let known = positions[receiver] { return known }
    var path = folder.file(route.fileStem, suffix)
    // A stem is unique in its plan; an earlier plan may have given it to another VPC's receiver.
    if isTaken(path) { path = folder.file(route.vpc + "_" + route.fileStem, suffix) }
    all.append(try OutputFile(path: path, inputs: inputs))
    positions[receiver] = all.count - 1
    return all.count - 1
  }

  private func isTaken(_ path: String) -> Bool { all.contains { $0.path == path } }
}
