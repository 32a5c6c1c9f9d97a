import Capture
import Control

// What a recording says of itself. Of a run that records nothing the families are there, without samples.
extension MetricsPage {
  func addRecording(_ text: inout MetricsText) {
    let recording = summary.recording
    func family(
      _ name: String, _ kind: MetricsText.Kind = .counter, unit: String? = nil, _ help: String,
      _ value: (RecordingReport.Counts) -> UInt64
    ) {
      text.family("moontap_recording_" + name, kind, unit: unit, help: help)
      if let recording { text.sample([], value(recording.counts)) }
    }
    family("packets", unit: "packets", "Copies that the recording took.", \.packets)
    family("bytes", unit: "bytes", "Their captured bytes.", \.bytes)
    text.family("moontap_recording_lost_packets", .counter, unit: "packets", help: "Copies that the recording lost.")
    for (reason, packets) in recording?.lost ?? [] { text.sample([("reason", reason.rawValue)], packets) }
    family("files", "Files that were finished.", \.files)
    family("removed_files", "Files that were removed, because newer ones came (--keep).", \.removed)
    family("waiting_bytes", .gauge, unit: "bytes", "Bytes that wait for the disk.", \.waiting)
    text.family("moontap_recording_writable", .gauge, help: "1, or 0 while nothing can be written.")
    if let recording { text.sample([], UInt64(recording.trouble == nil ? 1 : 0)) }
  }
}
