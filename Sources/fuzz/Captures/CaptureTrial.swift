import Capture
import DataPath
import Foundation
import Wire

/// One input: read, parsed, judged, written and read again.
struct CaptureTrial {
  enum Answer: String, CaseIterable { case whole, damaged, refused }

  let plan: FuzzPlan
  /// A folder for what is written.
  let folder: String

  /// - Parameter number: chooses whether and how captures are written.
  func run(path: String, number: Int) throws -> (answer: Answer, packets: UInt64) {
    let source: CaptureFileSource
    do throws(CaptureError) {
      source = try CaptureFileSource(path: path)
    } catch {
      return (.refused, 0)
    }
    let pipeline = try plan.makePipeline()
    let sink = number % 8 == 0 ? try makeSink(number / 8) : nil
    let answer: Answer
    do {
      answer = try judgeAll(source, pipeline, sink)
      try sink?.finish()
    } catch CaptureError.mixedLinkTypes {
      sink?.abandon()
      try checkFolder(expected: nil)
      return (.refused, pipeline.records.packets)
    }
    let report = try pipeline.report()
    if sink != nil {
      try checkFolder(expected: report.mirrors.flatMap(\.receivers).reduce(0) { $0 + $1.delivered.packets })
    }
    return (answer, report.records.packets)
  }

  private func makeSink(_ number: Int) throws -> CaptureFileSink {
    try CaptureFileSink(
      folder: folder, plan: plan.plan.sinkPlan,
      options: CaptureFileOptions(
        format: number % 3 == 0 ? .pcap : .pcapng, content: number % 2 == 0 ? .encapsulated : .inner,
        linkType: .ethernet))
  }

  private func judgeAll(_ source: CaptureFileSource, _ pipeline: Pipeline, _ sink: CaptureFileSink?) throws -> Answer {
    let batch = FrameBatch()
    let exact = ExactFrames()
    while true {
      do throws(CaptureError) {
        guard try source.fill(batch) else { return .whole }
      } catch {
        guard error.isDamage else { throw Fault(description: "reading midway: \(error)") }
        return .damaged
      }
      guard batch.count > 0 else { throw Fault(description: "an empty batch that is not the end") }
      try exact.copy(batch, interfaces: source.interfaces.count)
      for index in 0..<batch.count { try parse(unsafe batch.frames[index], source.interfaces) }
      try pipeline.process(batch, interfaces: source.interfaces, sink: sink)
    }
  }

  /// The packet, what its link carries, and the packets inside it, as deep as they go.
  private func parse(_ frame: Frame, _ interfaces: [CaptureInterface]) throws {
    var decoder = interfaces[Int(frame.interface)].linkType.decoder ?? .none
    var bytes = unsafe frame.bytes
    var count = Int(frame.captured)
    _ = unsafe LinkPayload.parse(bytes, captured: count, decoder: decoder)
    for _ in 0..<64 {
      let summary = unsafe PacketSummary.parse(bytes, captured: count, decoder: decoder)
      guard summary.networkOffset <= summary.transportOffset, summary.transportOffset <= summary.packetEnd,
        Int(summary.packetEnd) <= count
      else { throw Fault(description: "offsets out of order: \(summary)") }
      guard let inner = unsafe summary.inner(bytes) else { return }
      guard inner.offset < inner.end, inner.end <= count else { throw Fault(description: "an inner packet outside") }
      unsafe bytes += inner.offset
      count = inner.end - inner.offset
      decoder = inner.decoder
    }
  }

  /// Every capture under its final name is whole and has the packets that were counted; nothing else is left.
  private func checkFolder(expected: UInt64?) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    var packets: UInt64 = 0
    for name in names {
      guard name.hasSuffix(".pcap") || name.hasSuffix(".pcapng") else { throw Fault(description: "left over: \(name)") }
      let path = folder + "/" + name
      do throws(CaptureError) {
        let written = try CaptureFileSource(path: path)
        let batch = FrameBatch()
        while try written.fill(batch) { packets += UInt64(batch.count) }
      } catch {
        throw Fault(description: "written and not readable: \(error)")
      }
      try FileManager.default.removeItem(atPath: path)
    }
    if let expected, packets != expected { throw Fault(description: "wrote \(packets), counted \(expected) copies") }
  }
}

/// Gives every frame of a batch memory of its own, of its exact length: AddressSanitizer notices one byte too many.
///
/// Safe because: the memory of a batch lives until the next one is copied, as long as the batch is used.
@safe final class ExactFrames {
  private var blocks: [UnsafeMutableRawPointer] = unsafe []

  deinit { free() }

  func copy(_ batch: FrameBatch, interfaces: Int) throws(Fault) {
    free()
    for index in 0..<batch.count {
      let frame = unsafe batch.frames[index]
      guard frame.captured <= 262_144, Int(frame.interface) < interfaces else {
        throw Fault(description: "frame of \(frame.captured) bytes at interface \(frame.interface)")
      }
      let block = UnsafeMutableRawPointer.allocate(byteCount: Int(frame.captured), alignment: 1)
      unsafe block.copyMemory(from: frame.bytes, byteCount: Int(frame.captured))
      unsafe blocks.append(block)
      unsafe batch.frames[index].bytes = UnsafeRawPointer(block)
    }
  }

  private func free() {
    while let block = unsafe blocks.popLast() { unsafe block.deallocate() }
  }
}
