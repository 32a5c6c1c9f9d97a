import Capture
import Control

// What a recording says of itself. Of a run that records nothing the families are there, without samples.
extension MetricsPage {
  func addRecording(_ text: inout MetricsText) {
    let recording = summary.recording
    func family(
      _ name: String, _ help: String, _ value: (RecordingReport.Counts) -> UInt64, kind: MetricsText.Kind = .counter,
      unit: String? = nil
    ) {
      text.family("moontap_recording_" + name, kind, unit: unit, help: help)
      if let recording { text.sample([], value(recording.counts)) }
    }
    family("packets", "Copies that the recording took.", \.packets, unit: "packets")
    family("bytes", "Their captured bytes.", \.bytes, unit: "bytes")
    text.family(
      "moontap_recording_lost_packets", .counter, unit: "packets",
      help: "Copies that are not in the recording, by the reason.")
    for (reason, packets) in recording?.lost ?? [] { text.sample([("reason", reason.rawValue)], packets) }
    family("files", "Files that were finished.", \.files)
    family("removed_files", "Files that were removed, because newer ones came (--keep).", \.removed)
    family("waiting_bytes", "Bytes that wait for the disk.", \.waiting, kind: .gauge, unit: "bytes")
    text.family("moontap_recording_writable", .gauge, help: "1, or 0 while nothing can be written.")
    if let recording { text.sample([], UInt64(recording.trouble == nil ? 1 : 0)) }
  }
}
