import Capture
import DataPath
import Foundation
import SeededRandom
import Testing
import Wire

@Suite struct JoinedSourceTests {
  private let folder = TemporaryFolder()

  /// Frames with the given times as a pcap file; the length of a frame says which file it is of, its bytes which frame.
  private func write(_ times: [Int64], _ file: Int) -> CaptureFileSource {
    var bytes = PcapFileHeader(isNanosecond: true, linkType: file % 2 == 0 ? .ethernet : .raw).emit()
    for (index, time) in times.enumerated() {
      let length = UInt32(8 + file)
      for number in [UInt32(time / 1_000_000_000), UInt32(time % 1_000_000_000), length, length] {
        bytes += littleEndian(number)
      }
      bytes += littleEndian(UInt32(index)) + [UInt8](repeating: 0, count: Int(length) - 4)
    }
    return try! CaptureFileSource(path: folder.write(bytes, to: "\(file).pcap"))
  }

  private func littleEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  /// File and position of a frame of `write`.
  private func place(_ frame: OwnedFrame) -> [Int] {
    [frame.bytes.count - 8, frame.bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }]
  }

  @Test(arguments: 0..<60)
  func mergesInTimeOrderAndTiesInTheOrderGiven(_ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let files = (0..<Int.random(in: 1...9, using: &random)).map { _ in
      // few different times, so that there are many ties; some files are empty, some longer than several batches
      (0..<Int.random(in: 0...([0, 5, 700].randomElement(using: &random)!), using: &random))
        .map { _ in Int64.random(in: 0...300, using: &random) }.sorted()
    }
    let merged = MergedSource(files.enumerated().map { write($1, $0) })
    let reading = Reading(merged)
    let expected = files.enumerated().flatMap { file, times in
      times.enumerated().map { (time: $1, file: file, index: $0) }
    }.sorted { ($0.time, $0.file, $0.index) < ($1.time, $1.file, $1.index) }
    #expect(reading.frames.map(\.time) == expected.map(\.time))
    #expect(reading.frames.map(place) == expected.map { [$0.file, $0.index] })
    #expect(merged.failures.isEmpty)
    for frame in reading.frames {
      #expect(reading.interfaces[Int(frame.interface)].origin.hasSuffix("/\(place(frame)[0]).pcap"))
    }
    let progress = merged.progress
    #expect(progress.consumed == progress.total)
  }

  @Test func keepsTheOrderOfACaptureWhoseTimesGoBack() throws {
    let merged = MergedSource([write([5, 1, 9], 0), write([2, 6, 7], 1)])
    #expect(Reading(merged).frames.map(\.time) == [2, 5, 1, 6, 7, 9])
  }

  @Test func givesFullBatchesWhereItCan() throws {
    let merged = MergedSource([write(Array(0..<1000), 0), write(Array(2000..<2010), 1)])
    let batch = FrameBatch()
    var counts: [Int] = []
    while try merged.fill(batch) { counts.append(batch.count) }
    #expect(counts.reduce(0, +) == 1010)
    #expect(counts.filter { $0 == 128 }.count >= 6)
    #expect(try !merged.fill(batch))
    #expect(batch.count == 0)
  }

  @Test func readsOneAfterTheOther() throws {
    let sequence = SequentialSource([write([5, 6], 0), write([], 1), write([1, 2], 2)])
    let reading = Reading(sequence)
    #expect(reading.frames.map(\.time) == [5, 6, 1, 2])
    #expect(
      reading.frames.map { reading.interfaces[Int($0.interface)].linkType } == Array(repeating: .ethernet, count: 4))
    #expect(reading.interfaces.count == 3)
    #expect(sequence.failures.isEmpty)
  }

  @Test func goesOnWithTheOthersWhenOneIsDamaged() throws {
    let names = ["damaged-cut-record.pcap", "web-871.pcap", "damaged-caplen-4M.pcap", "pcapng-two-links.pcapng"]
    let paths = names.map(fixture)
    let alone = paths.map(Reading.init)
    func open() throws -> [CaptureFileSource] { try paths.map { path in try CaptureFileSource(path: path) } }

    let sequence = SequentialSource(try open())
    let inSequence = Reading(sequence)
    #expect(inSequence.frames.map(\.bytes) == alone.flatMap { $0.frames.map(\.bytes) })
    #expect(sequence.failures == [alone[0].error!, alone[2].error!])

    let merged = MergedSource(try open())
    let inTimeOrder = Reading(merged)
    #expect(inTimeOrder.frames.count == inSequence.frames.count)
    #expect(Set(merged.failures) == Set(sequence.failures))
    // The interfaces of one capture keep their order, those of later sections come behind.
    for (index, path) in paths.enumerated() {
      #expect(inTimeOrder.interfaces.filter { $0.origin == path } == alone[index].interfaces)
      let frames = inTimeOrder.frames.filter { inTimeOrder.interfaces[Int($0.interface)].origin == path }
      #expect(frames.map(\.bytes) == alone[index].frames.map(\.bytes))
    }
  }

  @Test func nothingIsTheMergeOfNothing() throws {
    #expect(Reading(MergedSource([])).frames.isEmpty)
    #expect(Reading(SequentialSource([])).frames.isEmpty)
  }
}
