/// A JSON value (RFC 8259) that knows where it stood in its text.
///
/// Moontap reads JSON with its own reader rather than Foundation's because a wrong inventory must be mended by a
/// person: every error names the file, line and column, or the path of a value, and all of them come at once.
/// Foundation's decoder stops at the first, knows no lines, keeps the last of duplicate keys in silence, and loads a
/// megabyte of library and locale data before the first packet.
///
/// Equality compares contents and the order of members; positions do not count.
public struct JSONValue: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    /// Members in the order of the text; no two have the same name when the value was read.
    case object([JSONMember])
  }

  public var content: Content
  /// Where the value's first character stood; line 0 for a value made in code.
  public var position: JSONPosition

  public init(_ content: Content, at position: JSONPosition = .none) {
    self.content = content
    self.position = position
  }

  public static func == (a: JSONValue, b: JSONValue) -> Bool { a.content == b.content }
}

/// One `"name": value` of an object.
public struct JSONMember: Sendable, Equatable {
  public var name: String
  public var value: JSONValue
  /// Where the name's opening quote stood.
  public var position: JSONPosition

  public init(_ name: String, _ value: JSONValue, at position: JSONPosition = .none) {
    self.name = name
    self.value = value
    self.position = position
  }

  public static func == (a: JSONMember, b: JSONMember) -> Bool { a.name == b.name && a.value == b.value }
}

/// A place in a JSON text.
public struct JSONPosition: Sendable, Hashable, Comparable {
  /// From 1; 0 when there is no text.
  public var line: Int
  /// In Unicode scalars from 1, as editors count.
  public var column: Int
  /// In bytes from 0.
  public var offset: Int

  public init(line: Int, column: Int, offset: Int) {
    self.line = line
    self.column = column
    self.offset = offset
  }

  /// No place: the value was made in code.
  public static let none = JSONPosition(line: 0, column: 0, offset: 0)

  public static func < (a: JSONPosition, b: JSONPosition) -> Bool { a.offset < b.offset }
}

extension JSONValue {
  public var string: String? { if case .string(let text) = content { text } else { nil } }
  public var bool: Bool? { if case .bool(let flag) = content { flag } else { nil } }
  public var number: JSONNumber? { if case .number(let number) = content { number } else { nil } }
  /// The exact integer, also for `1.0` and `1e3`; nil for anything else.
  public var integer: Int? { number?.integer }
  public var array: [JSONValue]? { if case .array(let elements) = content { elements } else { nil } }
  public var members: [JSONMember]? { if case .object(let members) = content { members } else { nil } }
  public var isNull: Bool { content == .null }

  /// The member's value, or nil when this is no object or has no such member. Linear in the number of members.
  public subscript(name: String) -> JSONValue? { members?.first { $0.name == name }?.value }

  /// What an error message calls the value's type: `a string`, `an object`.
  public var typeName: String {
    switch content {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

// Values made in code: literals, so that output code reads like the JSON it makes.
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self.init(.string(value)) }
  public init(integerLiteral value: Int) { self.init(.number(JSONNumber(value))) }
  public init(booleanLiteral value: Bool) { self.init(.bool(value)) }
  public init(nilLiteral: ()) { self.init(.null) }
  public init(arrayLiteral elements: JSONValue...) { self.init(.array(elements)) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(.object(elements.map { JSONMember($0.0, $0.1) }))
  }

  public static var null: JSONValue { JSONValue(.null) }
  public static func bool(_ flag: Bool) -> JSONValue { JSONValue(.bool(flag)) }
  public static func string(_ text: String) -> JSONValue { JSONValue(.string(text)) }
  public static func integer(_ value: some BinaryInteger) -> JSONValue { JSONValue(.number(JSONNumber(value))) }
  public static func array(_ elements: [JSONValue]) -> JSONValue { JSONValue(.array(elements)) }
  public static func object(_ members: [JSONMember]) -> JSONValue { JSONValue(.object(members)) }

  /// The number, or null for infinities and NaN, which JSON cannot say (RFC 8259 section 6).
  public static func double(_ value: Double) -> JSONValue {
    JSONNumber(value).map { JSONValue(.number($0)) } ?? .null
  }
}
