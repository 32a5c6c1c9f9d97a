import Capture
import JSONText

/// What a summary says of a recording.
struct RecordingSummary {
  let report: RecordingReport

  var text: String {
    let counts = report.counts
    var parts = [
      "packets \(Words.count(counts.packets))",
      "\(Words.count(counts.files)) \(counts.files == 1 ? "file" : "files")",
    ]
    if counts.removed > 0 { parts.append("\(Words.count(counts.removed)) removed") }
    if let inUse = report.inUse { parts.append("writes \(inUse)") }
    parts += report.lost.filter { $0.packets > 0 }.map { "\($0.reason.rawValue) \(Words.count($0.packets))" }
    if let trouble = report.trouble { parts.append("cannot write: \(trouble)") }
    return "recording \(report.folder.cleanLine())  " + parts.joined(separator: " · ") + "\n"
  }

  var json: JSONValue {
    let counts = report.counts
    return [
      "folder": .string(report.folder), "packets": .integer(counts.packets), "bytes": .integer(counts.bytes),
      "lost": .object(report.lost.map { JSONMember($0.reason.rawValue, .integer($0.packets)) }),
      "files": .integer(counts.files), "removed": .integer(counts.removed), "waiting": .integer(counts.waiting),
      "inUse": report.inUse.map { .string($0) } ?? .null, "trouble": report.trouble.map { .string($0) } ?? .null,
    ]
  }
}
