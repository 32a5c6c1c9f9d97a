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
  public init(_ document: JSONValue, file: String) { read(document, file: file) }

  private mutating func read(_ document: JSONValue, file: String) {
    let location = SourceLocation(file: file, line: document.position.line)
    guard let members = document.members else {
      return report(
        "mirrors.format", "", location, "\(document.typeName) stands where an object should", hint: Self.formatHint)
    }
    checkFormat(members, location)
    checkKeys(members, file: file)
    guard let list = document["mirrors"] else {
      return report("mirrors.format", "", location, "the list \"mirrors\" is missing", hint: Self.formatHint)
    }
    let place = SourceLocation(file: file, line: list.position.line)
    guard let elements = list.array else {
      return report(
        "value.type", "mirrors", place, "\(list.typeName) stands where a list should", hint: "write [ ... ]")
    }
    for (index, element) in elements.enumerated() { add(element, path: "mirrors[\(index)]", file: file) }
  }

  private static let formatHint = "as in {\"format\": \"\(format)\", \"mirrors\": [ ... ]}"

  private mutating func checkFormat(_ members: [JSONMember], _ location: SourceLocation) {
    guard let found = members.first(where: { $0.name == "format" }) else {
      return report("mirrors.format", "", location, "the field \"format\" is missing", hint: Self.formatHint)
    }
    guard found.value.string != Self.format else { return }
    let place = SourceLocation(file: location.file, line: found.value.position.line)
    let shown = found.value.string?.quotedForMessage ?? found.value.typeName
    report(
      "mirrors.format", "format", place, "\(shown) is not the format of a mirrors file",
      hint: "write \(Self.format.quotedForMessage)")
  }

  private mutating func checkKeys(_ members: [JSONMember], file: String) {
    let known = ["format", "mirrors"]
    for member in members where !known.contains(member.name) && !member.name.hasPrefix("x-") {
      let near = Spelling.nearest(to: member.name, among: known).map { "did you mean \($0.quotedForMessage)?" }
      report(
        "key.unknown", member.name, SourceLocation(file: file, line: member.position.line),
        "\(member.name.quotedForMessage) means nothing here", hint: near ?? "known here: format, mirrors")
    }
  }

  private mutating func add(_ element: JSONValue, path: String, file: String) {
    let location = SourceLocation(file: file, line: element.position.line)
    guard let members = element.members else {
      return report("value.type", path, location, "\(element.typeName) stands where a mirror should")
    }
    drafts.append(
      MirrorDraft(DraftValue.members(members, file: file), spelling: .camelCase, location: location, path: path))
  }

  private mutating func report(
    _ code: String, _ path: String, _ location: SourceLocation, _ message: String, hint: String? = nil
  ) {
    violations.append(MirrorViolation(code: code, path: path, location: location, message: message, hint: hint))
  }
}
