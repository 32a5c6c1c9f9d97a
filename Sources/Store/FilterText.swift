public import JSONText
internal import Mirroring

/// A Lua filter as a stored mirror keeps it: a text that returns a filter, and the digest of that text.
///
/// In a definition it stands as `{"lua": {"text": "return ...", "sha256": "..."}}`; whoever writes one may leave the digest
/// out, or write `{"lua": "return ..."}`.
public struct FilterText: Sendable, Hashable {
  public var text: String
  /// SHA-256, 64 hexadecimal digits.
  public var digest: String

  public init(_ text: String) {
    self.text = text
    digest = SHA256.hex(text)
  }

  public var json: JSONValue { ["lua": ["text": .string(text), "sha256": .string(digest)]] }

  /// `lua:9f86d081`: what lists call it.
  public var shortName: String { "lua:\(digest.prefix(8))" }

  /// At most this many bytes, as of a policy file.
  static let limit = 256 << 10

  /// The text of a mirror's definition; nil when its filter is none of Lua's.
  public init?(definition: JSONValue) {
    guard let filter = definition["filter"], let lua = filter["lua"],
      let text = lua.string ?? lua["text"]?.string
    else { return nil }
    self.init(text)
  }

  /// Takes the filter out of a definition's members when it is one of Lua's.
  ///
  /// - Returns: nil when it is another; else the text, and what is wrong with how it is written.
  static func take(from members: [JSONMember], file: String) -> (text: FilterText, violations: [MirrorViolation])? {
    guard let filter = members.first(where: { $0.name == "filter" })?.value, let lua = filter["lua"] else { return nil }
    var reading = Reading(file: file, line: lua.position.line)
    if filter.members?.count != 1 { reading.report("filter", "lua stands alone", "other kinds of filter exclude it") }
    let text = FilterText(reading.text(of: lua))
    if text.text.utf8.count > limit { reading.report("filter.lua", "the text has more than \(limit) bytes", nil) }
    if let digest = lua["sha256"], digest.string?.lowercased() != text.digest {
      reading.report(
        "filter.lua.sha256", "the digest is not that of the text, which has \(text.digest)",
        "the text was changed or cut; leave sha256 out if that was meant")
    }
    return (text, reading.violations)
  }

  private struct Reading {
    let file: String
    let line: Int
    var violations: [MirrorViolation] = []

    mutating func report(_ path: String, _ message: String, _ hint: String?) {
      violations.append(
        MirrorViolation(
          code: "filter.lua", path: path, location: SourceLocation(file: file, line: line), message: message, hint: hint
        ))
    }

    mutating func text(of lua: JSONValue) -> String {
      if let text = lua.string { return text }
      for member in lua.members ?? [] where member.name != "text" && member.name != "sha256" {
        report("filter.lua", "\(member.name.quotedForMessage) means nothing here", "known here: text, sha256")
      }
      if let text = lua["text"]?.string { return text }
      report("filter.lua", "there is no text", "as in {\"lua\": \"return filter.bpf('icmp')\"}")
      return ""
    }
  }
}
