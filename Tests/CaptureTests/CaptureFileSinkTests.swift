import Capture
import DataPath
import Foundation
import Mirroring
import Testing
import Wire

@Suite struct CaptureFileSinkTests {
  private let folder = TemporaryFolder()

  private func sink(
    _ plan: SinkPlan = Plans.one(), _ format: CaptureFileOptions.Format = .pcapng,
    _ content: CaptureFileOptions.Content = .inner
  ) throws -> CaptureFileSink {
    try CaptureFileSink(
      folder: folder.path, plan: plan, options: CaptureFileOptions(format: format, content: content))
  }

  /// The fixtures that can be written to a pcap file: one link type, and times that its 32 bits of seconds hold.
  static let plainFixtures = fixtureNames.filter { $0 != "wlan-unsupported.pcap" }

  @Test(arguments: plainFixtures, CaptureFileOptions.Format.allCases)
  func givesBackWhatItWasGiven(_ name: String, _ format: CaptureFileOptions.Format) throws {
    let reading = Reading(fixture(name))
    let linkTypes = Set(reading.frames.map { reading.interfaces[Int($0.interface)].linkType })
    if format == .pcap, linkTypes.count > 1 { return }
    let sink = try sink(Plans.one(), format)
    let copies = copies(of: reading)
    #expect(try deliver(copies, to: sink, interfaces: reading.interfaces).isEmpty)
    try sink.finish()
    let written = Reading(folder.file("10.20.9.10.\(format.rawValue)"))
    #expect(written.error == nil)
    #expect(written.frames.count == reading.frames.count)
    for (index, (new, old)) in zip(written.frames, reading.frames).enumerated() {
      #expect(new.bytes == old.bytes)
      #expect(new.original == old.original)
      #expect(new.time == (format == .pcap ? min(old.time, 4_294_967_295_999_999_999) : old.time))
      let interface = written.interfaces[Int(new.interface)]
      #expect(interface.linkType == reading.interfaces[Int(old.interface)].linkType)
      guard format == .pcapng else { continue }
      #expect(interface.name == Plans.enis[copies[index].origin].name)
      #expect(new.direction == (copies[index].isOutbound ? .outbound : .inbound))
    }
  }

  @Test func agreesWithCapinfosOnCountsTimesAndLengths() throws {
    let reading = Reading(fixture("web-871.pcap"))
    for format in CaptureFileOptions.Format.allCases {
      let sink = try sink(Plans.one(), format)
      try deliver(copies(of: reading), to: sink, interfaces: reading.interfaces)
      try sink.finish()
      let fields = ["-T", "-r", "-m", "-c", "-d", "-a", "-e", "-S"]
      let ours = run("capinfos", fields + [folder.file("10.20.9.10.\(format.rawValue)")])
      let theirs = run("capinfos", fields + [fixture("web-871.pcap")])
      let (a, b) = (ours.text.split(separator: ","), theirs.text.split(separator: ","))
      #expect(ours.status == 0)
      #expect(a.count == b.count && a.count == 5)
      // name, packets, bytes, first and last time; our times have nine digits instead of six
      for (mine, other) in zip(a.dropFirst(), b.dropFirst()) {
        #expect(mine == other || mine.hasPrefix(other.trimmingCharacters(in: .whitespacesAndNewlines)), "\(ours.text)")
      }
    }
  }

  @Test func saysEniDirectionAndMirrorOfEveryPacketInPcapng() throws {
    let sink = try sink()
    let frames = madeFrames([60, 61, 62])
    try deliver(
      [
        MadeCopy(frame: frames[0], origin: 0, isOutbound: true),
        MadeCopy(frame: frames[1], origin: 1, isOutbound: false),
        MadeCopy(frame: frames[2], origin: 0, isOutbound: false),
      ], to: sink, interfaces: ethernet)
    try sink.finish()
    let fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.comment", "frame.len"]
    let output = run(
      "tshark", ["-n", "-r", folder.file("10.20.9.10.pcapng"), "-T", "fields"] + fields.flatMap { ["-e", $0] })
    let rows = output.text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(
      rows == [
        ["eni-web1", "0x00000002", "web-to-ids", "60"],
        ["subnet-web (unlisted)", "0x00000001", "web-to-ids", "61"],
        ["eni-web1", "0x00000001", "web-to-ids", "62"],
      ])
  }

  @Test(arguments: CaptureFileOptions.Format.allCases)
  func writesAWholeCaptureForAReceiverWithoutPackets(_ format: CaptureFileOptions.Format) throws {
    let plan = SinkPlan(routes: [Plans.route(Plans.v4), Plans.route(Plans.v6)], origins: Plans.enis)
    let sink = try sink(plan, format)
    try deliver(madeFrames([60]).map { MadeCopy(frame: $0) }, to: sink, interfaces: ethernet)
    try sink.finish()
    #expect(folder.names() == ["10.20.9.10.\(format.rawValue)", "2001-db8-20-9--10.\(format.rawValue)"])
    let empty = folder.file("2001-db8-20-9--10.\(format.rawValue)")
    #expect(Reading(empty).error == nil)
    #expect(Reading(empty).frames.isEmpty)
    #expect(run("tcpdump", ["-r", empty]).status == 0)
    #expect(run("capinfos", ["-c", "-M", empty]).text.contains("Number of packets:   0"))
  }

  @Test func mirrorsWithAReceiverInCommonShareItsFile() throws {
    let plan = SinkPlan(
      routes: [Plans.route(Plans.v4, mirror: "a"), Plans.route(Plans.v4, mirror: "b")], origins: Plans.enis)
    let sink = try sink(plan)
    let frames = madeFrames([60, 70])
    try deliver(
      [MadeCopy(frame: frames[0], route: 0), MadeCopy(frame: frames[1], route: 1)], to: sink, interfaces: ethernet)
    try sink.finish()
    #expect(folder.names() == ["10.20.9.10.pcapng"])
    let written = Reading(folder.file("10.20.9.10.pcapng"))
    #expect(written.frames.map(\.bytes) == frames.map(\.bytes))
    #expect(written.interfaces.count == 1)
    let comments = run("tshark", ["-r", folder.file("10.20.9.10.pcapng"), "-T", "fields", "-e", "frame.comment"])
    #expect(comments.text == "a\nb\n")
  }

  @Test func refusesASecondLinkTypeInPcapAndLeavesNothing() throws {
    let reading = Reading(fixture("pcapng-two-links.pcapng"))
    let sink = try sink(Plans.one(), .pcap)
    let error = #expect(throws: CaptureError.self) {
      try deliver(copies(of: reading), to: sink, interfaces: reading.interfaces)
    }
    #expect(
      error == .mixedLinkTypes(path: folder.file("10.20.9.10.pcap"), file: .ethernet, frame: .linuxSLL))
    #expect(throws: CaptureError.self) { try sink.finish() }
    #expect(folder.names().isEmpty)
  }

  @Test func wrapsSeveralLinkTypesIntoOnePcap() throws {
    let reading = Reading(fixture("pcapng-two-links.pcapng"))
    let sink = try sink(Plans.one(), .pcap, .encapsulated)
    #expect(try deliver(copies(of: reading), to: sink, interfaces: reading.interfaces).isEmpty)
    try sink.finish()
    #expect(Reading(folder.file("10.20.9.10.pcap")).frames.count == reading.frames.count)
  }

  @Test func pcapSaysTheSameAsPcapng() throws {
    let reading = Reading(fixture("web-871.pcap"))
    for content in CaptureFileOptions.Content.allCases {
      for format in CaptureFileOptions.Format.allCases {
        let sink = try sink(Plans.one(), format, content)
        try deliver(copies(of: reading), to: sink, interfaces: reading.interfaces)
        try sink.finish()
      }
      let (pcap, pcapng) = (Reading(folder.file("10.20.9.10.pcap")), Reading(folder.file("10.20.9.10.pcapng")))
      #expect(pcap.frames.map(\.bytes) == pcapng.frames.map(\.bytes))
      #expect(pcap.frames.map(\.time) == pcapng.frames.map(\.time))
      #expect(pcap.frames.map(\.original) == pcapng.frames.map(\.original))
    }
  }

  @Test func keepsFramesOfEveryLengthWhole() throws {
    let lengths = Array(0...130) + [1514, 9014, 65_535, 65_536, 262_144, 262_143, 14]
    for format in CaptureFileOptions.Format.allCases {
      let sink = try sink(Plans.one(), format)
      let frames = madeFrames(lengths)
      try deliver(frames.map { MadeCopy(frame: $0) }, to: sink, interfaces: ethernet)
      try sink.finish()
      let written = Reading(folder.file("10.20.9.10.\(format.rawValue)"))
      #expect(written.error == nil)
      #expect(written.frames.map(\.bytes) == frames.map(\.bytes))
    }
  }

  @Test func manyReceiversShareALimitedMemory() throws {
    let receivers = (0..<600).map { IPAddress(v4: 0x0a14_0900 + UInt32($0)) }
    let plan = SinkPlan(routes: receivers.map { Plans.route($0) }, origins: Plans.enis)
    let sink = try sink(plan, .pcap)
    let frames = madeFrames(Array(repeating: 1514, count: 600 * 40))
    try deliver(
      frames.enumerated().map { MadeCopy(frame: $1, route: $0 % 600) }, to: sink, interfaces: ethernet)
    try sink.finish()
    #expect(folder.names().count == 600)
    for name in folder.names() { #expect(bytes(of: folder.file(name)).count == 24 + 40 * 1530) }
  }

  @Test func moreOriginsThanChannelsAreRemembered() throws {
    let count = 40_000
    let origins = (0..<count).map { SinkPlan.Origin(name: "eni-\($0)", mac: nil, v4: nil, v6: nil) }
    let sink = try sink(SinkPlan(routes: [Plans.route(Plans.v4)], origins: origins), .pcapng)
    let frame = madeFrames([60])[0]
    let order = Array(0..<count) + Array(0..<100)
    try deliver(order.map { MadeCopy(frame: frame, origin: $0) }, to: sink, interfaces: ethernet)
    try sink.finish()
    let blocks = pcapngBlocks(of: folder.file("10.20.9.10.pcapng"))
    #expect(blocks.filter { $0.type == 1 }.count == count)
    let interfaces = blocks.filter { $0.type == 6 }.map { $0.number32(at: 0) }
    #expect(interfaces == order.map(UInt32.init))
  }
}
