/// Copies; bits of their outer packets, whole and with headers only; processor time that sending them takes.
struct Load: Equatable {
  var packets: UInt64 = 0
  var bits: UInt64 = 0
  var headerBits: UInt64 = 0
  var nanoseconds: UInt64 = 0

  static func += (a: inout Load, b: Load) {
    a.packets += b.packets
    a.bits += b.bits
    a.headerBits += b.headerBits
    a.nanoseconds += b.nanoseconds
  }

  /// Of one conversation in 2, 4, 8, ...
  func sampled(_ shift: Int) -> Load {
    Load(
      packets: packets >> shift, bits: bits >> shift, headerBits: headerBits >> shift, nanoseconds: nanoseconds >> shift
    )
  }

  /// Of so many windows; what is unlimited stays so.
  func times(_ windows: UInt64) -> Load {
    func all(_ number: UInt64) -> UInt64 {
      let (product, overflow) = number.multipliedReportingOverflow(by: windows)
      return overflow ? .max : product
    }
    return Load(packets: all(packets), bits: all(bits), headerBits: all(headerBits), nanoseconds: all(nanoseconds))
  }

  /// Whether headers alone would be too much as well: neither number nor time of copies hangs on their length.
  fileprivate func isOverInCopies(_ limit: Load) -> Bool {
    packets > limit.packets || nanoseconds > limit.nanoseconds
  }
}

/// How much is shed.
struct ShedLevel: Equatable {
  static let deepest = 10

  var headersOnly = false
  /// One conversation in 1 << shift.
  var shift = 0

  static let none = ShedLevel()

  /// The least that brings a load under a limit; nil: none with samples up to `deepest`.
  static func least(for load: Load, under limit: Load, deepest: Int = deepest) -> ShedLevel? {
    for shift in 0...deepest {
      let part = load.sampled(shift)
      guard !part.isOverInCopies(limit) else { continue }
      let isForCopies = shift == 0 || load.sampled(shift - 1).isOverInCopies(limit)
      if part.bits <= limit.bits, isForCopies { return ShedLevel(headersOnly: false, shift: shift) }
      if part.headerBits <= limit.bits { return ShedLevel(headersOnly: true, shift: shift) }
    }
    return nil
  }
}

/// The same as one word, for other threads to read.
extension ShedLevel {
  init(word: UInt8) { self.init(headersOnly: word & 1 == 1, shift: Int(word >> 1)) }

  var word: UInt8 { UInt8(shift << 1) | (headersOnly ? 1 : 0) }
}
