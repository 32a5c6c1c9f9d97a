import DataPath
import Foundation
import Mirroring
import SeededRandom
import Synchronization
import Testing
import Wire

@testable import Capture

/// Recordings with their thread, in real folders.
@Suite struct RecordingTests {
  private let folder = TemporaryFolder()

  /// Records copies, in batches.
  ///
  /// - Returns: what the recording came to.
  @discardableResult
  private func record(
    _ copies: [MadeCopy], _ options: RecordingOptions = RecordingOptions(), interfaces: [CaptureInterface] = ethernet
  ) throws -> RecordingReport {
    let recording = try Recording(RecordingFolder(folder.path), Plans.one(), options: options, tell: { _ in })
    Thread { recording.run() }.start()
    give(copies, to: recording, interfaces)
    recording.finish()
    return recording.report
  }

  private func give(_ copies: [MadeCopy], to recording: Recording, _ interfaces: [CaptureInterface] = ethernet) {
    for start in stride(from: 0, to: copies.count, by: FrameBatch.capacity) {
      let batch = MadeBatch(copies[start..<min(copies.count, start + FrameBatch.capacity)])
      unsafe recording.append(
        batch.copies, count: batch.copies.count, frames: batch.frames, interfaces: interfaces, drop: { _, _ in })
    }
  }

  private static func made(_ count: Int, length: Int = 1000) -> [MadeCopy] {
    madeFrames([Int](repeating: length, count: count)).map { MadeCopy(frame: $0) }
  }

  private static var small: RecordingOptions {
    var options = RecordingOptions()
    options.fileByteCount = RecordingOptions.smallestFile
    return options
  }

  private func readings() -> [Reading] { folder.names().map { Reading(folder.file($0)) } }

  @Test func allPacketsAreInTheFilesOnceAndInOrder() throws {
    var random = SeededGenerator(seed: 7)
    let lengths = (0..<6000).map { _ in Int.random(in: 1...2000, using: &random) } + [262_144, 0, 262_143, 262_144]
    let copies = madeFrames(lengths).enumerated().map { index, frame in
      MadeCopy(frame: frame, origin: index % 2, isOutbound: index % 3 != 0)
    }
    let report = try record(copies, Self.small)
    let names = folder.names()
    #expect(names.count > 5 && report.counts.files == UInt64(names.count))
    var frames: [OwnedFrame] = []
    for name in names {
      #expect(RecordingName(name)?.text == name)
      let status = try FileManager.default.attributesOfItem(atPath: folder.file(name))
      #expect(status[.size] as? Int ?? .max <= 1_000_000)
      #expect(status[.posixPermissions] as? Int == 0o600)
      let reading = Reading(folder.file(name))
      #expect(reading.error == nil)
      for (frame, copy) in zip(reading.frames, copies[frames.count...]) {
        #expect(reading.interfaces[Int(frame.interface)].name == Plans.enis[copy.origin].name)
        #expect(frame.direction == (copy.isOutbound ? .outbound : .inbound))
      }
      frames += reading.frames
      #expect(run("capinfos", ["-c", folder.file(name)]).status == 0)
    }
    #expect(frames.map(\.bytes) == copies.map(\.frame.bytes))
    #expect(frames.map(\.time) == copies.map(\.frame.time))
    #expect(report.counts.packets == UInt64(copies.count) && report.counts.lost.reduce(0, +) == 0)
    #expect(report.counts.bytes == UInt64(lengths.reduce(0, +)) && report.counts.waiting == 0)
  }

  @Test func aPlanThatComesInBetweenGoesOnInTheFileInUse() throws {
    let recording = try Recording(
      RecordingFolder(folder.path), Plans.one(), options: RecordingOptions(), tell: { _ in })
    Thread { recording.run() }.start()
    give(Self.made(3), to: recording)
    let later = SinkPlan(
      routes: [Plans.route(Plans.v6, mirror: "other"), Plans.route(Plans.v4)],
      origins: [
        SinkPlan.Origin(name: "eni-new", mac: nil, v4: nil, v6: nil), Plans.enis[1], Plans.enis[0],
      ])
    recording.adopt(later)
    give([0, 2, 1, 2].map { MadeCopy(frame: madeFrames([60])[0], origin: $0) }, to: recording)
    recording.finish()
    #expect(folder.names().count == 1)
    let reading = try #require(readings().first)
    let web1 = Plans.enis[0].name
    #expect(
      reading.frames.map { reading.interfaces[Int($0.interface)].name }
        == [web1, web1, web1, "eni-new", web1, Plans.enis[1].name, web1])
    #expect(reading.interfaces.count == 3)
    let comments = run("tshark", ["-n", "-r", folder.file(folder.names()[0]), "-T", "fields", "-e", "frame.comment"])
    #expect(
      comments.text.split(separator: "\n") == ["web-to-ids", "web-to-ids", "web-to-ids"] + [
        "other", "other", "other", "other",
      ])
  }

  @Test func anEmptyRecordingHasNoFile() throws {
    #expect(try record([]).counts.files == 0)
    #expect(folder.names() == [])
  }

  @Test func theFileInUseIsAPartThatCanBeRead() throws {
    let recording = try Recording(
      RecordingFolder(folder.path), Plans.one(), options: RecordingOptions(), tell: { _ in })
    Thread { recording.run() }.start()
    give(Self.made(10), to: recording)
    // Flushed by itself; the limit is against hanging.
    for _ in 0..<1000 where recording.report.counts.waiting > 0 { usleep(10_000) }
    let name = try #require(folder.names().first)
    #expect(name.hasSuffix(".pcapng.part") && recording.report.inUse == name)
    #expect(Reading(folder.file(name)).frames.count == 10)
    recording.finish()
    #expect(folder.names() == [String(name.dropLast(5))])
    #expect(recording.report.inUse == nil)
  }

  // MARK: Which files stay

  @Test func theOldestFilesGo() throws {
    for name in ["moontap-20200101T000000.000Z.pcapng", "moontap-20200101T000001.000Z.pcapng.part", "mine.pcapng"] {
      folder.write([1], to: name)
    }
    var options = Self.small
    options.keep = .files(2)
    let report = try record(Self.made(4500), options)
    #expect(report.counts.files == 5 && report.counts.removed == 5)
    let kept = folder.names().filter { $0 != "mine.pcapng" }
    #expect(kept.count == 2 && folder.names().count == 3)
    let frames = kept.flatMap { Reading(folder.file($0)).frames.map(\.bytes) }
    #expect(frames == Self.made(4500).suffix(frames.count).map(\.frame.bytes))
  }

  @Test func filesStayUpToASize() throws {
    var options = Self.small
    options.keep = .bytes(2_500_000)
    try record(Self.made(6000), options)
    let sizes = try folder.names().map {
      try #require(FileManager.default.attributesOfItem(atPath: folder.file($0))[.size] as? Int)
    }
    #expect(sizes.count >= 2 && sizes.reduce(0, +) <= 2_500_000)
  }

  /// A clock that was set back, or a file that somebody put there.
  @Test func namesAreBehindAllOthers() throws {
    folder.write([1], to: "moontap-20990101T000000.999Z.pcapng")
    try record(Self.made(1))
    #expect(folder.names().last == "moontap-20990101T000001.000Z.pcapng")
  }

  // MARK: Folders

  private func failure(_ path: String) -> String? {
    do throws(CaptureError) {
      _ = try RecordingFolder(path)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func refusesAFolderThatIsNone() {
    #expect(failure(folder.file("out"))?.contains("out: is not there") == true)
    folder.write([1], to: "out")
    #expect(failure(folder.file("out")) == folder.file("out") + ": is not a folder")
  }

  @Test func twoRecordIntoOneFolderByTurnsOnly() throws {
    let first = try RecordingFolder(folder.path)
    #expect(failure(folder.path) == folder.path + ": another engine records into it")
    withExtendedLifetime(first) {}
  }
}

/// Rotation and queue, without a thread, by a clock of the test's.
@Suite struct RecordingStateTests {
  private var second: Int64 { 1_000_000_000 }

  private func moment(_ seconds: Int64) -> RecordingMoment {
    RecordingMoment(wall: 1_700_000_000 * second + seconds * second, monotonic: seconds * second)
  }

  private func append(
    _ count: Int, length: Int = 1000, to state: inout RecordingState, at seconds: Int64 = 0
  ) -> [RecordingLoss] {
    let made = madeFrames([Int](repeating: length, count: count)).map { MadeCopy(frame: $0) }
    let batch = MadeBatch(made[...])
    var losses: [RecordingLoss] = []
    unsafe batch.copies.withUnsafeBufferPointer { copies in
      let batch = unsafe CopyBatch(
        copies: copies.baseAddress!, count: count, frames: UnsafePointer(batch.frames))
      state.append(batch, ethernet, moment(seconds)) { losses.append($1) }
    }
    return losses
  }

  private func isEnd(_ item: RecordingState.Item?) -> Bool { if case .end = item { true } else { false } }

  private func data(_ item: RecordingState.Item?) -> RecordingBuffer? {
    if case .data(let buffer) = item { buffer } else { nil }
  }

  @Test func aFileEndsByTimeWithAndWithoutPackets() throws {
    var options = RecordingOptions()
    options.fileNanoseconds = 10 * second
    var state = RecordingState(Plans.one(), options)
    #expect(append(1, to: &state, at: 0).isEmpty)
    #expect(state.next(moment(0)) == nil)
    #expect(data(state.next(moment(1)))?.fileBegan == moment(0).wall)
    #expect(append(1, to: &state, at: 9).isEmpty)
    // In the next file.
    #expect(append(1, to: &state, at: 10).isEmpty)
    #expect(data(state.next(moment(10)))?.fileBegan == moment(0).wall)
    #expect(isEnd(state.next(moment(10))))
    #expect(data(state.next(moment(11)))?.fileBegan == moment(10).wall)
    #expect(state.next(moment(19)) == nil)
    #expect(isEnd(state.next(moment(20))))
    // Nothing came: no file.
    #expect(state.next(moment(40)) == nil)
  }

  @Test func whatFindsNoBufferIsLostAndCounted() throws {
    var options = RecordingOptions()
    options.bufferCount = 2
    var state = RecordingState(Plans.one(), options)
    let lost = append(3000, to: &state)
    #expect(lost.count > 900 && Set(lost) == [.queueFull])
    #expect(state.counts.packets + state.counts.lost[0] == 3000 && state.counts.lost[0] == UInt64(lost.count))
    state.trouble = SystemFailure(ENOSPC)
    #expect(append(1, to: &state) == [.diskFull])
    state.trouble = SystemFailure(EIO)
    #expect(append(1, to: &state) == [.writeError])
    let buffer = try #require(data(state.next(moment(0))))
    #expect(append(1, to: &state) == [.writeError])
    let before = state.counts.waiting
    let used = buffer.used
    state.giveBack(buffer)
    #expect(state.counts.waiting == before - UInt64(used))
    #expect(append(1, to: &state).isEmpty)
    state.finish()
    var packets: UInt64 = buffer.blocks(from: 0, to: 0).packets
    while let buffer = data(state.next(moment(0))) { packets += buffer.blocks(from: 0, to: buffer.used).packets }
    #expect(packets > 900)
  }

  @Test func tellsHowFarWholeBlocksReach() throws {
    var state = RecordingState(Plans.one(), RecordingOptions())
    _ = append(3, length: 100, to: &state)
    let buffer = try #require(data(state.next(moment(1))))
    let all = buffer.blocks(from: 0, to: buffer.used)
    #expect(all.end == buffer.used && all.packets == 3 && all.bytes == 300)
    for cut in 0..<buffer.used {
      let part = buffer.blocks(from: 0, to: cut)
      #expect(part.end <= cut && part.packets < 3)
      let rest = buffer.blocks(from: part.end, to: buffer.used)
      #expect(part.packets + rest.packets == 3 && part.bytes + rest.bytes == 300)
    }
  }

  @Test func aFrameThatIsTooLongIsLost() {
    var state = RecordingState(Plans.one(), RecordingOptions())
    #expect(append(2, length: 262_145, to: &state) == [.tooBig, .tooBig])
  }
}

@Suite struct RecordingNameTests {
  @Test func readsWhatItWrites() {
    var random = SeededGenerator(seed: 1)
    let times = (0..<1000).map { _ in Int64.random(in: 0..<253_402_300_800_000, using: &random) }
    for time in times {
      let name = RecordingName(milliseconds: time)
      #expect(RecordingName(name.text) == name && RecordingName(name.part) == name)
    }
    let names = times.map(RecordingName.init(milliseconds:))
    #expect(names.sorted().map(\.text) == names.map(\.text).sorted())
    #expect(RecordingName(milliseconds: 1_795_667_411_123).text == "moontap-20261126T043011.123Z.pcapng")
  }

  @Test(arguments: [
    "moontap-20261126T043011.123Z.pcap", "moontap-20261326T043011.123Z.pcapng", "moontap-20260230T043011.123Z.pcapng",
    "moontap-2026112xT043011.123Z.pcapng", "moontap-20261126T043011.123Z.pcapng.gz", "", "mine.pcapng",
    "moontap-20261126T043011.123Z.pcapng.part.part",
  ])
  func knowsWhatIsNoneOfIts(_ text: String) { #expect(RecordingName(text) == nil) }
}
