/// Unit and offset of an interface's timestamps in pcapng (if_tsresol, if_tsoffset), as exact integer arithmetic.
@frozen public struct TimestampResolution: Sendable, Hashable {
  @usableFromInline enum Unit: UInt8, Sendable {
    /// Nanoseconds = count × factor.
    case multiplied
    /// Nanoseconds = count / factor, rounded down.
    case divided
    /// Nanoseconds = count × 10^9 / 2^factor, rounded down.
    case binary
  }

  @usableFromInline let unit: Unit
  @usableFromInline let factor: UInt64
  /// Seconds added to every timestamp.
  @usableFromInline let offset: Int64

  public static let microseconds = TimestampResolution(6)
  public static let nanoseconds = TimestampResolution(9)

  /// - Parameters:
  ///   - resolution: the byte of if_tsresol: a negative power of ten, or of two when the highest bit is set.
  ///   - offset: if_tsoffset, in seconds.
  public init(_ resolution: UInt8, offset: Int64 = 0) {
    let exponent = Int(resolution & 0x7f)
    self.offset = offset
    if resolution & 0x80 != 0 {
      unit = .binary
      factor = UInt64(exponent)
    } else if exponent <= 9 {
      unit = .multiplied
      factor = Self.powerOfTen(9 - exponent)
    } else {
      // 64 bits of 10^-29 s and finer are less than one nanosecond: dividing by the largest number says 0 as well.
      unit = .divided
      factor = exponent - 9 > 19 ? .max : Self.powerOfTen(exponent - 9)
    }
  }

  private static func powerOfTen(_ exponent: Int) -> UInt64 {
    (0..<exponent).reduce(1) { power, _ in power &* 10 }
  }

  /// Nanoseconds since 1970 of a timestamp of `count` units; clamped to what 64 signed bits hold (1677 to 2262).
  @inlinable public func nanoseconds(_ count: UInt64) -> Int64 {
    if unit == .multiplied, offset == 0 {
      let (product, overflow) = count.multipliedReportingOverflow(by: factor)
      return overflow || product > UInt64(Int64.max) ? .max : Int64(truncatingIfNeeded: product)
    }
    return nanosecondsByWideArithmetic(count)
  }

  @usableFromInline func nanosecondsByWideArithmetic(_ count: UInt64) -> Int64 {
    let whole: Int128 =
      switch unit {
      case .multiplied: Int128(count) * Int128(factor)
      case .divided: Int128(count / factor)
      case .binary: Int128(count) * 1_000_000_000 >> Int128(factor)
      }
    return Int64(clamping: whole + Int128(offset) * 1_000_000_000)
  }
}
