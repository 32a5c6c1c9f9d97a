/// How a value is written.
public enum JSONStyle: Sendable {
  /// One line, no blanks.
  case compact
  /// Two blanks a level, one member or element a line; ends without a line break.
  case pretty
}

/// The order of an object's members in the output.
public enum JSONOrder: Sendable {
  case given
  /// By the bytes of their names, so that two outputs compare line by line.
  case sorted
}

extension JSONValue {
  /// The value as JSON text, everything that a terminal would obey escaped (`isSteering`): safe to print.
  public func text(_ style: JSONStyle = .compact, order: JSONOrder = .given) -> String {
    var writer = JSONWriter(style: style, order: order)
    writer.write(self)
    return String(decoding: writer.output, as: UTF8.self)
  }
}

struct JSONWriter {
  let style: JSONStyle
  let order: JSONOrder
  private(set) var output: [UInt8] = []
  private var level = 0

  init(style: JSONStyle, order: JSONOrder) {
    self.style = style
    self.order = order
  }

  mutating func write(_ value: JSONValue) {
    switch value.content {
    case .null: output += "null".utf8
    case .bool(let flag): output += (flag ? "true" : "false").utf8
    case .number(let number): output += number.text.utf8
    case .string(let text): Self.quote(text, into: &output)
    case .array(let elements): writeList(elements, "[", "]") { writer, element in writer.write(element) }
    case .object(let members): writeObject(members)
    }
  }

  private mutating func writeObject(_ members: [JSONMember]) {
    let ordered =
      order == .given ? members : members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    writeList(ordered, "{", "}") { writer, member in
      Self.quote(member.name, into: &writer.output)
      writer.output += (writer.style == .pretty ? ": " : ":").utf8
      writer.write(member.value)
    }
  }

  private mutating func writeList<Item>(
    _ items: [Item], _ opening: String, _ closing: String, _ writeItem: (inout JSONWriter, Item) -> Void
  ) {
    output += opening.utf8
    level += 1
    for (index, item) in items.enumerated() {
      if index > 0 { output += ",".utf8 }
      breakLine()
      writeItem(&self, item)
    }
    level -= 1
    if !items.isEmpty { breakLine() }
    output += closing.utf8
  }

  private mutating func breakLine() {
    guard style == .pretty else { return }
    output.append(0x0a)
    output += repeatElement(0x20, count: 2 * level)
  }
}

extension JSONWriter {
  /// The text as a JSON string, quotes included.
  static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    quote(text, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `\u001b`
  static func escaped(_ scalar: UInt32) -> String {
    let digits = String(scalar, radix: 16)
    return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  fileprivate static func quote(_ text: String, into output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5c: output += [0x5c, UInt8(scalar.value)]
      case 0x0a: output += "\\n".utf8
      case 0x0d: output += "\\r".utf8
      case 0x09: output += "\\t".utf8
      case 0x20..<0x7f: output.append(UInt8(scalar.value))
      case _ where scalar.isSteering: output += escaped(scalar.value).utf8
      default: output += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}

extension String {
  /// The text in double quotes, control characters escaped: how messages show a value that a stranger wrote.
  public var quotedForMessage: String {
    guard unicodeScalars.count > 80 else { return JSONWriter.quoted(self) }
    return JSONWriter.quoted(String(String.UnicodeScalarView(unicodeScalars.prefix(77))) + "...")
  }
}
