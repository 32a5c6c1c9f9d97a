import Capture
import DataPath
import Foundation
import Testing
import Wire

@Suite struct CaptureFileSourceTests {
  /// Numbers and times of every frame, as tshark prints them.
  private func tsharkFrames(_ path: String) -> (rows: [[Substring]], output: Output) {
    let fields = ["-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len", "-e", "frame.interface_id"]
    let output = run("tshark", ["-n", "-r", path, "-T", "fields"] + fields)
    let rows = output.text.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
    // tshark lists blocks that are no packets as well: they have neither a time nor an interface.
    return (rows.filter { !$0[0].isEmpty || !$0[3].isEmpty }, output)
  }

  @Test(arguments: fixtureNames.filter { !$0.hasPrefix("damaged") && $0 != "wlan-unsupported.pcap" })
  func readsEveryFixtureAsTsharkDoes(_ name: String) throws {
    let reading = Reading(fixture(name))
    #expect(reading.error == nil)
    let (rows, output) = tsharkFrames(fixture(name))
    #expect(output.status == 0, "\(output.errors)")
    #expect(reading.frames.count == rows.count)
    for (frame, row) in zip(reading.frames, rows) {
      #expect(frame.bytes.count == Int(row[1]))
      #expect(frame.original == UInt32(row[2]))
      // Beyond 2262 a time is clamped; tshark prints such times of a broken writer as they are.
      if frame.time == .max { #expect(row[0].count > 20) }
      // Simple packet blocks have no time.
      if frame.time != .max, !row[0].isEmpty { #expect(describe(frame.time) == row[0]) }
    }
  }

  private func describe(_ time: Int64) -> String {
    let fraction = String(time % 1_000_000_000)
    return "\(time / 1_000_000_000)." + String(repeating: "0", count: 9 - fraction.count) + fraction
  }
}
