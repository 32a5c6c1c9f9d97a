public import Inventory
public import JSONText

/// A mirror as someone wrote it, before anybody knows whether it is right: the loose twin of `TrafficMirror`.
///
/// JSON files, Lua policies, the command line and the store all make drafts; only `MirrorValidator` turns a draft into
/// a mirror. The names of members are those of semantics section 3.
public struct MirrorDraft: Sendable {
  /// How the author spells names: `sourcePort` and lists from 0 in paths, or `source_port` and lists from 1.
  public enum Spelling: Sendable, Hashable {
    case camelCase
    /// Lua's. `source` is another name of `range`, `inbound` and `outbound` of `in` and `out` in rules; an empty table
    /// is an empty list too; and `target = { receivers, encapsulation }` may hold these two members.
    case snakeCase
  }

  public var definition: [DraftMember]
  public var spelling: Spelling
  /// The line of the call or of the object's first character; for violations whose value has no place of its own.
  public var location: SourceLocation
  /// `mirrors[0]` in a file; empty for a call.
  public var path: String

  public init(_ definition: [DraftMember], spelling: Spelling, location: SourceLocation, path: String = "") {
    self.definition = definition
    self.spelling = spelling
    self.location = location
    self.path = path
  }
}

/// One `name: value` of a draft.
public struct DraftMember: Sendable {
  public var name: String
  public var value: DraftValue
  /// Where the name stands; nil: where the value stands.
  public var location: SourceLocation?

  public init(_ name: String, _ value: DraftValue, at location: SourceLocation? = nil) {
    self.name = name
    self.value = value
    self.location = location
  }
}

/// One value of a draft, of whatever type.
public struct DraftValue: Sendable {
  public indirect enum Content: Sendable {
    /// Counts as not written.
    case null
    case bool(Bool)
    case integer(Int)
    /// Numbers that are no `Int`; `7.0` is accepted where 7 is.
    case number(Double)
    case string(String)
    case list([DraftValue])
    case table([DraftMember])
    /// Composed with Lua's `filter.*`, `&`, `|`, `~`.
    case filter(FilterDraft)
    /// A function as filter or balancer.
    case script(ScriptFunction)
    /// Lua's `source.where(fn)`, evaluated: ENIs of any VPC; the mirror takes those of its own.
    case selection([ENIIndex], name: String)
    /// Something that no definition can hold; the text is what messages call it: `a thread`, `a set`.
    case other(String)
  }

  public var content: Content
  public var location: SourceLocation?

  public init(_ content: Content, at location: SourceLocation? = nil) {
    self.content = content
    self.location = location
  }

  /// The same value, as JSON has it.
  public init(_ value: JSONValue, file: String) {
    location = SourceLocation(file: file, line: value.position.line)
    switch value.content {
    case .null: content = .null
    case .bool(let flag): content = .bool(flag)
    case .number(let number): content = number.integer.map { .integer($0) } ?? .number(number.double)
    case .string(let text): content = .string(text)
    case .array(let elements): content = .list(elements.map { DraftValue($0, file: file) })
    case .object(let members): content = .table(Self.members(members, file: file))
    }
  }

  static func members(_ members: [JSONMember], file: String) -> [DraftMember] {
    members.map {
      DraftMember(
        $0.name, DraftValue($0.value, file: file), at: SourceLocation(file: file, line: $0.position.line))
    }
  }
}

extension DraftValue {
  var isNull: Bool { if case .null = content { true } else { false } }

  /// What a message calls the value's type: `a string`.
  var typeName: String {
    switch content {
    case .null: "nothing"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .list: "a list"
    case .table: "a table"
    case .filter: "a filter"
    case .script: "a function"
    case .selection: "a source"
    case .other(let name): name
    }
  }

  /// The value as a message shows it: short values as written, others by their type.
  var shown: String {
    switch content {
    case .string(let text): text.quotedForMessage
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .bool(let flag): String(flag)
    default: typeName
    }
  }

  /// The exact integer, also of `7.0`.
  var integer: Int? {
    switch content {
    case .integer(let number): number
    case .number(let number): Int(exactly: number)
    default: nil
    }
  }

  var string: String? { if case .string(let text) = content { text } else { nil } }
}
