import Foundation
import JSONText

/// As much of JSON Schema as docs/audit-report.schema.json uses; a word that it does not know is an error.
struct Schema {
  private let root: JSONValue

  init(_ root: JSONValue) { self.root = root }

  /// What is wrong with a document: paths and words.
  func errors(of document: JSONValue) -> [String] { check(document, root, "$") }

  private func check(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
    var errors: [String] = []
    for member in schema.members ?? [] {
      switch member.name {
      case "$schema", "$defs", "title", "description": break
      case "$ref": errors += check(value, definition(member.value), path)
      case "type": if !hasType(value, member.value) { errors.append("\(path): type \(member.value.text())") }
      case "const": if value != member.value { errors.append("\(path): const \(member.value.text())") }
      case "enum":
        if !(member.value.array ?? []).contains(value) { errors.append("\(path): enum \(member.value.text())") }
      case "required":
        for name in member.value.array ?? [] where value.members != nil && value[name.string ?? ""] == nil {
          errors.append("\(path): \(name.text()) is missing")
        }
      case "properties":
        for property in member.value.members ?? [] {
          if let inside = value[property.name] { errors += check(inside, property.value, "\(path).\(property.name)") }
        }
      case "additionalProperties": errors += checkOthers(value, member.value, schema, path)
      case "items":
        for (index, element) in (value.array ?? []).enumerated() {
          errors += check(element, member.value, "\(path)[\(index)]")
        }
      case "minimum":
        if let number = value.integer, number < member.value.integer ?? 0 { errors.append("\(path): minimum") }
      case "maxItems":
        if let list = value.array, list.count > member.value.integer ?? 0 { errors.append("\(path): maxItems") }
      case "pattern":
        if let text = value.string, text.range(of: member.value.string ?? "", options: .regularExpression) == nil {
          errors.append("\(path): pattern")
        }
      default: errors.append("\(path): the schema says \(member.name), which this test does not know")
      }
    }
    return errors
  }

  private func checkOthers(_ value: JSONValue, _ rule: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
    let known = Set((schema["properties"]?.members ?? []).map(\.name))
    let others = (value.members ?? []).filter { !known.contains($0.name) }
    if rule.bool == false { return others.map { "\(path): \($0.name) is not known" } }
    return others.flatMap { check($0.value, rule, "\(path).\($0.name)") }
  }

  private func definition(_ reference: JSONValue) -> JSONValue {
    let name = reference.string?.split(separator: "/").last.map(String.init) ?? ""
    return root["$defs"]?[name] ?? .null
  }

  private func hasType(_ value: JSONValue, _ type: JSONValue) -> Bool {
    if let several = type.array { return several.contains { hasType(value, $0) } }
    return switch type.string {
    case "object": value.members != nil
    case "array": value.array != nil
    case "string": value.string != nil
    case "integer": value.integer != nil
    case "number": value.number != nil
    case "boolean": value.bool != nil
    case "null": value.isNull
    default: false
    }
  }
}
