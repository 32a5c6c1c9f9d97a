import DataPath
import JSONText
import Live
import Mirroring
import Wire

/// What a summary says of the interfaces and receivers of a live run, and of its confinement.
struct LiveSummary {
  let report: LiveReport

  // MARK: Text

  var text: String {
    let width =
      (report.interfaces.map(\.name.count) + report.receivers.map(\.destination.receiver.description.count)).max() ?? 0
    return report.interfaces.map { line($0, width) }.joined() + report.receivers.map { line($0, width) }.joined()
      + "confinement: \(Self.words(report.confinement))\n"
  }

  private static func words(_ confinement: Confinement.Report) -> String {
    (confinement.isFiltered ? "seccomp" : "no seccomp") + " · "
      + (confinement.landlock.map { "Landlock ABI \($0)" } ?? "no Landlock")
  }

  private func line(_ interface: LiveReport.Interface, _ width: Int) -> String {
    let counts = interface.counts
    let parts = [
      ("frames", counts.read), ("lost by the kernel", counts.lost), ("super-frames", counts.superFrames),
      ("segments", counts.segments), ("not cut", counts.uncut), ("checksums put in", counts.checksums),
      ("checksums missing", counts.uncheckedsums), ("tags put back", counts.tags),
    ]
    let name = Words.pad(interface.name, width) + (interface.isOpen ? "" : "  (gone)")
    return name + "  " + Self.list(parts, always: 2) + "\n"
  }

  private func line(_ receiver: LiveReport.Receiver, _ width: Int) -> String {
    let counts = receiver.counts
    let parts = [
      ("sent", counts.sent), ("queue-full", counts.queueFull), ("send-error", counts.sendError),
      ("too-big", counts.tooBig), ("loop", counts.looped), ("throttled", counts.throttled),
      ("in fragments", counts.fragmented),
      ("cut short", counts.truncated),
      ("answered by ICMP errors", counts.refused),
    ]
    let mtu = receiver.pathMTU.map { " · path MTU \($0)" } ?? ""
    let error = receiver.lastError.map { " · last error: \($0)" } ?? ""
    return Words.pad(receiver.destination.receiver.description, width) + "  " + Self.list(parts, always: 1) + mtu
      + error
      + health(receiver.health) + "\n"
  }

  private func health(_ health: LiveReport.Health) -> String {
    let since = health.since.map { " since \(Words.time($0).prefix(19)) UTC" } ?? ""
    if let trouble = health.trouble { return " · down\(since): \(trouble.rawValue)" }
    return health.downs > 0 ? " · up again\(since), down \(Words.count(health.downs))×" : ""
  }

  /// What keeps a mirror from its work; nothing, if nothing does.
  static func words(_ mirror: LiveReport.Mirror) -> String {
    let loop =
      shed(mirror.shed)
      + (mirror.loop.map { "  faulted    \($0): paused until it is enabled anew or a reload\n" } ?? "")
    guard !mirror.down.isEmpty else { return loop }
    let names = Words.some(mirror.down.map(\.description))
    let all = mirror.down.count == mirror.receiverCount ? ": no receiver is left" : ""
    return loop + "  degraded   down: \(names)\(all)\n"
  }

  private static func shed(_ shed: LiveReport.Shed) -> String {
    let parts = [
      ("headers only", shed.headersOnly), ("left out by samples", shed.sampled), ("by priority", shed.byPriority),
      ("over budget", shed.overBudget),
    ]
    let text = list(parts, always: 0)
    return text.isEmpty ? "" : "  \(shed.isNow ? "throttled" : "shed     ")  \(text)\n"
  }

  /// - Parameter always: so many are told when they are zero, too.
  private static func list(_ parts: [(String, UInt64)], always: Int) -> String {
    parts.enumerated().filter { $0.offset < always || $0.element.1 > 0 }
      .map { "\($0.element.0) \(Words.count($0.element.1))" }.joined(separator: " · ")
  }

  // MARK: JSON

  /// - Parameter workers: what each has judged.
  func json(recording: JSONValue, workers: [Tally]) -> JSONValue {
    [
      "interfaces": .array(report.interfaces.map(json)), "receivers": .array(report.receivers.map(json)),
      "mirrors": .array(report.mirrors.map(json)), "recording": recording,
      "workers": .array(workers.map(Summary.json)),
      "confinement": [
        "seccomp": .bool(report.confinement.isFiltered),
        "landlock": report.confinement.landlock.map { .integer($0) } ?? .null,
      ],
    ]
  }

  private func json(_ mirror: LiveReport.Mirror) -> JSONValue {
    [
      "name": .string(mirror.identity.name), "vpc": .string(mirror.identity.vpc),
      "state": .string(mirror.state.rawValue), "down": .array(mirror.down.map { .string($0.description) }),
      "loop": mirror.loop.map { ["eni": .string($0.eni), "direction": .string($0.isOutbound ? "out" : "in")] } ?? .null,
      "headersOnly": .integer(mirror.shed.headersOnly), "sampled": .integer(mirror.shed.sampled),
      "byPriority": .integer(mirror.shed.byPriority), "overBudget": .integer(mirror.shed.overBudget),
    ]
  }

  private func json(_ interface: LiveReport.Interface) -> JSONValue {
    let counts = interface.counts
    return [
      "name": .string(interface.name), "open": .bool(interface.isOpen), "met": .integer(counts.met),
      "lost": .integer(counts.lost), "read": .integer(counts.read), "echoed": .integer(counts.echoed),
      "superFrames": .integer(counts.superFrames), "segments": .integer(counts.segments),
      "uncut": .integer(counts.uncut), "checksums": .integer(counts.checksums),
      "checksumsMissing": .integer(counts.uncheckedsums), "tags": .integer(counts.tags),
      "records": .integer(counts.records),
    ]
  }

  private func json(_ receiver: LiveReport.Receiver) -> JSONValue {
    let counts = receiver.counts
    return [
      "address": .string(receiver.destination.receiver.description),
      "encapsulation": .string(receiver.destination.kind.rawValue),
      "port": receiver.destination.port > 0 ? .integer(UInt64(receiver.destination.port)) : .null,
      "state": .string(receiver.health.trouble == nil ? "up" : "down"),
      "reason": receiver.health.trouble.map { .string($0.rawValue) } ?? .null,
      "since": receiver.health.since.map { .string(String(Words.time($0).prefix(19))) } ?? .null,
      "downs": .integer(receiver.health.downs),
      "pathMTU": receiver.pathMTU.map { .integer(UInt64($0)) } ?? .null, "sent": .integer(counts.sent),
      "bytes": .integer(counts.bytes), "fragmented": .integer(counts.fragmented),
      "truncated": .integer(counts.truncated), "queueFull": .integer(counts.queueFull),
      "sendError": .integer(counts.sendError), "tooBig": .integer(counts.tooBig),
      "loop": .integer(counts.looped), "throttled": .integer(counts.throttled), "refused": .integer(counts.refused),
      "lastError": receiver.lastError.map { .string($0) } ?? .null,
    ]
  }
}
