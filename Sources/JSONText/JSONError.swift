/// Why a text is not JSON that Moontap reads, and where.
public struct JSONError: Error, Sendable, Equatable {
  public enum Reason: Sendable, Equatable {
    case unexpectedEnd(expected: String)
    case unexpected(found: String, expected: String)
    case trailing(found: String)
    case invalidNumber(String)
    case invalidEscape(String)
    /// Half of a surrogate pair (RFC 8259 section 8.2): no character, and no way to say it in UTF-8.
    case loneSurrogate(String)
    case controlCharacter(UInt8)
    case invalidUTF8(UInt8)
    case duplicateName(String, firstLine: Int)
    case tooDeep(limit: Int)
    case tooLarge(bytes: Int, limit: Int)
  }

  public var file: String
  public var position: JSONPosition
  public var reason: Reason

  public init(file: String, position: JSONPosition, reason: Reason) {
    self.file = file
    self.position = position
    self.reason = reason
  }
}

extension JSONError {
  /// Stable name of the kind of error.
  public var code: String {
    switch reason {
    case .duplicateName: "json.duplicate-name"
    case .tooDeep: "json.too-deep"
    case .tooLarge: "json.too-large"
    default: "json.syntax"
    }
  }

  /// The sentence without the place.
  public var message: String {
    switch reason {
    case .unexpectedEnd(let expected): "the text ends where \(expected) should stand"
    case .unexpected(let found, let expected): "found \(found) where \(expected) should stand"
    case .trailing(let found): "found \(found) after the end of the value"
    case .invalidNumber(let text): "\(text) is not a JSON number"
    case .invalidEscape(let text): "\(text) is not an escape that JSON knows"
    case .loneSurrogate(let text): "\(text) is half of a surrogate pair and no character"
    case .controlCharacter(let byte):
      "control character \(byte) inside a string; write it as \(JSONWriter.escaped(UInt32(byte)))"
    case .invalidUTF8(let byte): "byte 0x\(String(byte, radix: 16)) is not UTF-8"
    case .duplicateName(let name, let line):
      "the name \(JSONWriter.quoted(name)) is already in this object, at line \(line)"
    case .tooDeep(let limit): "lists and objects are nested more than \(limit) deep"
    case .tooLarge(let bytes, let limit): "the text has \(bytes) bytes, more than the \(limit) allowed"
    }
  }
}

extension JSONError: CustomStringConvertible {
  /// `file:line:column: code: sentence`
  public var description: String { "\(file):\(position.line):\(position.column): \(code): \(message)" }
}
