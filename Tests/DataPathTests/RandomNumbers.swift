import SeededRandom

typealias RandomNumbers = SeededGenerator

extension RandomNumbers {
  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 7) }
  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
  mutating func some<T>(_ from: [T], _ count: ClosedRange<Int>) -> [T] {
    Array(from.shuffled(using: &self).prefix(number(count)))
  }
}
