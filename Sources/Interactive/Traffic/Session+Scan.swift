import Capture
import DataPath
import Foundation
import LuaRuntime
import Mirroring
import Policy

/// What follows a packet that was found.
enum ScanStep {
  case next
  /// Enough.
  case stop
  /// Ask the script's function about this packet, then go on as `then` says.
  case ask(LuaFunctionReference, then: (HostCall) throws(HostFailure) -> ScanStep)
}

/// Walks through a sequence for one call of a script: native as far as it goes, else from one question to the next.
final class ScanRun {
  typealias Visit = (PacketScan, HostCall) throws(HostFailure) -> ScanStep

  private let session: Session
  let scan: PacketScan
  private let visit: Visit
  private let finish: HostFunction
  private var steps = 0

  init(_ session: Session, _ scan: PacketScan, visit: @escaping Visit, finish: @escaping HostFunction) {
    self.session = session
    self.scan = scan
    self.visit = visit
    self.finish = finish
  }

  func begin(_ call: HostCall) throws(HostFailure) { try go(on: try scan.next(), call) }

  private func go(on first: PacketScan.Event, _ call: HostCall) throws(HostFailure) {
    var event = first
    while true {
      steps += 1
      if steps & 1023 == 0 {
        if call.isInterrupted { return end() }
        session.progress(steps, scan.progress)
      }
      switch event {
      case .end:
        end()
        return try finish(call)
      case .ask(let function):
        return ask(function, call) { [self] answer throws(HostFailure) in
          guard answer.typeName(0) == "boolean", let passes = answer.boolean(0) else {
            throw HostFailure("a filter must return true or false, got \(Self.words(answer))")
          }
          try go(on: try scan.resume(passes), answer)
        }
      case .found:
        guard let following = try take(try visit(scan, call), call) else { return }
        event = following
      }
    }
  }

  /// nil: the run goes on elsewhere, or is over.
  private func take(_ step: ScanStep, _ call: HostCall) throws(HostFailure) -> PacketScan.Event? {
    switch step {
    case .next: return try scan.next()
    case .stop:
      end()
      try finish(call)
      return nil
    case .ask(let function, let then):
      ask(function, call) { [self] answer throws(HostFailure) in
        if let event = try take(try then(answer), answer) { try go(on: event, answer) }
      }
      return nil
    }
  }

  private func ask(_ function: LuaFunctionReference, _ call: HostCall, then body: @escaping HostFunction) {
    let type = session.context.types.record(.packet)
    call.next(function, pushing: { [scan] call in scan.copy.push(to: call, type) }, then: body)
  }

  private func end() { session.scanEnded(scan) }

  private static func words(_ call: HostCall) -> String {
    let name = call.typeName(0)
    return name == "nil" || name == "no value" ? "nil (forgotten return?)" : name
  }
}

extension Session {
  /// The sequence that a method was called on, or that it was given.
  func sequence(_ call: HostCall, _ position: Int = 0) throws(HostFailure) -> PacketSequence {
    guard let index = call.handle(position, of: context.types.handle(.packets)), sequences.indices.contains(index)
    else { throw HostFailure("packets expected") }
    return sequences[index]
  }

  func scan(_ sequence: PacketSequence) -> PacketScan {
    PacketScan(sequence, enis: capturingENIs) { [context] script in
      context.functions.indices.contains(script.function) ? context.functions[script.function].reference : nil
    }
  }

  /// Walks through all packets of the sequence that the call is about.
  func run(
    _ sequence: PacketSequence, _ call: HostCall, visit: @escaping ScanRun.Visit, finish: @escaping HostFunction
  ) throws(HostFailure) {
    try ScanRun(self, scan(sequence), visit: visit, finish: finish).begin(call)
  }

  func push(_ sequence: PacketSequence, _ call: HostCall) throws(HostFailure) {
    guard sequences.count < Self.mostSequences else {
      throw HostFailure("a session may make at most \(Self.mostSequences) sequences of packets")
    }
    sequences.append(sequence)
    call.push(LuaHandle(context.types.handle(.packets), sequences.count - 1))
  }

  private static let mostSequences = 1 << 16

  func progress(_ packets: Int, _ bytes: (consumed: UInt64, total: UInt64?)) {
    onProgress?(ScanProgress(packets: UInt64(packets), consumed: bytes.consumed, total: bytes.total))
  }

  /// Damage is said once a capture; the session's end tells of it again.
  func scanEnded(_ scan: PacketScan) {
    onProgress?(nil)
    for error in scan.damage where !damage.contains(error) {
      damage.append(error)
      output(style.paint("warning: \(error); what comes before is used", .error))
    }
  }
}

/// How far a walk is.
public struct ScanProgress: Sendable {
  public var packets: UInt64
  public var consumed: UInt64
  public var total: UInt64?
}

extension Session {
  private static let shownPackets = 10
  /// How long the prompt waits for the index of a small capture.
  private static let patience = Duration.milliseconds(100)

  /// How many packets there are, or how far the index of the captures is.
  private func countWords(_ sequence: PacketSequence) -> String {
    let start = ContinuousClock.now
    while !sequence.isIndexed, ContinuousClock.now - start < Self.patience { usleep(1000) }
    if let count = sequence.count ?? sequence.indexedCount { return ": \(count)" }
    guard !sequence.isIndexed, let share = sequence.indexedShare else { return "" }
    return ", index at \(Int(share * 100)) %"
  }

  /// A sequence at the prompt: what it is, its first packets, how many there are if that is known.
  func lines(of handle: LuaHandle) throws(LuaError) -> [String] {
    let sequence = sequences[handle.index]
    var lines = [style.paint(sequence.title + countWords(sequence), .head)]
    let first = try objects.firstPackets(handle, most: Self.shownPackets)
    for (position, text) in first.lines.enumerated() {
      lines.append(style.paint(TextWidth.pad("\(position + 1)", to: 4, onLeft: true), .note) + "  " + text)
    }
    if first.hasMore { lines.append(style.paint("   … more", .note)) }
    return lines
  }
}
