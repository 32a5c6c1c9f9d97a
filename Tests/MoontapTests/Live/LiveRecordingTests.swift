import Foundation
import JSONText
import Testing

/// Live runs that record, with real traffic; what they wrote is read by tshark and capinfos.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveRecordingTests {
  /// A folder that recordings go into.
  private struct Recorded {
    let laboratory: Laboratory
    let folder: String

    init(_ laboratory: Laboratory, _ name: String = "captures") throws {
      self.laboratory = laboratory
      folder = laboratory.folder.path(name)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? [] }

    func path(_ name: String) -> String { folder + "/" + name }

    /// Some fields of all packets of all files, in the order of the files' names.
    func rows(_ fields: [String], _ filter: String = "frame") throws -> [[String]] {
      try names.flatMap { name in
        let output = try Shell.run(
          "tshark", ["-n", "-r", path(name), "-Y", filter, "-T", "fields"] + fields.flatMap { ["-e", $0] })
        return output.text.split(separator: "\n").map {
          $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
      }
    }

    func values(_ field: String, _ filter: String = "frame") throws -> [String] {
      try rows([field], filter).map { $0[0] }
    }

    /// Packets by capinfos, which fails for a file that is not whole.
    func count(_ name: String) throws -> Int {
      let output = try Shell.run("capinfos", ["-T", "-r", "-c", path(name)])
      try #require(output.status == 0, "\(output.errors)")
      return try #require(Int(output.text.split(separator: "\t").last?.trimmingCharacters(in: .newlines) ?? ""))
    }
  }

  /// What is in the recording and what it lost is what the mirror collected.
  @discardableResult
  private func checked(_ finished: Finished) throws -> (mirror: JSONValue, recording: JSONValue) {
    let (mirror, live) = try LiveRunTests.checked(finished)
    let recording = try #require(live["recording"])
    #expect(mirror["collected"]?.packets == (recording["packets"]?.integer ?? -1) + lost(recording))
    #expect(recording["waiting"]?.integer == 0 && recording["inUse"] == .null)
    return (mirror, recording)
  }

  private func lost(_ recording: JSONValue) -> Int {
    (recording["lost"]?.members ?? []).compactMap { $0.value.integer }.reduce(0, +)
  }

  @Test func allPacketsAreInTheFilesOnceAndInOrder() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#)
    let moontap = try laboratory.moontap(
      policy, ["--write", recorded.folder, "--rotate-size", "1M", "--rotate-time", "1h"])
    try laboratory.ping("-f -c 3000 -s 1000")
    usleep(200_000)
    let (mirror, recording) = try checked(moontap.stop())
    #expect(recording["packets"]?.integer == mirror["collected"]?.packets && lost(recording) == 0)
    #expect(recording["files"]?.integer == recorded.names.count && recorded.names.count >= 4)
    for name in recorded.names {
      #expect(name.firstMatch(of: /^moontap-\d{8}T\d{6}\.\d{3}Z\.pcapng$/) != nil)
      #expect(try laboratory.shell("stat -c %a%U \(recorded.path(name))") == "600root\n")
    }
    #expect(try recorded.names.map(recorded.count).reduce(0, +) == mirror["collected"]?.packets)
    let rows = try recorded.rows(["icmp.seq", "frame.interface_name", "frame.comment", "frame.time_epoch"])
    #expect(rows.map { $0[0] }.filter { !$0.isEmpty } == (1...3000).map(String.init))
    #expect(Set(rows.map { $0[1] }) == ["eni-web1"] && Set(rows.map { $0[2] }) == ["m"])
    #expect(rows.map { $0[3] } == rows.map { $0[3] }.sorted())
    // mergecap takes them by their names.
    let merged = laboratory.folder.path("all.pcapng")
    try laboratory.shell("mergecap -a -w \(merged) \(recorded.folder)/*.pcapng")
  }

  @Test func isCutByTimeKeepsSoManyAndSaysSo() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#),
      ["--write", recorded.folder, "--rotate-time", "1s", "--keep", "2", "--metrics", "127.0.0.1:0"])
    // A file for each of them, though the last has no successor.
    for _ in 0..<3 {
      try laboratory.ping("-c 5 -i 0.002")
      usleep(1_300_000)
    }
    for _ in 0..<500 where recorded.names.contains(where: { $0.hasSuffix(".part") }) { usleep(10_000) }
    #expect(recorded.names.count == 2 && recorded.names.allSatisfy { $0.hasSuffix("Z.pcapng") })
    let url = try #require(moontap.errors.split(separator: "\n").first { $0.hasPrefix("metrics: ") })
    let page = try laboratory.shell("ip netns exec \(laboratory.host) curl -sf \(url.dropFirst("metrics: ".count))")
    let samples = Samples(page)
    #expect(samples.sum("moontap_recording_packets_total") == samples.sum("moontap_collected_packets_total"))
    #expect(samples.sum("moontap_recording_lost_packets_total") == 0)
    #expect(samples.sum("moontap_recording_writable") == 1)
    let control = try #require(moontap.errors.split(separator: "\n").first { $0.hasPrefix("control: ") })
    let frame = try Shell.moontap(
      ["top", "--once", "--interval", "0.1", "--control", String(control.dropFirst("control: ".count))]
    ).text.split(separator: "\n")
    let head = try #require(frame.firstIndex { $0.hasPrefix("Recording ") }, "\(frame)")
    #expect(frame[head].split(separator: " ").last == "To")
    #expect(frame[head + 1].hasPrefix("writes ") && frame[head + 1].hasSuffix("  \(recorded.folder)/"))
    let (_, recording) = try checked(moontap.stop())
    #expect(recording["files"]?.integer ?? 0 >= 3)
    #expect(recording["removed"]?.integer == (recording["files"]?.integer ?? 0) - 2)
    #expect(recorded.names.count == 2)
  }

  /// Nothing arrives at the receiver.
  @Test func recordsWithoutSending() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    try laboratory.shell("chown 65534:65534 \(recorded.folder); chmod 700 \(recorded.folder)")
    let moontap = try laboratory.moontap(
      try laboratory.policy(), ["--write", recorded.folder, "--no-send", "--user", "65534"])
    let before = try laboratory.counter("tx_packets", of: "to-ids", in: laboratory.host)
    try laboratory.ping("-c 20 -i 0.002")
    usleep(200_000)
    // Still there, with its copies in the file in use.
    let finished = try moontap.stop()
    try #require(finished.status == 0, "\(finished.errors)")
    let summary = try finished.json()
    let mirror = try #require(summary.mirror("m"))
    let recording = try #require(summary["live"]?["recording"])
    #expect(try laboratory.counter("tx_packets", of: "to-ids", in: laboratory.host) <= before + 2)
    #expect(mirror["collected"]?.packets ?? 0 >= 40)
    #expect(mirror["receivers"]?.array?.first?["delivered"]?.packets == recording["packets"]?.integer)
    #expect(summary["live"]?["receivers"]?.array?.count == 0)
    let name = try #require(recorded.names.first)
    #expect(try recorded.count(name) == mirror["collected"]?.packets)
    #expect(try laboratory.shell("stat -c %a%u \(recorded.path(name))") == "60065534\n")
  }

  @Test func newInterfacesAppearInTheFileInUse() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#)
    let moontap = try laboratory.moontap(policy, ["--write", recorded.folder])
    try laboratory.ping("-c 5 -i 0.002")
    usleep(200_000)
    _ = try laboratory.policy(#"source.eni("eni-web2")"#, more: #"direction = "out","#)
    moontap.signal(SIGHUP)
    try moontap.hear("in force from the next packet on")
    try laboratory.ping("-c 5 -i 0.002")
    usleep(200_000)
    try checked(moontap.stop())
    #expect(recorded.names.count == 1)
    let interfaces = try recorded.values("frame.interface_name", "icmp")
    #expect(interfaces == [String](repeating: "eni-web1", count: 5) + [String](repeating: "eni-web2", count: 5))
  }

  // MARK: When things go wrong

  /// A disk that is full, and then is not: the mirror gets all, the recording what there was room for, in order.
  @Test func aFullDiskLosesTheRecordingOnly() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    try laboratory.shell(
      "mount -t tmpfs -o size=8m none \(recorded.folder); head -c 6M /dev/zero > \(recorded.path("filler"))")
    defer { _ = try? laboratory.shell("umount -l \(recorded.folder)") }
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#)
    let moontap = try laboratory.moontap(policy, ["--write", recorded.folder, "--ring", "64", "--queue", "65536"])
    let line = try #require(moontap.errors.split(separator: "\n").first { $0.hasPrefix("control: ") })
    func status() throws -> JSONValue? {
      let status = try Shell.moontap("status", "--json", "--control", String(line.dropFirst("control: ".count)))
      return try status.json()["summary"]?["live"]?["recording"]
    }
    // Beyond the disk, and the memory in which packets wait for it; a busy machine may lose some on the way.
    for _ in 0..<20 where lost(try #require(try status())) == 0 { try laboratory.ping("-f -c 300 -s 60000") }
    try moontap.hear("cannot write: No space left on device")
    #expect(try status()?["trouble"]?.string == "No space left on device")
    let name = try #require(recorded.names.first { $0.hasSuffix(".part") })
    let inPart = try recorded.count(name)
    #expect(inPart > 500)
    try FileManager.default.removeItem(atPath: recorded.path("filler"))
    try laboratory.shell("mount -o remount,size=200m \(recorded.folder)")
    try moontap.hear("goes on")
    try laboratory.ping("-c 50 -i 0.002")
    usleep(1_500_000)
    let (mirror, recording) = try checked(moontap.stop())
    #expect(mirror["receivers"]?.array?.first?["delivered"]?.packets == mirror["collected"]?.packets)
    #expect(recording["lost"]?["disk-full"]?.integer ?? 0 > 0)
    #expect(recording["trouble"] == .null)
    #expect(try recorded.names.map(recorded.count).reduce(0, +) == recording["packets"]?.integer)
    #expect(try recorded.values("icmp.seq", "icmp.type == 8 && frame.len == 98").count == 50)
    let times = try recorded.values("frame.time_epoch")
    #expect(times == times.sorted())
  }

  /// It stays full until the end: what had no room is counted, what had is a capture.
  @Test func aDiskThatStaysFullEndsWithAWholeFile() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    try laboratory.shell("mount -t tmpfs -o size=1m none \(recorded.folder)")
    defer { _ = try? laboratory.shell("umount -l \(recorded.folder)") }
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#), ["--write", recorded.folder])
    try laboratory.ping("-f -c 2000 -s 1000")
    try moontap.hear("cannot write: No space left on device")
    let (mirror, recording) = try checked(moontap.stop())
    #expect(mirror["receivers"]?.array?.first?["delivered"]?.packets == mirror["collected"]?.packets)
    #expect(recording["lost"]?["disk-full"]?.integer ?? 0 > 1000)
    #expect(recording["trouble"]?.string == "No space left on device")
    #expect(recorded.names.count == 1 && recorded.names[0].hasSuffix("Z.pcapng"))
    #expect(try recorded.count(recorded.names[0]) == recording["packets"]?.integer)
  }

  @Test func aKillLeavesReadableFiles() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#)
    let moontap = try laboratory.moontap(policy, ["--write", recorded.folder, "--rotate-size", "1M"])
    try laboratory.ping("-f -c 1500 -s 1000")
    // The last flush.
    usleep(1_500_000)
    moontap.kill()
    #expect(recorded.names.count >= 2 && recorded.names.last?.hasSuffix(".part") == true)
    #expect(try recorded.values("icmp.seq", "icmp.type == 8") == (1...1500).map(String.init))
    #expect(try recorded.names.map(recorded.count).reduce(0, +) >= 1500)
    let left = recorded.names
    // The next run finds the folder free, and leaves what is there.
    let next = try laboratory.moontap(policy, ["--write", recorded.folder])
    try laboratory.ping("-c 5 -i 0.002")
    usleep(200_000)
    try checked(next.stop())
    #expect(Array(recorded.names.dropLast()) == left)
  }

  @Test func foldersThatWillNotDoAreRefused() throws {
    let laboratory = try Laboratory()
    let recorded = try Recorded(laboratory)
    let policy = try laboratory.policy()
    func refusal(_ more: [String]) throws -> Finished {
      try Shell.run(
        "ip",
        ["netns", "exec", laboratory.host, Shell.moontap, "run", policy, "--inventory"]
          + [laboratory.folder.path("inventory.json"), "--live"] + more)
    }
    let missing = try refusal(["--write", recorded.path("none")])
    #expect(missing.status == 3 && missing.errors.contains("none: is not there"), "\(missing.errors)")
    let foreign = try refusal(["--write", recorded.folder, "--user", "65534"])
    #expect(foreign.status == 3 && foreign.errors.contains("user 65534"), "\(foreign.errors)")
    let first = try laboratory.moontap(policy, ["--write", recorded.folder])
    let second = try refusal(["--write", recorded.folder])
    #expect(second.status == 3 && second.errors.contains("another engine records into it"), "\(second.errors)")
    _ = try first.stop()
  }

  @Test(arguments: [
    (["--write", "/tmp", "--rotate-size", "100"], "--rotate-size is from 1M"),
    (["--write", "/tmp", "--rotate-size", "999k"], "--rotate-size is from 1M"),
    (["--write", "/tmp", "--rotate-time", "5"], "--rotate-time is from 1s"),
    (["--write", "/tmp", "--rotate-time", "99999999999999999999h"], "--rotate-time is from 1s"),
    (["--write", "/tmp", "--keep", "0"], "--keep is a number of files"),
    (["--write", "/tmp", "--keep", "5 G"], "--keep is a number of files"),
    (["--write", "/tmp", "--as", "inner"], "no --as, no --format"),
    (["--write", "/tmp", "--no-send", "--dscp", "8"], "--dscp says how copies are sent"),
    (["--no-send"], "--no-send is for live runs that record"),
    (["--keep", "5"], "--keep is for live runs that record"),
  ])
  func optionsThatMeanNothingAreRefused(_ options: [String], _ words: String) throws {
    let refused = try Shell.moontap(["run", "p.lua", "--inventory", "i.json", "--live"] + options)
    #expect(refused.status == 64 && refused.errors.contains(words), "\(refused.errors)")
  }
}
