import JSONText

/// A value of the document together with the way to it.
struct JSONField {
  var value: JSONValue
  var path: JSONPath
}

/// Takes a document apart and keeps every problem it meets: reading goes on after an error, so that one run of
/// `inventory check` shows them all.
struct ProblemCollector {
  let file: String
  private(set) var problems: [InventoryProblem] = []

  init(file: String) { self.file = file }

  /// Nobody reads the hints of thousands of problems, and to find one takes a look at all names.
  var givesHints: Bool { problems.count < 500 }

  mutating func report(_ code: InventoryProblem.Code, _ field: JSONField, _ message: String, hint: String? = nil) {
    report(code, field.value.position, field.path, message, hint: hint)
  }

  mutating func report(
    _ code: InventoryProblem.Code, _ position: JSONPosition, _ path: JSONPath, _ message: String, hint: String? = nil
  ) {
    problems.append(
      InventoryProblem(
        code: code, file: file, position: position, path: path.description, message: message, hint: hint))
  }

  /// The members of an object by name. Names that are neither known nor start with `x-` are reported.
  ///
  /// - Returns: nil, reported, when the field is no object.
  mutating func object(_ field: JSONField, known: [String]) -> JSONObjectFields? {
    guard let members = field.value.members else {
      report(.type, field, "\(field.value.typeName) stands where an object should")
      return nil
    }
    for member in members where !known.contains(member.name) && !member.name.hasPrefix("x-") {
      let near = givesHints ? Spelling.nearest(to: member.name, among: known) : nil
      let hint = near.map { "did you mean \"\($0)\"?" }
      report(
        .unknownField, member.position, field.path[member.name], "unknown field",
        hint: hint ?? "known here: \(known.joined(separator: ", ")); names that start with x- are free")
    }
    return JSONObjectFields(field: field, members: members)
  }

  /// The elements of a list; an absent or null list is empty.
  mutating func list(_ object: JSONObjectFields, _ name: String) -> [JSONField] {
    guard let field = object[name] else { return [] }
    guard let elements = field.value.array else {
      report(.type, field, "\(field.value.typeName) stands where a list should", hint: "write [ ... ]")
      return []
    }
    return elements.indices.map { JSONField(value: elements[$0], path: field.path[$0]) }
  }

  mutating func string(_ field: JSONField) -> String? {
    guard let text = field.value.string else {
      report(.type, field, "\(field.value.typeName) stands where a string should")
      return nil
    }
    return text
  }

  mutating func string(_ object: JSONObjectFields, _ name: String) -> String? {
    object[name].flatMap { string($0) }
  }

  mutating func required(_ object: JSONObjectFields, _ name: String) -> JSONField? {
    if let field = object[name] { return field }
    report(.missing, object.field, "the field \"\(name)\" is missing")
    return nil
  }

  mutating func bool(_ object: JSONObjectFields, _ name: String) -> Bool? {
    guard let field = object[name] else { return nil }
    if let flag = field.value.bool { return flag }
    report(.type, field, "\(field.value.typeName) stands where true or false should")
    return nil
  }
}

/// The members of one object; a member that is null counts as absent.
struct JSONObjectFields {
  let field: JSONField
  let members: [JSONMember]

  subscript(name: String) -> JSONField? {
    guard let member = members.first(where: { $0.name == name }), !member.value.isNull else { return nil }
    return JSONField(value: member.value, path: field.path[name])
  }
}
