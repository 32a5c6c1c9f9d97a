internal import JSONText
internal import LuaRuntime

/// Values as messages of tests show them, and where two of them differ.
struct ValueText {
  let types: PolicyTypes

  static let limit = 200

  /// As it would be written in Lua, on one clean line.
  func text(_ value: LuaValue) -> String { long(value, depth: 0).cleanLine(limit: Self.limit) }

  private func long(_ value: LuaValue, depth: Int) -> String {
    switch value {
    case .nil: "nil"
    case .boolean(let flag): String(flag)
    case .integer(let number): String(number)
    case .number(let number): number.isNaN ? "nan" : String(number)
    case .string(let text): Self.quoted(Array(text.utf8))
    case .bytes(let bytes): Self.quoted(bytes)
    case .table(let table): depth < 4 ? long(table, depth: depth) : "{...}"
    case .handle(let handle): "a " + (types.name(of: handle.type) ?? "host object")
    case .function(let function): "function " + function.name
    case .record: "a packet"
    }
  }

  private func long(_ table: LuaTable, depth: Int) -> String {
    let items = table.items.prefix(20).map { long($0, depth: depth + 1) }
    let sparse = table.sparse.sorted { $0.key < $1.key }.prefix(20).map {
      "[\($0.key)] = \(long($0.value, depth: depth + 1))"
    }
    let fields = table.fields.prefix(20).map { Self.key($0.key) + " = " + long($0.value, depth: depth + 1) }
    let parts = items + sparse + fields
    return parts.isEmpty ? "{}" : "{ " + parts.joined(separator: ", ") + " }"
  }

  private static func isName(_ key: String) -> Bool {
    guard let first = key.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return key.utf8.allSatisfy {
      (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f
    }
  }

  private static func key(_ key: String) -> String { isName(key) ? key : "[" + quoted(Array(key.utf8)) + "]" }

  /// A step of a path: `.reason`, `["web-to-ids"]`.
  static func step(_ key: String) -> String { isName(key) ? "." + key : "[" + quoted(Array(key.utf8)) + "]" }

  /// What is not text is written `\xNN`.
  static func quoted(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) {
      let escaped = text.unicodeScalars.map { $0 == "\"" ? "\\\"" : $0 == "\\" ? "\\\\" : String($0) }
      return "\"" + escaped.joined() + "\""
    }
    let digits = Array("0123456789abcdef")
    let pieces = bytes.prefix(Self.limit).map { byte -> String in
      (0x20..<0x7f).contains(byte) && byte != 0x22 && byte != 0x5c
        ? String(UnicodeScalar(byte)) : "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }
    return "\"" + pieces.joined() + "\""
  }

  // MARK: Comparing

  struct Difference {
    /// `.receivers[2]`; empty: the values themselves.
    var path: String
    var expected: LuaValue
    var got: LuaValue
  }

  /// The first place where the values differ; nil: they are equal, as Lua's `==` says of what is in tables.
  static func difference(_ expected: LuaValue, _ got: LuaValue, path: String = "") -> Difference? {
    switch (expected, got) {
    case (.table(let a), .table(let b)): return difference(a, b, path)
    case (.integer(let a), .number(let b)): return Double(a) == b && Int64(exactly: b) == a ? nil : found()
    case (.number(let a), .integer(let b)): return a == Double(b) && Int64(exactly: a) == b ? nil : found()
    case (.number(let a), .number(let b)): return a == b ? nil : found()
    default: return expected == got ? nil : found()
    }
    func found() -> Difference { Difference(path: path, expected: expected, got: got) }
  }

  private static func difference(_ expected: LuaTable, _ got: LuaTable, _ path: String) -> Difference? {
    for index in 0..<max(expected.items.count, got.items.count) {
      let pair = (item(expected, index), item(got, index))
      if let found = difference(pair.0, pair.1, path: path + "[\(index + 1)]") { return found }
    }
    for key in Set(expected.fields.map(\.key) + got.fields.map(\.key)).sorted() {
      if let found = difference(expected[key], got[key], path: path + step(key)) { return found }
    }
    for key in Set(expected.sparse.keys).union(got.sparse.keys).sorted() {
      let pair = (expected.sparse[key] ?? .nil, got.sparse[key] ?? .nil)
      if let found = difference(pair.0, pair.1, path: path + "[\(key)]") { return found }
    }
    return nil
  }

  private static func item(_ table: LuaTable, _ index: Int) -> LuaValue {
    index < table.items.count ? table.items[index] : table.sparse[Int64(index + 1)] ?? .nil
  }

  /// Where two texts part: `byte 13: expected "...com/a", got "...com/b"`; nil for short ones, which show it themselves.
  static func parting(_ expected: [UInt8], _ got: [UInt8]) -> String? {
    guard max(expected.count, got.count) > 30 else { return nil }
    let position = zip(expected, got).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    let first = position ?? min(expected.count, got.count)
    func excerpt(_ bytes: [UInt8]) -> String {
      let range = max(0, first - 10)..<min(bytes.count, first + 10)
      guard range.lowerBound <= range.upperBound, first <= bytes.count else { return "its end" }
      return quoted(Array(bytes[range])).cleanLine(limit: 120)
    }
    return "byte \(first + 1): expected \(excerpt(expected)), got \(excerpt(got))"
  }
}

extension LuaValue {
  /// A string's bytes.
  var stringBytes: [UInt8]? {
    switch self {
    case .string(let text): Array(text.utf8)
    case .bytes(let bytes): bytes
    default: nil
    }
  }

  /// A number's value.
  var numberValue: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number
    default: nil
    }
  }

  /// A packet is in it: packets have no value of their own.
  var holdsPacket: Bool {
    switch self {
    case .record: true
    case .table(let table):
      table.items.contains(where: \.holdsPacket) || table.fields.contains { $0.value.holdsPacket }
        || table.sparse.values.contains(where: \.holdsPacket)
    default: false
    }
  }
}
