import Capture
import DataPath
import Foundation
import Glibc
import SeededRandom
import Testing
import Wire

/// Files that are wrong in every way that the reader promises to survive: a clear error in under two seconds, and all
/// packets before the damage.
@Suite struct BadCaptureTests {
  private let folder = TemporaryFolder()
  /// Under a sanitizer all takes longer; and there it is not speed that is looked at.
  private static let limit = Duration.seconds(
    ProcessInfo.processInfo.environment["MOONTAP_SANITIZED"] == nil ? 2 : 20)

  private func read(_ bytes: [UInt8], name: String = "bad.pcap") -> Reading {
    timed { Reading(folder.write(bytes, to: name)) }
  }

  private func timed(_ read: () -> Reading) -> Reading {
    let start = ContinuousClock.now
    let reading = read()
    #expect(ContinuousClock.now - start < Self.limit)
    return reading
  }

  // MARK: Parts of files

  private func number(_ value: UInt32, swapped: Bool = false) -> [UInt8] {
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    return swapped ? bytes.reversed() : bytes
  }

  private func record(_ length: UInt32, original: UInt32? = nil, body: [UInt8]? = nil, swapped: Bool = false) -> [UInt8]
  {
    [1_700_000_000, 5, length, original ?? length].flatMap { number($0, swapped: swapped) }
      + (body ?? [UInt8](repeating: 0xab, count: Int(length)))
  }

  private func pcap(_ records: [[UInt8]], swapped: Bool = false, nanosecond: Bool = false) -> [UInt8] {
    PcapFileHeader(isSwapped: swapped, isNanosecond: nanosecond, linkType: .ethernet).emit() + records.flatMap { $0 }
  }

  private func block(_ type: UInt32, _ body: [UInt8], front: UInt32? = nil, back: UInt32? = nil, swapped: Bool = false)
    -> [UInt8]
  {
    let total = UInt32(body.count + 12)
    return number(type, swapped: swapped) + number(front ?? total, swapped: swapped) + body
      + number(back ?? total, swapped: swapped)
  }

  private func section(swapped: Bool = false) -> [UInt8] {
    let version: [UInt8] = swapped ? [0, 1, 0, 0] : [1, 0, 0, 0]
    return block(
      0x0a0d_0d0a, number(0x1a2b_3c4d, swapped: swapped) + version + [UInt8](repeating: 0xff, count: 8),
      swapped: swapped)
  }

  private func interface(_ linkType: UInt32 = 1, options: [UInt8] = []) -> [UInt8] {
    block(1, number(linkType) + number(0) + options)
  }

  private func packet(
    _ length: UInt32, interface: UInt32 = 0, claimed: UInt32? = nil, options: [UInt8] = []
  ) -> [UInt8] {
    let padded = Int(length + 3) & ~3
    return block(
      6,
      number(interface) + number(0) + number(7) + number(claimed ?? length) + number(length)
        + [UInt8](repeating: 0xcd, count: padded) + options)
  }

  private func damage(_ reading: Reading) -> (offset: UInt64, what: String)? {
    guard case .damaged(_, let offset, _, let what) = reading.error else { return nil }
    return (offset, what)
  }

  // MARK: What is no file, or no capture

  @Test func saysWhatIsNoCapture() {
    #expect(Reading(folder.path).error == .isFolder(path: folder.path))
    #expect(Reading(folder.file("none")).error == .unreadable(path: folder.file("none"), errno: ENOENT))
    #expect(read([]).error == .empty(path: folder.file("bad.pcap")))
    #expect(read([0x50]).error == .notCapture(path: folder.file("bad.pcap"), firstBytes: [0x50]))
    #expect(
      read(Array("GIF89a and more".utf8)).error
        == .notCapture(path: folder.file("bad.pcap"), firstBytes: [0x47, 0x49, 0x46, 0x38]))
    #expect("\(Reading(folder.file("none")).error!)".contains("No such file"))
  }

  @Test func saysWhatMayNotBeRead() throws {
    let path = folder.write([1], to: "secret")
    _ = unsafe chmod(path, 0)
    let error = try asNobody { Reading(path).error }
    #expect(error == .unreadable(path: path, errno: EACCES))
  }

  /// Root may read everything: this thread opens files as nobody (setfsuid(2), which Glibc's module map leaves out).
  private func asNobody<Value>(_ body: () -> Value) throws -> Value {
    guard getuid() == 0 else { return body() }
    typealias SetUser = @convention(c) (UInt32) -> Int32
    let symbol = unsafe dlsym(nil, "setfsuid")
    unsafe try #require(symbol != nil)
    let setUser = unsafe unsafeBitCast(symbol!, to: SetUser.self)
    _ = setUser(65534)
    defer { _ = setUser(0) }
    return body()
  }

  @Test func namesFormatsThatAreNotRead() {
    for (bytes, name) in [
      ([0x34, 0xcd, 0xb2, 0xa1], "modified pcap"), ([0x73, 0x6e, 0x6f, 0x6f], "snoop"),
      ([0x28, 0xb5, 0x2f, 0xfd], "zstd"),
      ([0xfd, 0x37, 0x7a, 0x58], "xz"), ([0x42, 0x5a, 0x68, 0x39], "bzip2"), ([0x50, 0x4b, 3, 4], "zip"),
    ] as [([UInt8], String)] {
      let error = read(bytes + [UInt8](repeating: 0, count: 60)).error
      #expect("\(error!)".contains(name), "\(error!)")
    }
    #expect(
      Reading(fixture("wlan-unsupported.pcap")).error
        == .unsupportedLinkType(path: fixture("wlan-unsupported.pcap"), LinkType(rawValue: 105)))
  }

  @Test func refusesOtherVersions() {
    var bytes = pcap([record(60)])
    bytes[4] = 3
    #expect("\(read(bytes).error!)".contains("version 3.4"))
    var next = section() + interface() + packet(60)
    next[12] = 2
    #expect("\(read(next).error!)".contains("version 2.0"))
  }

  // MARK: Cut short

  @Test(arguments: [
    "nanosecond-be.pcap", "nanosecond-le-sll.pcap", "pcapng-two-tsresol.pcapng", "pcapng-sections-mixed-endian.pcapng",
    "community-id.pcap.gz",
  ])
  func everyCutLeavesThePacketsBeforeIt(_ name: String) {
    let whole = Reading(fixture(name))
    let all = bytes(of: fixture(name))
    var frames = 0
    // a prime step, so that cuts fall everywhere in the larger files too
    for length in stride(from: 1, to: all.count, by: all.count > 2000 ? 7 : 1) {
      let reading = read(Array(all.prefix(length)), name: "cut")
      #expect(reading.frames == Array(whole.frames.prefix(reading.frames.count)))
      #expect(reading.frames.count >= frames)
      frames = reading.frames.count
      // between two records a cut is an end like any other
      if let error = reading.error { #expect("\(error)".hasPrefix(folder.file("cut") + ": ")) }
      if name.hasSuffix(".gz") { #expect(reading.error != nil) }
    }
    #expect(frames > whole.frames.count / 2)
  }

  @Test func saysWhereAndWhatIsMissing() {
    let good = pcap([record(60), record(70)])
    let header = read(good + [1, 2, 3])
    #expect(header.frames.count == 2)
    #expect(damage(header)! == (24 + 76 + 86, "the header of record 3 needs 16 bytes, 3 are left"))
    let body = read(good + record(100, body: [1, 2, 3]))
    #expect(body.frames.count == 2)
    #expect(damage(body)! == (24 + 76 + 86, "record 3 claims 100 captured bytes, 3 are left"))
  }

  // MARK: Lies

  @Test(arguments: [UInt32(262_145), 0x0042_0000, 0x7fff_ffff, 0x8000_0000, .max])
  func lengthsOfFourGigabytesAreNotBelieved(_ length: UInt32) {
    for swapped in [false, true] {
      let lie = record(length, original: 60, body: [UInt8](repeating: 0, count: 100), swapped: swapped)
      let reading = read(pcap([record(60, swapped: swapped), lie], swapped: swapped))
      #expect(reading.frames.count == 1)
      #expect(damage(reading)! == (100, "record 2 claims \(length) captured bytes; at most 262144 is right"))
    }
  }

  @Test func originalLengthsArePassedOnWhateverTheySay() {
    let reading = read(pcap([record(60, original: .max), record(60, original: 0), record(0, original: 1500)]))
    #expect(reading.error == nil)
    #expect(reading.frames.map(\.original) == [.max, 0, 1500])
  }

  @Test func packetsOfNoBytesAreBytesOfNoPacket() {
    let reading = read(pcap(Array(repeating: record(0), count: 1000)))
    #expect(reading.error == nil)
    #expect(reading.frames.count == 1000)
    #expect(read(section() + interface() + packet(0) + packet(0)).frames.count == 2)
  }

  @Test(arguments: [UInt32(0), 1, 4, 8, 11, 13, 31, 0x7fff_fffc, 0xffff_fffc, .max])
  func blockLengthsMustBeSound(_ length: UInt32) {
    let good = section() + interface() + packet(60)
    let lie = block(6, [UInt8](repeating: 0, count: 40), front: length)
    let reading = read(good + lie)
    #expect(reading.frames.count == 1)
    #expect(damage(reading)?.offset == UInt64(good.count), "\(reading.error.map { "\($0)" } ?? "no error")")
    // also of a type that nobody knows
    let unknown = read(good + block(0x4242, [UInt8](repeating: 0, count: 40), front: length) + packet(60))
    #expect(unknown.frames.count == 1)
    #expect(unknown.error?.isDamage == true)
  }

  @Test func theTwoLengthsOfABlockMustAgree() {
    let good = section() + interface() + packet(60)
    let reading = read(good + block(6, Array(packet(60)[8..<88]), back: 96) + packet(60))
    #expect(reading.frames.count == 1)
    #expect(damage(reading)?.what.contains("in front and 96 behind") == true)
  }

  @Test func packetsMustFitTheirBlocksAndHaveInterfaces() {
    let good = section() + interface() + packet(60)
    for (bad, words) in [
      (packet(60, claimed: 64), "claims 64 captured bytes, 60 are left in it"),
      (packet(60, claimed: .max), "at most 262144 is right"), (packet(60, interface: 1), "names interface 1"),
      (packet(60, options: [2, 0, 200, 0]), "option 2 claims 200 bytes"),
      (packet(60, options: [2, 0, 2, 0, 0, 0, 0, 0]), "option 2 has 2 bytes; 4 is right"),
      (section() + packet(60), "names interface 0; its section describes 0"),
    ] {
      let reading = read(good + bad + packet(60))
      #expect(reading.frames.count == 1)
      #expect(damage(reading)?.what.contains(words) == true, "\(reading.error.map { "\($0)" } ?? "no error")")
    }
  }

  @Test func optionsOfInterfacesMustBeSound() {
    for (options, words) in [
      ([2, 0, 0xff, 0xff], "option 2 claims 65535 bytes"),
      ([9, 0, 2, 0, 9, 9, 0, 0], "option 9 has 2 bytes; 1 is right"),
      ([14, 0, 4, 0, 0, 0, 0, 0], "option 14 has 4 bytes; 8 is right"),
    ] as [([UInt8], String)] {
      let reading = read(section() + interface(options: options) + packet(60))
      #expect(reading.frames.isEmpty)
      #expect(damage(reading)?.what.contains(words) == true, "\(reading.error.map { "\($0)" } ?? "no error")")
    }
  }

  @Test func stepsOverBlocksThatItDoesNotKnow() {
    let large = block(0x0bad_beef, [UInt8](repeating: 7, count: 6 << 20))
    let reading = read(
      section() + block(5, []) + interface() + packet(60) + large + packet(61) + block(0x8000_0001, []))
    #expect(reading.error == nil)
    #expect(reading.frames.map(\.bytes.count) == [60, 61])
    // and notices when the end of one is missing
    let cut = read(section() + interface() + packet(60) + large.dropLast(5000))
    #expect(cut.frames.count == 1)
    #expect(cut.error?.isDamage == true)
  }

  @Test func readsBothByteOrdersAndClocks() {
    for (swapped, nanosecond) in [(false, false), (true, false), (false, true), (true, true)] {
      let reading = read(pcap([record(60, swapped: swapped)], swapped: swapped, nanosecond: nanosecond))
      #expect(reading.frames.map(\.time) == [1_700_000_000_000_000_000 + (nanosecond ? 5 : 5000)])
    }
  }

  // MARK: gzip

  @Test func damageInAGzipStreamIsTold() throws {
    let packed = bytes(of: fixture("community-id.pcap.gz"))
    let count = Reading(fixture("community-id.pcap.gz")).frames.count
    // several members, and zeros behind them, are right
    #expect(read(packed + [0, 0, 0, 0]).error == nil)
    #expect(read(packed + [0, 0, 0, 0]).frames.count == count)
    let behind = read(packed + [1, 2, 3])
    #expect(behind.frames.count == count)
    #expect(behind.error?.isDamage == true)
    var checksum = packed
    checksum[packed.count - 6] ^= 0xff
    #expect(read(checksum).error?.isDamage == true)
    #expect(read([0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9]).error != nil)
  }

  @Test func aGzipFileThatUnpacksToMuchIsReadInPieces() throws {
    // zeros are records without bytes
    let path = folder.write(pcap([]) + [UInt8](repeating: 0, count: 64 << 20), to: "zeros")
    #expect(run("gzip", "-1", path).status == 0)
    let start = ContinuousClock.now
    let source = try CaptureFileSource(path: path + ".gz")
    let batch = FrameBatch()
    var count = 0
    while try source.fill(batch) { count += batch.count }
    #expect(count == (64 << 20) / 16)
    #expect(ContinuousClock.now - start < Self.limit * 2)
  }

  // MARK: Chance

  @Test(arguments: ["web-871.pcap", "pcapng-two-links.pcapng", "pcapng-ng-blocks.pcapng", "community-id.pcap.gz"])
  func damageByChanceNeverTraps(_ name: String) {
    let all = Array(bytes(of: fixture(name)).prefix(20_000))
    var random = SeededGenerator(seed: 11)
    for _ in 0..<400 {
      var damaged = all
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let values: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &random)]
        damaged[.random(in: 0..<all.count, using: &random)] = values.randomElement(using: &random)!
      }
      let reading = read(damaged)
      if let error = reading.error { #expect("\(error)".hasPrefix(folder.file("bad.pcap"))) }
      for frame in reading.frames { #expect(frame.bytes.count <= 262_144) }
    }
  }

  // MARK: Files that change, pipes

  @Test func aFileThatShrinksWhileItIsReadIsDamagedAndNothingTraps() throws {
    let path = folder.write(pcap(Array(repeating: record(1000), count: 20_000)), to: "shrinks.pcap")
    let source = try CaptureFileSource(path: path)
    let batch = FrameBatch()
    #expect(try source.fill(batch))
    let isCut = unsafe truncate(path, 4096) == 0
    #expect(isCut)
    let rest = Reading(source)
    #expect(rest.error?.isDamage == true)
    #expect(rest.frames.count < 20_000)
  }

  @Test func readsAPipeAsItReadsAFile() throws {
    for name in ["web-871.pcap", "pcapng-two-links.pcapng", "community-id.pcap.gz"] {
      let pipe = folder.file(name)
      let isMade = unsafe mkfifo(pipe, 0o600) == 0
      try #require(isMade)
      let writer = Process()
      writer.executableURL = URL(filePath: "/bin/sh")
      writer.arguments = ["-c", "exec cat '\(fixture(name))' > '\(pipe)'"]
      try writer.run()
      let reading = Reading(pipe)
      writer.waitUntilExit()
      let whole = Reading(fixture(name))
      #expect(reading.error == nil)
      #expect(reading.frames == whole.frames)
    }
  }

  @Test func aSilentPipeEndsWhenTheRunIsCancelled() throws {
    let pipe = folder.file("silent")
    let isMade = unsafe mkfifo(pipe, 0o600) == 0
    try #require(isMade)
    let start = ContinuousClock.now
    #expect(throws: CaptureError.empty(path: pipe)) {
      _ = try CaptureFileSource(path: pipe) { ContinuousClock.now - start > .milliseconds(300) }
    }
    #expect(ContinuousClock.now - start < Self.limit)
  }
}
