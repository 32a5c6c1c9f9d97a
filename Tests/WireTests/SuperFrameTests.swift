import SeededRandom
import Testing
import Wire

/// What is cut must be what `PacketBuilder` makes of the same payload in pieces.
@Suite struct SuperFrameTests {
  private let size = 1448

  private func builder(_ protocol: IPProtocol, v6: Bool, vlan: UInt16? = nil) -> PacketBuilder {
    var builder = PacketBuilder(
      protocol: `protocol`, source: IPAddress(v6 ? "2001:db8::1" : "10.20.1.11")!,
      destination: IPAddress(v6 ? "2001:db8::2" : "10.20.3.4")!)
    builder.link = .ethernet(
      source: MACAddress("02:00:00:00:00:01")!, destination: MACAddress("02:00:00:00:00:02")!, vlan: vlan)
    (builder.sourcePort, builder.destinationPort) = (40000, 443)
    builder.sequence = 0xffff_f000
    return builder
  }

  private func payload(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 >> 8) } }

  private func notes(_ protocol: IPProtocol) -> OffloadNotes {
    OffloadNotes(segmentation: `protocol` == .tcp ? .tcp : .udp, segmentSize: size)
  }

  /// The segments, each written up to a page that nobody may touch; nil: not cut.
  private func cut(
    _ frame: [UInt8], original: Int? = nil, _ notes: OffloadNotes, decoder: LinkDecoder = .ethernet
  ) -> [[UInt8]]? {
    let (input, output) = (GuardedMemory(), GuardedMemory())
    return unsafe input.with(frame) { bytes in
      guard
        let whole = unsafe SuperFrame(
          bytes, captured: frame.count, original: original ?? frame.count, decoder: decoder, notes: notes)
      else { return nil }
      return (0..<whole.segmentCount).map { segment in
        let empty = [UInt8](repeating: 0xee, count: whole.length(of: segment))
        return unsafe output.with(empty) { room in
          let known = unsafe whole.emit(segment, to: UnsafeMutableRawPointer(mutating: room))
          return unsafe Array(UnsafeRawBufferPointer(start: room, count: known))
        }
      }
    }
  }

  /// `builder`'s packet with an identification, and the header checksum that goes with it.
  private func build(_ builder: PacketBuilder, identification: UInt16) throws -> [UInt8] {
    var frame = try builder.build()
    guard builder.source.family == .v4 else { return frame }
    let start = frame[12] == 0x81 ? 18 : 14
    frame[start + 4] = UInt8(identification >> 8)
    frame[start + 5] = UInt8(truncatingIfNeeded: identification)
    (frame[start + 10], frame[start + 11]) = (0, 0)
    let sum = InternetChecksum.finish(InternetChecksum.sum(Array(frame[start..<start + 20])))
    (frame[start + 10], frame[start + 11]) = (UInt8(sum >> 8), UInt8(truncatingIfNeeded: sum))
    return frame
  }

  @Test(arguments: [IPProtocol.tcp, .udp], [false, true])
  func segmentsAreWhatSmallPacketsWouldHaveBeen(protocol: IPProtocol, v6: Bool) throws {
    var whole = builder(`protocol`, v6: v6, vlan: v6 ? 12 : nil)
    whole.payload = payload(size * 3 + 100)
    whole.tcpFlags = PacketBuilder.tcpFlags("W.PF")!
    let frame = try build(whole, identification: 0xfffe)
    let segments = try #require(cut(frame, notes(`protocol`)))
    #expect(segments.count == 4)
    for (index, segment) in segments.enumerated() {
      var expected = whole
      expected.payload = Array(whole.payload[index * size..<min(whole.payload.count, (index + 1) * size)])
      expected.sequence = whole.sequence &+ UInt32(index * size)
      expected.tcpFlags = PacketBuilder.tcpFlags(index == 0 ? "W." : index == 3 ? ".PF" : ".")!
      #expect(segment == (try build(expected, identification: 0xfffe &+ UInt16(index))), "segment \(index)")
    }
  }

  @Test func aPayloadOfWholeSegmentsHasNoEmptyOneBehind() throws {
    var whole = builder(.tcp, v6: false)
    whole.payload = payload(size * 2)
    #expect(try cut(whole.build(), notes(.tcp))?.map(\.count) == [size + 54, size + 54])
  }

  @Test func aTotalLengthOfZeroReachesToTheEndOfTheFrame() throws {
    var whole = builder(.tcp, v6: false)
    whole.payload = payload(size * 2 + 1)
    var frame = try whole.build()
    (frame[16], frame[17]) = (0, 0)
    #expect(cut(frame, notes(.tcp))?.map(\.count) == [size + 54, size + 54, 55])
  }

  @Test func ofACutCaptureOnlyTheBytesThatAreThereAreKnown() throws {
    var whole = builder(.tcp, v6: true)
    whole.payload = payload(size * 3)
    let frame = try whole.build()
    let header = 74
    let segments = cut(Array(frame[..<(header + size + 10)]), original: frame.count, notes(.tcp))
    #expect(segments?.map(\.count) == [header + size, header + 10, header])
  }

  @Test func aTunnelIsNotCutByItsOuterHeaders() throws {
    var whole = builder(.udp, v6: false)
    whole.payload = payload(size * 3)
    var notes = notes(.udp)
    (notes.needsChecksum, notes.checksumStart, notes.checksumOffset) = (true, 14 + 20 + 8 + 8 + 14 + 20, 6)
    #expect(try cut(whole.build(), notes) == nil)
    notes.checksumStart = 34
    #expect(try cut(whole.build(), notes)?.count == 3)
    #expect(try cut(whole.build(), self.notes(.tcp)) == nil)
  }

  @Test func anAbsentUDPChecksumStaysAbsent() throws {
    var whole = builder(.udp, v6: false)
    whole.payload = payload(size + 1)
    var frame = try whole.build()
    (frame[40], frame[41]) = (0, 0)
    let segments = try #require(cut(frame, notes(.udp)))
    #expect(segments.allSatisfy { $0[40] == 0 && $0[41] == 0 })
  }

  @Test func anyBytesAreCutWithinBounds() throws {
    var numbers = SeededGenerator(seed: 5)
    for round in 0..<600 {
      var whole = builder(round % 2 == 0 ? .tcp : .udp, v6: round % 4 < 2)
      whole.payload = payload(Int.random(in: 0...5000, using: &numbers))
      var frame = try whole.build()
      for _ in 0..<Int.random(in: 0...6, using: &numbers) {
        frame[Int.random(in: 0..<min(80, frame.count), using: &numbers)] = .random(in: 0...255, using: &numbers)
      }
      let original = frame.count
      if round % 3 == 0 { frame = Array(frame[..<Int.random(in: 0...frame.count, using: &numbers)]) }
      var notes = OffloadNotes(
        segmentation: .init(rawValue: UInt8(round % 4))!, segmentSize: Int.random(in: 0...3000, using: &numbers))
      notes.needsChecksum = round % 5 == 0
      notes.checksumStart = .random(in: 0...65535, using: &numbers)
      guard let segments = cut(frame, original: original, notes) else { continue }
      #expect(segments.allSatisfy { $0.count <= frame.count })
    }
  }

  @Test(arguments: [IPProtocol.tcp, .udp], [false, true])
  func putsTheChecksumInThatTheCardWasToCompute(protocol: IPProtocol, v6: Bool) throws {
    var whole = builder(`protocol`, v6: v6)
    whole.payload = payload(333)
    let expected = try whole.build()
    let start = 14 + (v6 ? 40 : 20)
    let offset = `protocol` == .tcp ? 16 : 6
    var frame = expected
    let addresses = Array(v6 ? frame[22..<54] : frame[26..<34])
    let pseudo = InternetChecksum.sum(addresses, from: UInt64(frame.count - start) + UInt64(`protocol`.rawValue))
    let partial = ~InternetChecksum.finish(pseudo)
    (frame[start + offset], frame[start + offset + 1]) = (UInt8(partial >> 8), UInt8(truncatingIfNeeded: partial))
    let notes = OffloadNotes(needsChecksum: true, checksumStart: start, checksumOffset: offset)
    let isDone = unsafe frame.withUnsafeMutableBytes { bytes in
      unsafe notes.completeChecksum(bytes.baseAddress!, captured: bytes.count, original: bytes.count)
    }
    #expect(isDone && frame == expected)
  }

  @Test func leavesAloneWhatItCannotCompute() throws {
    var frame = [UInt8](repeating: 7, count: 60)
    let whole = frame
    for notes in [
      OffloadNotes(needsChecksum: true, checksumStart: 34, checksumOffset: 8),
      OffloadNotes(needsChecksum: true, checksumStart: 59, checksumOffset: 6),
      OffloadNotes(needsChecksum: false, checksumStart: 34, checksumOffset: 6),
    ] {
      let isDone = unsafe frame.withUnsafeMutableBytes { bytes in
        unsafe notes.completeChecksum(bytes.baseAddress!, captured: 60, original: 60)
      }
      #expect(!isDone && frame == whole)
    }
    let notes = OffloadNotes(needsChecksum: true, checksumStart: 34, checksumOffset: 6)
    let isDone = unsafe frame.withUnsafeMutableBytes { bytes in
      unsafe notes.completeChecksum(bytes.baseAddress!, captured: 60, original: 90)
    }
    #expect(!isDone && frame == whole)
  }
}
