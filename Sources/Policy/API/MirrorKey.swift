/// One key of `mirror{}` as the reference page lists it. A test compares the names with those that are accepted.
struct MirrorKey: Sendable {
  var name: String
  /// In LuaLS notation.
  var type: String
  /// As it would be written; nil: it must be given.
  var standard: String?
  var doc: String

  static let all = [
    MirrorKey(name: "name", type: "string", doc: "1 to 60 characters; once in a VPC"),
    MirrorKey(name: "description", type: "string", standard: "\"\"", doc: "what it is for"),
    MirrorKey(
      name: "region", type: "string", standard: "any", doc: "the VPC's region, where several have a VPC of that id"),
    MirrorKey(name: "vpc", type: "string", doc: "the VPC's id"),
    MirrorKey(name: "source", type: "source", doc: "whose traffic: `source.vpc()` and its like"),
    MirrorKey(
      name: "direction", type: "string", standard: "\"all\"",
      doc: "`\"all\"`, `\"out\"` or `\"in\"`, seen from the source"),
    MirrorKey(
      name: "filter", type: "filter|fun(packet: packet): boolean", standard: "filter.any()", doc: "what is collected"),
    MirrorKey(
      name: "target", type: "target", doc: "`target.receivers(...)`; may be left out while `enabled = false`"),
    MirrorKey(
      name: "balance", type: "balance|fun(packet: packet, receivers: receiver[]): receiver|integer|string|nil",
      standard: "balance.even()", doc: "how copies are shared out"),
    MirrorKey(
      name: "copies", type: "string", standard: "\"once\"",
      doc: "`\"once\"`, or `\"per-eni\"`: one for each side that the source holds"),
    MirrorKey(name: "enabled", type: "boolean", standard: "true", doc: "whether it collects"),
    MirrorKey(name: "tags", type: "table<string, string>", standard: "{}", doc: "at most 50"),
    MirrorKey(
      name: "on_error", type: "string", standard: "\"skip\"",
      doc: "what a failing filter function means: `\"skip\"`, or `\"collect\"` the packet"),
    MirrorKey(
      name: "oversize", type: "string", standard: "nil",
      doc: "live: copies longer than the path takes: `\"fragment\"`, `\"truncate\"` or `\"drop\"`"),
    MirrorKey(
      name: "budget", type: "table<string, integer>", standard: "nil",
      doc:
        "live: `{ bits = n, packets = n, cpu = n }`, what it may send in a second, and percent of one processor that it may take"
    ),
    MirrorKey(
      name: "priority", type: "integer", standard: "50",
      doc: "live: 0 to 100; over the host's budget the lower is shed first"),
  ]

  /// The section of the reference page.
  static var page: String {
    "## The keys of a mirror\n\nOf `mirror { ... }`, `mirrors.create { ... }` and `mirror:modify { ... }`; `x-` names are free.\n\n"
      + "| Key | Type | Default | |\n| --- | --- | --- | --- |\n" + all.map(\.row).joined()
  }

  private var row: String {
    let type = type.split(separator: "|").joined(separator: "\\|")
    return "| `\(name)` | `\(type)` | \(standard.map { "`\($0)`" } ?? "must be given") | \(doc) |\n"
  }
}
