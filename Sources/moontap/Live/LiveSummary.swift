import JSONText
import Live
import Wire

/// What a summary says of the interfaces and receivers of a live run, and of its confinement.
struct LiveSummary {
  let report: LiveReport

  // MARK: Text

  var text: String {
    let width = (report.interfaces.map(\.name.count) + report.receivers.map(\.address.description.count)).max() ?? 0
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
      ("too-big", counts.tooBig), ("in fragments", counts.fragmented), ("cut short", counts.truncated),
      ("answered by ICMP errors", counts.refused),
    ]
    let mtu = receiver.pathMTU.map { " · path MTU \($0)" } ?? ""
    let error = receiver.lastError.map { " · last error: \($0)" } ?? ""
    return Words.pad(receiver.address.description, width) + "  " + Self.list(parts, always: 1) + mtu + error + "\n"
  }

  /// - Parameter always: so many are told when they are zero, too.
  private static func list(_ parts: [(String, UInt64)], always: Int) -> String {
    parts.enumerated().filter { $0.offset < always || $0.element.1 > 0 }
      .map { "\($0.element.0) \(Words.count($0.element.1))" }.joined(separator: " · ")
  }

  // MARK: JSON

  var json: JSONValue {
    [
      "interfaces": .array(report.interfaces.map(json)), "receivers": .array(report.receivers.map(json)),
      "confinement": [
        "seccomp": .bool(report.confinement.isFiltered),
        "landlock": report.confinement.landlock.map { .integer($0) } ?? .null,
      ],
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
      "address": .string(receiver.address.description), "transport": .string(receiver.transport),
      "pathMTU": receiver.pathMTU.map { .integer(UInt64($0)) } ?? .null, "sent": .integer(counts.sent),
      "bytes": .integer(counts.bytes), "fragmented": .integer(counts.fragmented),
      "truncated": .integer(counts.truncated), "queueFull": .integer(counts.queueFull),
      "sendError": .integer(counts.sendError), "tooBig": .integer(counts.tooBig), "refused": .integer(counts.refused),
      "lastError": receiver.lastError.map { .string($0) } ?? .null,
    ]
  }
}
