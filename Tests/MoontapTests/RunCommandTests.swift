import Foundation
import JSONText
import Testing

/// `moontap run` from outside: files in, files and summary out.
struct RunCommandTests {
  private static let campus = "examples/captures/campus.pcap"
  private static let base = [
    "run", "--mirrors", "examples/mirrors/campus.json", "--inventory", "examples/inventories/campus.json",
  ]

  /// The summary without what differs from run to run.
  private static func summary(_ arguments: [String], input: Data? = nil) throws -> JSONValue {
    let finished = try Shell.run(Shell.moontap, base + arguments + ["--json"], input: input)
    try #require(finished.status == 0, "\(finished.errors)")
    let members = try #require(finished.json().members).filter { $0.name != "seconds" }
    return .object(members)
  }

  // MARK: What comes out

  @Test func writesOneWholeCaptureForEachReceiver() throws {
    let folder = try TemporaryFolder()
    let summary = try Self.summary(["--read", Self.campus, "--write", folder.path("out")])
    let receivers = try #require(summary.mirror("tls-to-ids")?["receivers"]?.array)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).sorted() == [
        "10.50.9.10.pcapng", "10.50.9.11.pcapng",
      ])
    for receiver in receivers {
      let file = folder.path("out/" + (receiver["address"]?.string ?? "") + ".pcapng")
      #expect(try Self.capinfos(file) == [receiver["packets"]?.integer, receiver["bytes"]?.integer])
    }
  }

  /// Packets and bytes on the wire, as capinfos counts them.
  private static func capinfos(_ file: String) throws -> [Int?] {
    let line = try Shell.lines("capinfos", ["-T", "-r", "-B", "-M", "-c", "-d", file])[0].split(separator: "\t")
    return [Int(line[1]), Int(line[2])]
  }

  @Test(arguments: ["inner", "encapsulated"], ["pcapng", "pcap"])
  func everyOutputIsReadWithoutComplaint(content: String, format: String) throws {
    let folder = try TemporaryFolder()
    let summary = try Self.summary(
      ["--read", Self.campus, "--write", folder.path("out"), "--as", content, "--format", format])
    let collected = summary.mirror("tls-to-ids")?["collected"]?.packets
    var read = 0
    for name in ["10.50.9.10", "10.50.9.11"] {
      let file = folder.path("out/\(name).\(format)")
      let lines = try Shell.lines(
        "tshark", ["-n", "-r", file, "-T", "fields", "-e", "tcp.port", "-e", "vxlan.vni", "-e", "_ws.malformed"])
      read += lines.count
      #expect(lines.allSatisfy { $0.contains("443") && !$0.contains("alformed") })
      #expect(lines.allSatisfy { content == "inner" || $0.split(separator: "\t")[1] == "7" })
    }
    #expect(read == collected)
  }

  /// A sanitizer's process has an address space of terabytes, which cannot be limited.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MOONTAP_SANITIZED"] == nil, "not under a sanitizer"))
  func aTableWithoutRoomIsAnError() throws {
    let words = (Self.base + ["--read", Self.campus, "--conversations", "67000000"]).joined(separator: " ")
    let finished = try Shell.run("bash", ["-c", "ulimit -v 4000000; exec \(Shell.moontap) \(words)"])
    #expect(finished.status == 2)
    #expect(finished.errors.contains("memory: out of memory: there are no "), "\(finished.errors)")
    #expect(finished.errors.contains("67000000 conversations may be remembered: --conversations takes fewer"))
  }

  @Test func theSameInputGivesTheSameFiles() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] {
      _ = try Self.summary(["--read", Self.campus, "--write", folder.path(name), "--as", "encapsulated"])
    }
    #expect(try Shell.run("diff", ["-r", folder.path("a"), folder.path("b")]).status == 0)
  }

  @Test func formatAndCompressionChangeNothing() throws {
    let folder = try TemporaryFolder()
    _ = try Shell.lines("editcap", ["-F", "pcapng", Self.campus, folder.path("c.pcapng")])
    _ = try Shell.run("sh", ["-c", "gzip -c \(Self.campus) > \(folder.path("c.pcap.gz"))"])
    let plain = try Self.summary(["--read", Self.campus])
    #expect(try Self.summary(["--read", folder.path("c.pcapng")]) == plain)
    #expect(try Self.summary(["--read", folder.path("c.pcap.gz")]) == plain)
    #expect(
      try Self.summary(["--read", "-"], input: try Data(contentsOf: Shell.root.appending(path: Self.campus))) == plain)
  }

  @Test func halvesOfACaptureMakeTheWhole() throws {
    let folder = try TemporaryFolder()
    _ = try Shell.lines("editcap", ["-F", "pcap", "-r", Self.campus, folder.path("1.pcap"), "1-400"])
    _ = try Shell.lines("editcap", ["-F", "pcap", "-r", Self.campus, folder.path("2.pcap"), "401-871"])
    let whole = try Self.summary(["--read", Self.campus])
    #expect(try Self.summary(["--read", folder.path("1.pcap"), folder.path("2.pcap"), "--order", "given"]) == whole)
    #expect(try Self.summary(["--read", folder.path("2.pcap"), folder.path("1.pcap")]) == whole)
  }

  @Test func aCaptureOfAnENIIsThatENIs() throws {
    let summary = try Self.summary(["--eni", "eni-phone=\(Self.campus)"])
    let enis = try #require(summary.mirror("tls-to-ids")?["enis"]?.array)
    #expect(Set(enis.compactMap { $0["eni"]?.string }) == ["eni-phone"])
  }

  @Test func aReaderThatGoesAwayIsAnError() throws {
    let command = "\(Shell.moontap) \(Self.base.joined(separator: " ")) --read \(Self.campus) --json > /dev/full"
    let finished = try Shell.run("sh", ["-c", command])
    #expect(finished.status == 2)
    #expect(finished.errors.contains("No space left"))
  }

  // MARK: Several mirrors, policies, arguments

  @Test func mirrorsOfFilesAndPoliciesLiveTogether() throws {
    let policies = ["examples/policies/no-filter.lua", "examples/policies/quintuple.lua"]
    let finished = try Shell.moontap(Self.base + policies + ["--read", Self.campus, "--json"])
    #expect(finished.status == 0, "\(finished.errors)")
    let names = try finished.json()["mirrors"]?.array?.compactMap { $0["name"]?.string }
    #expect(names == ["tls-to-ids", "laptop-recorder", "dns-questions"])
  }

  @Test func argumentsReachThePolicy() throws {
    let folder = try TemporaryFolder()
    let policy = try folder.write(
      """
      mirror { name = policy.args.name, vpc = "vpc-campus", source = source.vpc(),
        target = target.receivers(policy.args.receiver) }
      """, to: "args.lua")
    let finished = try Shell.moontap(
      "run", policy, "--inventory", "examples/inventories/campus.json", "--set", "name=given=here", "--set",
      "receiver=10.50.9.20", "--read", Self.campus, "--json")
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try finished.json().mirror("given=here")?["receivers"]?.array?[0]["address"]?.string == "10.50.9.20")
  }

  @Test func theTextSummaryHasTheSameNumbers() throws {
    let finished = try Shell.moontap(Self.base + ["--read", Self.campus])
    let summary = try Self.summary(["--read", Self.campus])
    let collected = try #require(summary.mirror("tls-to-ids")?["collected"]?.packets)
    #expect(finished.text.contains("tls-to-ids"))
    #expect(finished.text.contains("collected  \(collected)"))
    #expect(finished.text.contains("packets/s"))
    #expect(!finished.text.contains("\u{1b}"))
  }

  // MARK: Failures

  struct Ending: Sendable, CustomTestStringConvertible {
    var arguments: String
    var status: Int32
    var testDescription: String { "\(arguments) -> \(status)" }
  }

  private static let captureAndInventory =
    "--inventory examples/inventories/campus.json --read examples/captures/campus.pcap"

  static let endings = [
    Ending(arguments: "run", status: 64), Ending(arguments: "run x.lua", status: 64),
    Ending(arguments: "run --set novalue x.lua --inventory y --read z", status: 64),
    Ending(arguments: "run --mirrors examples/mirrors/campus.json \(captureAndInventory) --as inner", status: 64),
    Ending(arguments: "explain x.lua --inventory y", status: 64), Ending(arguments: "frobnicate", status: 64),
    Ending(arguments: "run missing.lua \(captureAndInventory)", status: 3),
    Ending(arguments: "run --mirrors missing.json \(captureAndInventory)", status: 3),
    Ending(arguments: "run --mirrors examples/mirrors/campus.json --inventory missing.json --read x", status: 3),
    Ending(arguments: "inventory check examples", status: 3), Ending(arguments: "--help", status: 0),
    Ending(arguments: "run --help", status: 0), Ending(arguments: "--version", status: 0),
  ]

  @Test(arguments: endings)
  func exitCodesSayHowItEnded(_ ending: Ending) throws {
    let finished = try Shell.moontap(ending.arguments.split(separator: " ").map(String.init))
    #expect(finished.status == ending.status, "\(finished.errors)")
    #expect(ending.status == 0 || !finished.errors.isEmpty)
  }

  @Test func aPolicyWithoutMirrorsIsNoSuccess() throws {
    let folder = try TemporaryFolder()
    let policy = try folder.write("local nothing = 1", to: "empty.lua")
    let finished = try Shell.moontap("check", policy, "--inventory", "examples/inventories/campus.json")
    #expect(finished.status == 3)
    #expect(finished.errors.contains("mirrors.none"))
  }

  @Test func aCaptureIsNotReplacedWhileItIsRead() throws {
    let folder = try TemporaryFolder()
    let first = try Shell.moontap(Self.base + ["--read", Self.campus, "--write", folder.path("out")])
    #expect(first.status == 0)
    let before = try Data(contentsOf: URL(filePath: folder.path("out/10.50.9.10.pcapng")))
    let again = try Shell.moontap(
      Self.base + ["--read", folder.path("out/10.50.9.10.pcapng"), "--write", folder.path("out")])
    #expect(again.status == 3)
    #expect(try Data(contentsOf: URL(filePath: folder.path("out/10.50.9.10.pcapng"))) == before)
  }

  @Test func aDamagedCaptureCountsUpToTheDamage() throws {
    let folder = try TemporaryFolder()
    let whole = try Data(contentsOf: Shell.root.appending(path: Self.campus))
    try whole.prefix(whole.count - 10).write(to: URL(filePath: folder.path("cut.pcap")))
    let finished = try Shell.moontap(
      Self.base + ["--read", folder.path("cut.pcap"), "--write", folder.path("out"), "--json"])
    #expect(finished.status == 2)
    #expect(finished.errors.contains("cut.pcap"))
    #expect(finished.errors.contains("damaged at byte"))
    #expect(try finished.json()["records"]?.packets == 870)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).count == 2)
  }

  @Test func oneDamagedCaptureDoesNotStopTheOthers() throws {
    let finished = try Shell.moontap(
      Self.base + ["--read", Shell.capture("damaged-caplen-4M.pcap"), Self.campus, "--json"])
    #expect(finished.status == 2)
    #expect(try finished.json()["records"]?.packets == 871 + 6)
  }

  /// What stands where a capture should, and what the message must say.
  enum BadInput: String, CaseIterable { case folder, empty, text, missing, wlan, fifo }

  @Test(arguments: BadInput.allCases)
  func whatIsNoCaptureIsRefused(_ bad: BadInput) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("in")
    var expected = ""
    switch bad {
    case .folder:
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      expected = "folder"
    case .empty:
      try folder.write("", to: "in")
      expected = "empty"
    case .text:
      try folder.write("this is no capture, whatever its name says", to: "in")
      expected = "not a capture"
    case .missing: expected = "No such file"
    case .wlan:
      try FileManager.default.copyItem(atPath: Shell.capture("wlan-unsupported.pcap"), toPath: path)
      expected = "IEEE802_11"
    case .fifo:
      _ = try Shell.run("mkfifo", [path])
      let command =
        "(echo hello > \(path) &) ; \(Shell.moontap) \(Self.base.joined(separator: " ")) --read \(path) --write \(folder.path("out"))"
      let finished = try Shell.run("sh", ["-c", command])
      #expect(finished.status == 3)
      #expect(finished.errors.contains("not a capture"))
      #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
      return
    }
    let finished = try Shell.moontap(Self.base + ["--read", path, "--write", folder.path("out")])
    #expect(finished.status == 3, "\(finished.errors)")
    #expect(finished.errors.contains(expected), "\(finished.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
  }

  @Test func aMissingOutputFolderIsMadeButNotItsParents() throws {
    let folder = try TemporaryFolder()
    let made = try Shell.moontap(Self.base + ["--read", Self.campus, "--write", folder.path("new")])
    #expect(made.status == 0, "\(made.errors)")
    let refused = try Shell.moontap(Self.base + ["--read", Self.campus, "--write", folder.path("a/b/c")])
    #expect(refused.status == 3, "\(refused.errors)")
    #expect(refused.errors.contains("a/b"))
  }

  @Test func aFullDiskLeavesNoFileUnderItsName() throws {
    let folder = try TemporaryFolder()
    let mount = folder.path("small")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: false)
    guard try Shell.run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]).status == 0 else {
      print("skipped: aFullDiskLeavesNoFileUnderItsName needs root to mount a small tmpfs")
      return
    }
    defer { _ = try? Shell.run("umount", [mount]) }
    let finished = try Shell.moontap(
      ["run", "examples/policies/no-filter.lua", "--inventory", "examples/inventories/campus.json", "--read"]
        + [Self.campus, "--write", mount])
    #expect(finished.status == 2, "\(finished.errors)")
    #expect(finished.errors.contains("No space left"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: mount).filter { $0.hasSuffix(".pcapng") }.isEmpty)
  }

  @Test func controlCStopsWithTheSummarySoFar() throws {
    let folder = try TemporaryFolder()
    let (out, control) = (folder.path("out"), ["--control", folder.path("control")])
    let run = try RunningMoontap(Self.base.dropFirst() + ["--write", out] + control)
    try run.send(Data(contentsOf: Shell.root.appending(path: Self.campus)))
    // More may come: it waits. The limit is against hanging.
    for _ in 0..<3000 {
      let status = try Shell.moontap(["status", "--json"] + control)
      if status.status == 0, try status.json()["summary"]?["records"]?.packets == 871 { break }
      usleep(20_000)
    }
    kill(run.identifier, SIGINT)
    let finished = try run.finish(closing: false)
    #expect(finished.status == 130, "\(finished.errors)")
    let summary = try finished.json()
    #expect(summary["interrupted"]?.bool == true)
    #expect(summary["records"]?.packets == 871)
    #expect(try FileManager.default.contentsOfDirectory(atPath: out).count == 2)
  }
}
