import Capture
import DataPath
import LuaRuntime
import Mirroring
import Policy
import Wire

/// One walk through a sequence. When a script must be asked, the walk stops and goes on with its answer: the host may not
/// call into Lua itself.
final class PacketScan {
  enum Event {
    /// `frame` and what belongs to it is the next packet.
    case found
    /// The function must be asked about the packet at hand; go on with `resume`.
    case ask(LuaFunctionReference)
    case end
  }

  private let captures: [IndexedCapture]
  private var stages: [PacketSequence.Stage]
  private let functions: (ScriptFunction) -> LuaFunctionReference?
  /// ENIs by the names of interfaces.
  private let enis: [String: Int]
  /// By stage: packets that a `take` let through.
  private var taken: [Int]
  /// Position among the sequence's captures.
  private(set) var capture = -1
  private var source: CaptureFileSource?
  private let batch = FrameBatch()
  private var position = 0
  /// Where the asked function stands.
  private var asked: (stage: Int, operation: Int?) = (0, nil)
  private(set) var damage: [CaptureError] = []

  /// Frames read so far, of those before the first one too.
  private(set) var number: UInt64 = 0
  private(set) var frame: Frame!
  private(set) var interface: CaptureInterface!
  /// The ENI that the capture names as its interface.
  private var eni: Int?
  /// What `interface` and `eni` were found for.
  private var bound: (capture: Int, interface: UInt32) = (-1, 0)
  private(set) var summary = PacketSummary()

  /// - Parameters:
  ///   - enis: by the names of interfaces.
  ///   - functions: the script's function behind a part of a filter.
  init(
    _ sequence: PacketSequence, enis: [String: Int], functions: @escaping (ScriptFunction) -> LuaFunctionReference?
  ) {
    captures = sequence.captures
    stages = sequence.stages
    self.enis = enis
    self.functions = functions
    taken = Array(repeating: 0, count: sequence.stages.count)
  }

  /// Begins at the frame `first`, from 0, of the one capture; only for sequences without stages.
  func start(at first: UInt64) throws(HostFailure) {
    precondition(captures.count == 1 && stages.isEmpty)
    let source = try captures[0].source(near: first)
    self.source = source
    capture = 0
    number = source.bookmark?.frameCount ?? 0
    while number < first, try nextFrame() {}
  }

  /// For a progress bar.
  var progress: (consumed: UInt64, total: UInt64?) { source?.progress ?? (0, nil) }

  func next() throws(HostFailure) -> Event {
    for (index, stage) in stages.enumerated() {
      if case .take(let limit) = stage, taken[index] >= limit { return .end }
    }
    while try nextFrame() {
      if let event = test(from: 0) { return event }
    }
    return .end
  }

  func resume(_ answer: Bool) throws(HostFailure) -> Event {
    guard let operation = asked.operation else {
      if answer, let event = test(from: asked.stage + 1) { return event }
      return try next()
    }
    guard case .filter(var filter) = stages[asked.stage] else { return try next() }
    let outcome = filter.resume(at: operation, with: answer, frame, summary, interface.linkType)
    stages[asked.stage] = .filter(filter)
    if let event = go(on: outcome, stage: asked.stage) { return event }
    return try next()
  }

  /// A packet that lives as long as the script holds it.
  var copy: PacketCopy { PacketCopy(observed) }

  var observed: ObservedPacket {
    unsafe ObservedPacket(
      bytes: frame.bytes, captured: Int(frame.captured), original: Int(frame.original), time: frame.time,
      decoder: interface.linkType.decoder ?? .none, summary: summary, vpc: -1, eni: eni, subnet: -1, isOutbound: false,
      flow: ObservedPacket.Flow(id: 0, packets: 0, bytes: 0, firstSeen: frame.time))
  }

  // MARK: Tests

  /// nil: the packet did not pass.
  private func test(from first: Int) -> Event? {
    for index in first..<stages.count {
      switch stages[index] {
      case .take(let limit):
        guard taken[index] < limit else { return .end }
        taken[index] += 1
      case .function(let function):
        asked = (index, nil)
        return .ask(function)
      case .filter(var filter):
        let outcome = filter.answer(frame, summary, interface.linkType)
        stages[index] = .filter(filter)
        if case .yes = outcome { continue }
        return go(on: outcome, stage: index)
      }
    }
    return .found
  }

  private func go(on outcome: FrameFilter.Answer, stage: Int) -> Event? {
    switch outcome {
    case .yes: return test(from: stage + 1)
    case .no: return nil
    case .ask(let script, let operation):
      guard let function = functions(script) else { return nil }
      asked = (stage, operation)
      return .ask(function)
    }
  }

  // MARK: Frames

  private func nextFrame() throws(HostFailure) -> Bool {
    while position >= batch.count {
      guard try fill() else { return false }
    }
    frame = unsafe batch.frames[position]
    position += 1
    number += 1
    if bound.capture != capture || bound.interface != frame.interface { bind() }
    summary =
      interface.linkType.decoder.map {
        unsafe PacketSummary.parse(frame.bytes, captured: Int(frame.captured), decoder: $0)
      } ?? PacketSummary()
    return true
  }

  private func bind() {
    bound = (capture, frame.interface)
    interface = source!.interfaces[Int(frame.interface)]
    eni = interface.name.flatMap { enis[$0] }
  }

  /// The next batch, of the next capture if need be. Damage ends a capture; what comes before it counts.
  private func fill() throws(HostFailure) -> Bool {
    position = 0
    while true {
      if let source {
        do throws(CaptureError) {
          if try source.fill(batch) { return true }
        } catch {
          damage.append(error)
        }
      }
      batch.removeAll()
      guard capture + 1 < captures.count else { return false }
      capture += 1
      source = try captures[capture].source(near: 0)
    }
  }
}
