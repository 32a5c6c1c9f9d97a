import SeededRandom
import Testing
import Wire

@Suite struct InternetChecksumTests {
  /// RFC 1071 section 3: the example's sum is ddf2.
  @Test func sumsTheExampleOfTheRFC() {
    #expect(InternetChecksum.finish(InternetChecksum.sum(hex("0001 f203 f4f5 f6f7"))) == ~0xddf2)
  }

  /// Against the definition: words one by one, end-around carry after each.
  @Test func agreesWithTheDefinition() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<5_000 {
      let count = Int.random(in: 0...80, using: &generator)
      let bytes = (0..<count).map { _ in
        [0, 0xff, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator)!
      }
      var sum: UInt32 = 0
      for index in stride(from: 0, to: count, by: 2) {
        sum += UInt32(bytes[index]) << 8 | (index + 1 < count ? UInt32(bytes[index + 1]) : 0)
        sum = (sum & 0xffff) + sum >> 16
      }
      #expect(InternetChecksum.finish(InternetChecksum.sum(bytes)) == ~UInt16(sum))
    }
  }

  @Test func continuesOverPartsOfEvenLength() {
    let bytes = (0..<101).map { UInt8($0 * 7 & 255) }
    let whole = InternetChecksum.finish(InternetChecksum.sum(bytes))
    for split in stride(from: 0, through: 100, by: 2) {
      let first = InternetChecksum.sum(Array(bytes[..<split]))
      #expect(InternetChecksum.finish(InternetChecksum.sum(Array(bytes[split...]), from: first)) == whole)
    }
  }

  @Test func readsNoByteTooMany() {
    let memory = GuardedMemory()
    for count in 0...9 {
      let bytes = [UInt8](repeating: 1, count: count)
      let sum = unsafe memory.with(bytes) { unsafe InternetChecksum.sum($0, count: count) }
      #expect(sum % 0xffff == InternetChecksum.sum(bytes) % 0xffff)
    }
  }
}
