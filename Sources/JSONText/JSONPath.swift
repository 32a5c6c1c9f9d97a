/// The way from the root of a document to a value; written only when someone asks, because most values are right.
public indirect enum JSONPath: Sendable, Hashable {
  case root
  case member(of: JSONPath, String)
  case element(of: JSONPath, Int)

  public subscript(name: String) -> JSONPath { .member(of: self, name) }
  public subscript(index: Int) -> JSONPath { .element(of: self, index) }
}

extension JSONPath: CustomStringConvertible {
  /// `regions[0].vpcs[0].tags["odd key"]`; the root is empty.
  public var description: String {
    switch self {
    case .root: return ""
    case .element(let parent, let index): return "\(parent)[\(index)]"
    case .member(let parent, let name):
      guard Self.isPlain(name) else { return "\(parent)[\(name.quotedForMessage)]" }
      let prefix = parent.description
      return prefix.isEmpty ? name : prefix + "." + name
    }
  }

  private static func isPlain(_ name: String) -> Bool {
    guard let first = name.utf8.first, isLetter(first) else { return false }
    return name.utf8.allSatisfy { isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-") }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
  }
}
