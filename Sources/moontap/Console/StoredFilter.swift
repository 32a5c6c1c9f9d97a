import Capture
import Inventory
import JSONText
import Mirroring
import Policy
import Store

/// The Lua filter of a stored mirror, as a policy that declares this one mirror.
///
/// The text stands first and on its own lines, so that messages name its lines. What it could do beside returning a
/// filter (declare mirrors of its own) is refused.
enum StoredFilter {
  /// The policy that a stored mirror with a Lua filter is.
  static func source(_ text: FilterText, _ definition: JSONValue) -> String {
    let members = (definition.members ?? []).filter {
      !["range", "filter", "receivers", "encapsulation"].contains($0.name)
    }
    var fields = members.map { "\(luaNames[$0.name] ?? $0.name) = \(literal($0.value))" }
    fields.append("source = \(literal(definition["range"] ?? .null))")
    fields.append(
      "target = { receivers = \(literal(definition["receivers"] ?? .null)),"
        + " encapsulation = \(literal(definition["encapsulation"] ?? .null)) }")
    return "local stored_filter = (function() \(text.text)\nend)() mirror { filter = stored_filter, "
      + fields.joined(separator: ", ") + " }\n"
  }

  private static let luaNames = ["onError": "on_error"]

  /// Nothing beside the text is loaded for it: it must be whole in itself.
  static func file(_ name: String) -> String {
    "/dev/null/" + name.map { $0 == "/" ? "_" : String($0) }.joined()
  }

  static func policy(
    _ text: FilterText, _ definition: JSONValue, host: Int, inventory: Inventory, bpf: PcapFilterCompiler,
    earlier: [TrafficMirror] = [], options: PolicyOptions = PolicyOptions()
  ) throws(PolicyError) -> Policy {
    let name = definition["name"]?.string ?? ""
    let policy = try Policy(
      source: source(text, definition), file: file(name), host: host, inventory: inventory, bpf: bpf,
      earlier: earlier, options: options)
    guard policy.mirrors.count == 1 else {
      throw PolicyError(
        kind: .runtime, file: name, line: 0, message: "a stored filter returns a filter; it declares no mirror itself")
    }
    return policy
  }

  /// What is wrong with the text, asked by the store before it keeps it.
  static func violations(_ text: FilterText, _ definition: JSONValue, _ inventory: Inventory) -> [MirrorViolation] {
    do throws(PolicyError) {
      let policy = try policy(text, definition, host: 0, inventory: inventory, bpf: PcapFilterCompiler())
      guard case .any = policy.mirrors[0].filter else { return [] }
      return [violation("it returns no filter", hint: "end it with: return filter.quintuple { ... }, or a function")]
    } catch {
      let inner = error.violations.filter { !$0.isWarning }
      guard inner.isEmpty else {
        return inner.map { violation("line \($0.location?.line ?? 0): \($0.sentence)", hint: $0.hint) }
      }
      return [violation(error.line > 0 ? "line \(error.line): \(error.message)" : error.message)]
    }
  }

  private static func violation(_ message: String, hint: String? = nil) -> MirrorViolation {
    MirrorViolation(code: "filter.lua", path: "filter.lua", message: message, hint: hint)
  }
}

extension StoredFilter {
  /// A value as Lua writes it.
  static func literal(_ value: JSONValue) -> String {
    switch value.content {
    case .null: "nil"
    case .bool(let flag): flag ? "true" : "false"
    case .number(let number): number.text
    case .string(let text): quoted(text)
    case .array(let elements): "{" + elements.map(literal).joined(separator: ", ") + "}"
    case .object(let members):
      "{" + members.map { "[\(quoted($0.name))] = \(literal($0.value))" }.joined(separator: ", ") + "}"
    }
  }

  /// Everything but letters and digits as decimal escapes: no text can end the string.
  private static func quoted(_ text: String) -> String {
    "\""
      + text.utf8.map { byte in
        let isPlain = byte < 0x80 && (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte >= 0x30 && byte <= 0x39)
        return isPlain ? String(UnicodeScalar(byte)) : "\\" + String(String(1000 + Int(byte)).dropFirst())
      }.joined() + "\""
  }
}
