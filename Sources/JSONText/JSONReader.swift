/// What a reader accepts at most; what is beyond is an error, never a stack overflow or a full memory.
public struct JSONLimits: Sendable {
  /// Lists and objects inside each other.
  public var depth: Int
  /// Size of the text in bytes.
  public var bytes: Int

  public init(depth: Int = 64, bytes: Int = 64 << 20) {
    self.depth = depth
    self.bytes = bytes
  }
}

extension JSONValue {
  /// Reads one JSON text (RFC 8259) in UTF-8; a byte order mark before it is skipped (section 8.1).
  ///
  /// - Parameter file: the name that errors carry.
  /// - Throws: the first error, with its line and column.
  public init(json bytes: [UInt8], file: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    var reader = JSONReader(bytes: bytes, file: file, limits: limits)
    self = try reader.readText()
  }

  /// Reads one JSON text from a string.
  public init(json text: String, file: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(json: Array(text.utf8), file: file, limits: limits)
  }
}

/// A recursive-descent reader. Invariants:
/// 1. `offset <= bytes.count`; every byte before it has been accepted.
/// 2. `line`, `lineStart` and `continuations` belong to `offset`: line breaks stand only in white space, bytes of 0x80
///    and above only in strings, so these two places keep them.
/// 3. Recursion is bounded by `limits.depth`.
struct JSONReader {
  let bytes: [UInt8]
  let file: String
  let limits: JSONLimits
  var offset = 0
  var depth = 0
  private var line = 1
  private var lineStart = 0
  /// UTF-8 continuation bytes between `lineStart` and `offset`: they take no column.
  var continuations = 0

  init(bytes: [UInt8], file: String, limits: JSONLimits) {
    self.bytes = bytes
    self.file = file
    self.limits = limits
  }

  mutating func readText() throws(JSONError) -> JSONValue {
    guard bytes.count <= limits.bytes else { throw error(.tooLarge(bytes: bytes.count, limit: limits.bytes)) }
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
      offset = 3
      lineStart = 3
    }
    skipWhiteSpace()
    let value = try readValue(expected: "a value")
    skipWhiteSpace()
    guard offset == bytes.count else { throw error(.trailing(found: found())) }
    return value
  }

  mutating func readValue(expected: String) throws(JSONError) -> JSONValue {
    let start = position
    switch peek() {
    case UInt8(ascii: "{"): return JSONValue(.object(try readObject()), at: start)
    case UInt8(ascii: "["): return JSONValue(.array(try readArray()), at: start)
    case UInt8(ascii: "\""): return JSONValue(.string(try readString()), at: start)
    case let byte? where Self.isNumberByte(byte): return JSONValue(.number(try readNumber()), at: start)
    case UInt8(ascii: "t") where accept("true"): return JSONValue(.bool(true), at: start)
    case UInt8(ascii: "f") where accept("false"): return JSONValue(.bool(false), at: start)
    case UInt8(ascii: "n") where accept("null"): return JSONValue(.null, at: start)
    default: throw unexpected(expected)
    }
  }

  private mutating func readObject() throws(JSONError) -> [JSONMember] {
    try open()
    defer { depth -= 1 }
    var members: [JSONMember] = []
    var names = NameSet()
    if close(UInt8(ascii: "}")) { return members }
    while true {
      guard peek() == UInt8(ascii: "\"") else {
        throw unexpected(members.isEmpty ? "a name in quotes or }" : "a name in quotes")
      }
      let start = position
      let name = try readString()
      if let first = names.insert(name, line: start.line, members: members) {
        throw JSONError(file: file, position: start, reason: .duplicateName(name, firstLine: first))
      }
      skipWhiteSpace()
      guard peek() == UInt8(ascii: ":") else { throw unexpected("a colon") }
      offset += 1
      skipWhiteSpace()
      members.append(JSONMember(name, try readValue(expected: "a value"), at: start))
      skipWhiteSpace()
      if close(UInt8(ascii: "}")) { return members }
      guard peek() == UInt8(ascii: ",") else { throw unexpected("a comma or }") }
      offset += 1
      skipWhiteSpace()
    }
  }

  private mutating func readArray() throws(JSONError) -> [JSONValue] {
    try open()
    defer { depth -= 1 }
    var elements: [JSONValue] = []
    if close(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try readValue(expected: elements.isEmpty ? "a value or ]" : "a value"))
      skipWhiteSpace()
      if close(UInt8(ascii: "]")) { return elements }
      guard peek() == UInt8(ascii: ",") else { throw unexpected("a comma or ]") }
      offset += 1
      skipWhiteSpace()
    }
  }

  private mutating func open() throws(JSONError) {
    guard depth < limits.depth else { throw error(.tooDeep(limit: limits.depth)) }
    depth += 1
    offset += 1
    skipWhiteSpace()
  }

  private mutating func close(_ bracket: UInt8) -> Bool {
    guard peek() == bracket else { return false }
    offset += 1
    return true
  }

  private mutating func readNumber() throws(JSONError) -> JSONNumber {
    let start = offset
    let place = position
    while let byte = peek(), Self.isNumberByte(byte) { offset += 1 }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    guard Self.isNumber(bytes[start..<offset]) else {
      throw JSONError(file: file, position: place, reason: .invalidNumber(text))
    }
    return JSONNumber(valid: text)
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  /// The grammar of RFC 8259 section 6.
  private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text
    func dropDigits(_ slice: inout ArraySlice<UInt8>) -> Bool {
      let digits = slice.prefix { $0 >= 0x30 && $0 <= 0x39 }
      slice = slice.dropFirst(digits.count)
      return !digits.isEmpty
    }
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    let leadingZero = rest.first == 0x30
    let before = rest.count
    guard dropDigits(&rest), !leadingZero || before - rest.count == 1 else { return false }
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      guard dropDigits(&rest) else { return false }
    }
    if let first = rest.first, first | 0x20 == UInt8(ascii: "e") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
      guard dropDigits(&rest) else { return false }
    }
    return rest.isEmpty
  }

  /// The whole word, not the start of a longer one.
  private mutating func accept(_ word: StaticString) -> Bool {
    let letters = Array(word.description.utf8)
    guard bytes[offset...].starts(with: letters) else { return false }
    let end = offset + letters.count
    if end < bytes.count, Self.isWordByte(bytes[end]) { return false }
    offset = end
    return true
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || (byte >= 0x30 && byte <= 0x39)
      || byte == UInt8(ascii: "_")
  }
}

// Where the reader stands, and what it says when it cannot go on.
extension JSONReader {
  func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

  mutating func skipWhiteSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0d: offset += 1
      case 0x0a:
        offset += 1
        line += 1
        lineStart = offset
        continuations = 0
      default: return
      }
    }
  }

  var position: JSONPosition {
    JSONPosition(line: line, column: offset - lineStart - continuations + 1, offset: offset)
  }

  func error(_ reason: JSONError.Reason) -> JSONError { JSONError(file: file, position: position, reason: reason) }

  func unexpected(_ expected: String) -> JSONError {
    offset == bytes.count
      ? error(.unexpectedEnd(expected: expected)) : error(.unexpected(found: found(), expected: expected))
  }

  /// The character or word at the offset, as a person would name it.
  func found() -> String {
    let word = bytes[offset...].prefix(24).prefix(while: Self.isWordByte)
    if !word.isEmpty { return "`" + String(decoding: word, as: UTF8.self) + "`" }
    switch bytes[offset] {
    case UInt8(ascii: "/"), UInt8(ascii: "#"): return "the start of a comment (JSON has none)"
    case UInt8(ascii: "'"): return "a single quote (JSON strings stand in double quotes)"
    case 0x21...0x7e: return "`" + String(UnicodeScalar(bytes[offset])) + "`"
    case let byte: return "byte 0x" + String(byte, radix: 16)
    }
  }
}

/// The names of one object: compared one by one while they are few, hashed when they are many, so that an object with
/// a million names does not cost a trillion comparisons.
private struct NameSet {
  private var lines: [String: Int] = [:]

  /// - Returns: the line of the same name among the members before it, or nil.
  mutating func insert(_ name: String, line: Int, members: [JSONMember]) -> Int? {
    if members.count < 16 { return members.first { $0.name == name }?.position.line }
    if lines.isEmpty { for member in members { lines[member.name] = member.position.line } }
    return lines.updateValue(line, forKey: name)
  }
}
