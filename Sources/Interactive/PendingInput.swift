/// Lines of an input that is not whole yet.
///
/// Whether it is, the compiler says. It is asked after every line of a short input; of a long one, such as a pasted file,
/// only where no block and no bracket is open: else asking would take longer with every line.
struct PendingInput {
  private static let short = 50

  private(set) var lines: [String] = []
  private var depth = 0
  /// The line ended inside of `[[`, `[=[` or a comment of that form: how many `=` close it.
  private var longBracket: Int?

  var isEmpty: Bool { lines.isEmpty }
  var text: String { lines.joined(separator: "\n") }
  /// It may be whole now.
  var isWorthAsking: Bool { lines.count <= Self.short || depth <= 0 && longBracket == nil }

  mutating func add(_ line: String) {
    lines.append(line)
    scan(Array(line.utf8)[...])
  }

  mutating func removeAll() { self = PendingInput() }

  // MARK: What is open

  private mutating func scan(_ line: ArraySlice<UInt8>) {
    var rest = line
    if let level = longBracket {
      guard let end = Self.closing(level, in: rest) else { return }
      longBracket = nil
      rest = rest[end...]
    }
    while let byte = rest.first, longBracket == nil {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): Self.skipString(byte, &rest)
      case UInt8(ascii: "-") where rest.dropFirst().first == byte: skipComment(&rest)
      case UInt8(ascii: "["): openBracket(&rest)
      case _ where Self.isName(byte): word(&rest)
      default:
        if byte == UInt8(ascii: "(") || byte == UInt8(ascii: "{") { depth += 1 }
        if byte == UInt8(ascii: ")") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
        rest = rest.dropFirst()
      }
    }
  }

  private static func isName(_ byte: UInt8) -> Bool {
    byte >= 0x80 || byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
      || (0x61...0x7a).contains(byte)
  }

  private mutating func word(_ rest: inout ArraySlice<UInt8>) {
    let word = rest.prefix(while: Self.isName)
    rest = rest[word.endIndex...]
    switch String(decoding: word, as: UTF8.self) {
    case "function", "do", "if", "repeat": depth += 1
    case "end", "until": depth -= 1
    default: break
    }
  }

  private static func skipString(_ quote: UInt8, _ rest: inout ArraySlice<UInt8>) {
    rest = rest.dropFirst()
    while let byte = rest.popFirst(), byte != quote {
      if byte == UInt8(ascii: "\\") { rest = rest.dropFirst() }
    }
  }

  private mutating func skipComment(_ rest: inout ArraySlice<UInt8>) {
    rest = rest.dropFirst(2)
    if rest.first == UInt8(ascii: "["), let level = Self.level(rest) {
      skipLong(level, &rest)
    } else {
      rest = []
    }
  }

  private mutating func openBracket(_ rest: inout ArraySlice<UInt8>) {
    if let level = Self.level(rest) { return skipLong(level, &rest) }
    depth += 1
    rest = rest.dropFirst()
  }

  private mutating func skipLong(_ level: Int, _ rest: inout ArraySlice<UInt8>) {
    rest = rest.dropFirst(level + 2)
    if let end = Self.closing(level, in: rest) {
      rest = rest[end...]
    } else {
      longBracket = level
    }
  }

  /// How many `=` stand in `[==[`; nil: it is a bracket of its own.
  private static func level(_ text: ArraySlice<UInt8>) -> Int? {
    let level = text.dropFirst().prefix { $0 == UInt8(ascii: "=") }.count
    return text.dropFirst(level + 1).first == UInt8(ascii: "[") ? level : nil
  }

  /// Behind `]==]`.
  private static func closing(_ level: Int, in text: ArraySlice<UInt8>) -> Int? {
    let mark = [UInt8(ascii: "]")] + Array(repeating: UInt8(ascii: "="), count: level) + [UInt8(ascii: "]")]
    guard text.count >= mark.count else { return nil }
    for start in text.startIndex...(text.endIndex - mark.count) where text[start] == mark[0] {
      if text[start..<(start + mark.count)].elementsEqual(mark) { return start + mark.count }
    }
    return nil
  }
}
