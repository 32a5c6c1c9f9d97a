/// A JSON number, kept as it was written (RFC 8259 section 6), so that nothing is rounded before someone asks.
public struct JSONNumber: Sendable, Equatable {
  /// Valid by the grammar: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
  public let text: String

  init(valid text: String) { self.text = text }

  public init(_ value: some BinaryInteger) { text = String(value) }

  /// - Returns: nil for infinities and NaN.
  public init?(_ value: Double) {
    guard value.isFinite else { return nil }
    text = value.description
  }

  /// The nearest double; numbers beyond its range become infinite.
  public var double: Double { Double(text) ?? .nan }

  /// The exact value when it is an integer that `Int` can hold (`12`, `1.0`, `1e3`, `-0`), nil otherwise.
  public var integer: Int? {
    if let plain = Int(text) { return plain }
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    let parts = text.utf8.dropFirst(isNegative ? 1 : 0).split(whereSeparator: { $0 | 0x20 == UInt8(ascii: "e") })
    guard let mantissa = parts.first else { return nil }
    var digits: [UInt8] = []
    var fractionDigits = 0
    var sawPoint = false
    for byte in mantissa {
      if byte == UInt8(ascii: ".") {
        sawPoint = true
      } else {
        digits.append(byte - 0x30)
        fractionDigits += sawPoint ? 1 : 0
      }
    }
    if digits.allSatisfy({ $0 == 0 }) { return 0 }
    // An exponent of more digits than Int holds is far outside Int, or far below 1: no integer either way.
    guard let exponent = parts.count == 1 ? 0 : Int(Substring(parts[1])) else { return nil }
    return Self.shifted(digits, by: exponent.subtractingReportingOverflow(fractionDigits), isNegative: isNegative)
  }

  private static func shifted(
    _ digits: [UInt8], by shift: (partialValue: Int, overflow: Bool), isNegative: Bool
  ) -> Int? {
    guard !shift.overflow, shift.partialValue < 20, shift.partialValue > -digits.count else { return nil }
    var kept = digits[...]
    if shift.partialValue < 0 {
      guard kept.suffix(-shift.partialValue).allSatisfy({ $0 == 0 }) else { return nil }
      kept = kept.dropLast(-shift.partialValue)
    }
    var value = 0
    for digit in kept + [UInt8](repeating: 0, count: max(0, shift.partialValue)) {
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.subtractingReportingOverflow(Int(digit))
      guard !overflowed, !carried else { return nil }
      value = sum
    }
    // Built downwards, because Int.min has no positive twin.
    if isNegative { return value }
    return value == .min ? nil : -value
  }
}

extension JSONNumber: CustomStringConvertible {
  public var description: String { text }
}
