internal import JSONText

/// One object of a cloud's answer; what is null, empty or of another type counts as absent, and what nobody asks for is
/// nobody's business.
struct CloudObject {
  let value: JSONValue

  init(_ value: JSONValue) { self.value = value }

  /// Clouds write "" where they mean nothing.
  func text(_ name: String) -> String? {
    guard let text = value[name]?.string, !text.isEmpty else { return nil }
    return text
  }

  func flag(_ name: String) -> Bool? { value[name]?.bool }

  func integer(_ name: String) -> Int? { value[name]?.integer }

  func object(_ name: String) -> CloudObject? { value[name].flatMap { $0.members == nil ? nil : CloudObject($0) } }

  func list(_ name: String) -> [CloudObject] { (value[name]?.array ?? []).map { CloudObject($0) } }

  func texts(_ name: String) -> [String] { (value[name]?.array ?? []).compactMap(\.string).filter { !$0.isEmpty } }

  func has(_ name: String) -> Bool { value[name] != nil }

  /// `[{"Key": ..., "Value": ...}]`
  func tags(_ name: String) -> [(key: String, value: String)] {
    list(name).compactMap { tag in tag.text("Key").map { ($0, tag.text("Value") ?? "") } }
  }
}
