public import JSONText

/// A `moontap.mirrors/1` document taken apart: drafts, and what is wrong with the document around them.
public struct MirrorsFile: Sendable {
  /// The `format` of a mirrors document.
  public static let format = "moontap.mirrors/1"

  public var drafts: [MirrorDraft] = []
  /// Wrong format, unknown keys, elements that are no objects; what is wrong inside a mirror is the validator's to say.
  public var violations: [MirrorViolation] = []

  /// - Parameter file: the name that violations carry.
  /// - Throws: when the text is not JSON.
  public init(json bytes: [UInt8], file: String) throws(JSONError) {
    self.init(try JSONValue(json: bytes, file: file), file: file)
  }

  public init(json text: String, file: String) throws(JSONError) {
    try self.init(json: Array(text.utf8), file: file)
  }

  /// Takes a document apart that has been read already.
  public init(_ document: JSONValue, file: String) {
  }
}
