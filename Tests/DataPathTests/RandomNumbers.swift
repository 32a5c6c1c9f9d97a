/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for the same seed on every machine.
struct RandomNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }
  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 7) }
  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
  mutating func pick<T>(_ from: [T]) -> T { from[number(0...from.count - 1)] }
  mutating func some<T>(_ from: [T], _ count: ClosedRange<Int>) -> [T] {
    Array(from.shuffled(using: &self).prefix(number(count)))
  }
}
