import Capture
import DataPath
import Foundation
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
  private let source: any FrameSource
  private let output: Output?
  private var sink: CaptureFileSink?
  private var problems: [Problem] = []

  /// - Parameter hangup: where SIGHUP is heard, see `Hangup`.
  init(_ input: InputOptions, _ traffic: TrafficOptions, output: Output?, hangup: Int32) throws {
    self.output = output
    let configuration = try Configuration(input, traffic)
    configuration.warnings.complain()
    let captures = try traffic.captures()
    engine = try Engine(configuration, input, traffic, hangup: hangup) { plan in
      if let output { try Self.refuseOverwriting(captures, output, plan) }
    }
    source = try Captures.open(traffic)
  }

  func carryOut() throws -> Outcome {
    let start = ContinuousClock.now
    do {
      try judgeAll()
      try sink?.finish()
    } catch let error as CaptureError {
      sink?.abandon()
      throw Problem(error)
    }
    let seconds = (ContinuousClock.now - start).seconds
    let configuration = engine.configuration
    let summary = Summary(
      plan: configuration.plan, report: try engine.pipeline.report(), seconds: seconds, states: configuration.states,
      metrics: configuration.metrics, failures: configuration.failures, scripts: configuration.scripts,
      reloads: engine.reloads, isInterrupted: Interrupt.isRequested)
    configuration.finishLogs()
    problems += configuration.scriptProblems
    return Outcome(summary: summary, problems: problems, ending: ending)
  }

  private var ending: Ending {
    if Interrupt.isRequested { return .interrupted }
    return problems.filter { !$0.isWarning }.map(\.exit).max { $0.rawValue < $1.rawValue } ?? .ok
  }

  private func judgeAll() throws {
    let batch = FrameBatch()
    var progress = Progress()
    defer {
      engine.stop()
      progress.clear()
    }
    while !Interrupt.isRequested {
      do {
        guard try source.fill(batch) else { break }
      } catch let error as CaptureError {
        problems.append(Problem(error))
        break
      }
      if output != nil, sink == nil { sink = try openSink() }
      try engine.process(batch, interfaces: source.interfaces, sink: sink)
      let (consumed, total) = source.progress
      progress.update(packets: engine.pipeline.records.packets, consumed: consumed, total: total)
    }
    if output != nil, sink == nil { sink = try openSink() }
    problems += Captures.failures(of: source).map(Problem.init)
  }

  /// A capture that is read and written would be gone when the run fails, and wrong when it does not.
  private static func refuseOverwriting(_ captures: [String], _ output: Output, _ plan: MirrorPlan) throws {
    let folder = URL(filePath: output.folder).resolvingSymlinksInPath()
    let names = Set(plan.sinkPlan.routes.map { $0.fileStem + "." + output.format.rawValue })
    for capture in captures where capture != "-" {
      let file = URL(filePath: capture).resolvingSymlinksInPath()
      guard file.deletingLastPathComponent().path == folder.path, names.contains(file.lastPathComponent) else {
        continue
      }
      throw Problem(
        place: capture, code: "capture.output", sentence: "would be replaced while it is read",
        hint: "write into another folder than \(output.folder)")
    }
  }

  /// Opened with the first frames: a pcap file holds one link type, that of the capture.
  private func openSink() throws -> CaptureFileSink? {
    guard let output else { return nil }
    let linkType = source.interfaces.first?.linkType ?? .ethernet
    return try CaptureFileSink(
      folder: output.folder, plan: engine.configuration.plan.sinkPlan,
      options: CaptureFileOptions(format: output.format, content: output.content, linkType: linkType))
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
