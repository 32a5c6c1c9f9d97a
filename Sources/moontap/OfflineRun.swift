import Capture
import DataPath
import Mirroring
import Wire

/// The main job, offline: captures in, one capture per receiver out.
final class OfflineRun {
  struct Output {
    var folder: String
    var format: CaptureFileOptions.Format
    var content: CaptureFileOptions.Content
  }

  /// What came of it. Problems are those after which the run went on.
  struct Outcome {
    var summary: Summary
    var problems: [Problem]
    var ending: Ending
  }

  private let engine: Engine
  private let door: ControlDoor
  private let waiting = Waiting()
  private let traffic: TrafficOptions
  private let output: Output?
  private let inputs: Set<FileIdentity>
  private var sink: CaptureFileSink?
  private var problems: [Problem] = []

  /// - Parameter hangup: where SIGHUP is heard, see `Hangup`.
  init(
    _ input: InputOptions, _ traffic: TrafficOptions, output: Output?, control: ControlOptions, hangup: Int32
  ) throws {
    self.output = output
    door = try control.open(isDefault: false)
    let configuration = try Configuration(input, traffic, changesStore: true)
    configuration.warnings.complain()
    inputs = Set(try traffic.recorded.captures().compactMap(FileIdentity.init(capture:)))
    let inputs = inputs
    engine = try Engine(configuration, input, traffic, hangup: hangup) { plan in
      if let output { try Self.refuseOverwriting(inputs, output, plan) }
    }
    self.traffic = traffic
    waiting.pass = { [unowned self] in engine.carryOutRequests(sink) }
  }

  /// What the source calls while a pipe has nothing to give, on the engine's thread.
  ///
  /// Safe because: the source is asked by the engine only.
  private final class Waiting: @unchecked Sendable {
    var pass: () -> Void = {}
  }

  func carryOut() throws -> Outcome { try door.whileOpen(to: engine, isLive: false) { try judge() } }

  private func judge() throws -> Outcome {
    let waiting = waiting
    // A pipe may be silent for long before its first byte: who asks is answered meanwhile.
    let source = try Captures.open(traffic) { waiting.pass() }
    engine.begin()
    do {
      try judgeAll(source)
      try sink?.finish()
    } catch let error as CaptureError {
      sink?.abandon()
      throw Problem(error)
    }
    let configuration = engine.configuration
    let summary = try engine.summary(isInterrupted: Interrupt.isRequested, files: sink?.paths ?? [])
    configuration.finishLogs()
    problems += configuration.scriptProblems + (configuration.desk?.problems ?? [])
    if let sink, let output { problems += leftovers(in: output, besides: sink.paths) }
    return Outcome(summary: summary, problems: problems, ending: ending)
  }

  private var ending: Ending {
    if Interrupt.isRequested { return Interrupt.ending }
    return problems.filter { !$0.isWarning }.map(\.exit).max { $0.rawValue < $1.rawValue } ?? .ok
  }

  private func judgeAll(_ source: any FrameSource) throws {
    let batch = FrameBatch()
    var progress = Progress()
    defer {
      engine.stop(sink)
      progress.clear()
    }
    while !Interrupt.isRequested {
      do {
        guard try source.fill(batch) else { break }
      } catch let error as CaptureError {
        problems.append(Problem(error))
        break
      }
      if output != nil, sink == nil { sink = try openSink(source) }
      try engine.process(batch, interfaces: source.interfaces, sink: sink)
      let (consumed, total) = source.progress
      progress.update(packets: engine.pipeline.records.packets, consumed: consumed, total: total)
    }
    if output != nil, sink == nil { sink = try openSink(source) }
    problems += Captures.failures(of: source).map(Problem.init)
  }

  /// Before a capture is opened; the sink looks again when it opens its files.
  private static func refuseOverwriting(_ inputs: Set<FileIdentity>, _ output: Output, _ plan: MirrorPlan) throws {
    do throws(CaptureError) {
      try CaptureFileSink.refuse(plan.sinkPlan, writingOver: inputs, folder: output.folder, format: output.format)
    } catch {
      throw Problem(error)
    }
  }

  /// Captures of earlier runs stay: a folder may gather several runs. That they are not of this one must be seen.
  private func leftovers(in output: Output, besides written: [String]) -> [Problem] {
    let own = Set(written.map { $0.split(separator: "/").last.map(String.init) ?? $0 })
    let others = OutputFolder.captures(in: output.folder).filter { name in
      let isInput = FileIdentity(capture: output.folder + "/" + name).map(inputs.contains) ?? false
      return !own.contains(name) && !isInput
    }
    guard let first = others.first else { return [] }
    let what =
      others.count > 1
      ? "\(first) and \(others.count - 1) more are not of this run, and were" : "\(first) is not of this run, and was"
    return [
      Problem(
        place: output.folder, code: "capture.leftover",
        sentence: "\(what) left alone",
        hint: "write each run into a folder of its own", isWarning: true)
    ]
  }

  /// Opened with the first frames: a pcap file holds one link type, that of the capture.
  private func openSink(_ source: any FrameSource) throws -> CaptureFileSink? {
    guard let output else { return nil }
    let linkType = source.interfaces.first?.linkType ?? .ethernet
    return try CaptureFileSink(
      folder: output.folder, plan: engine.configuration.plan.sinkPlan,
      options: CaptureFileOptions(
        format: output.format, content: output.content, linkType: linkType, inputs: inputs))
  }
}

extension Problem {
  /// Damage midway means that something could not be evaluated; everything else is bad input.
  init(_ error: CaptureError) {
    self.init(
      code: error.code, sentence: error.description, exit: error.isDamage || error.isOutput ? .failed : .badInput)
  }
}

extension CaptureError {
  var code: String {
    switch self {
    case .damaged: "capture.damaged"
    case .outputFolder, .write, .mixedLinkTypes: "capture.output"
    case .filterSyntax: "filter.bpf"
    case .unsupportedLinkType: "capture.link-type"
    case .unreadable, .isFolder, .empty, .notCapture, .badHeader: "capture.unreadable"
    }
  }

  /// The output could not be written: the run has no whole result.
  var isOutput: Bool {
    switch self {
    case .write, .mixedLinkTypes: true
    default: false
    }
  }
}
