internal import LuaRuntime
internal import Wire

/// Reads the fields of a maker's table; the first that is wrong is refused by its name.
struct MakerFields {
  let table: LuaTable
  /// Of the table among the arguments, from 1.
  var argument = 1

  func number<Number: FixedWidthInteger>(_ key: String, upTo limit: Number = .max, or other: Number) throws(HostFailure)
    -> Number
  {
    switch table[key] {
    case .nil: return other
    case .integer(let value) where value >= 0 && value <= Int64(limit): return Number(value)
    default: throw HostFailure(argument: argument, "\(key): a whole number from 0 to \(limit) expected")
    }
  }

  func text(_ key: String) throws(HostFailure) -> String? {
    switch table[key] {
    case .nil: return nil
    case .string(let text): return text
    case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
    default: throw HostFailure(argument: argument, "\(key): a string expected, got \(table[key].typeName)")
    }
  }

  func bytes(_ key: String) throws(HostFailure) -> [UInt8] {
    if case .bytes(let bytes) = table[key] { return bytes }
    return Array((try text(key) ?? "").utf8)
  }

  func parsed<Value>(_ key: String, _ what: String, _ parse: (String) -> Value?) throws(HostFailure) -> Value? {
    guard let text = try text(key) else { return nil }
    guard let value = parse(text) else {
      throw HostFailure(argument: argument, "\(key): \(ValueSetBuilder.shown(Array(text.utf8))) is not \(what)")
    }
    return value
  }

  func address(_ key: String) throws(HostFailure) -> IPAddress {
    guard let address = try parsed(key, "an IP address", { IPAddress($0) }) else {
      throw HostFailure(argument: argument, "\(key): an IP address expected")
    }
    return address
  }

  /// Seconds as nanoseconds.
  func time(_ key: String) throws(HostFailure) -> Int64? {
    let seconds: Double
    switch table[key] {
    case .nil: return nil
    case .integer(let value): seconds = Double(value)
    case .number(let value): seconds = value
    default: throw HostFailure(argument: argument, "\(key): a number expected, got \(table[key].typeName)")
    }
    guard seconds >= 0, seconds <= 9e9 else {
      throw HostFailure(argument: argument, "\(key): seconds from 0 to 9,000,000,000 expected")
    }
    return Int64((seconds * 1e9).rounded())
  }
}
