import ArgumentParser
import Control
import JSONText

/// `moontap mirror` over a running engine in place of the store.
struct EngineMirrorOptions: ParsableArguments {
  @Flag(
    help: "Of a running engine, as it is now, instead of the store. What is changed holds until the engine reloads.")
  var engine = false

  @OptionGroup var which: EngineOptions

  var isWanted: Bool { engine || which.control != nil }

  /// Not both at once.
  func validate(_ store: StoreOptions) throws {
    if isWanted, store.store != nil {
      throw ValidationError("--store names a store, --engine and --control a running engine: one of them.")
    }
  }

  func mirrors() throws -> [EngineMirror] {
    let found = try which.connect().asked(["request": "mirrors"], for: "mirrors")
    return (found.array ?? []).map { EngineMirror(json: $0) }
  }

  func mirror(_ selection: SelectorOptions) throws -> EngineMirror {
    let found = try mirrors().filter { mirror in
      mirror.text("name") == selection.mirror && (selection.vpc == nil || mirror.text("vpc") == selection.vpc)
        && (selection.region == nil || mirror.text("region") == selection.region)
    }
    guard let mirror = found.first, found.count == 1 else {
      throw found.isEmpty
        ? Problem(
          code: "mirror.unknown", sentence: "the engine has no mirror \(selection.mirror.quotedForMessage)",
          hint: "moontap mirror list --engine shows which it has")
        : Problem(
          code: "mirror.ambiguous", sentence: "several VPCs have a mirror \(selection.mirror.quotedForMessage)",
          hint: "--vpc ID says which")
    }
    return mirror
  }

  /// Enables or disables a mirror, and says so.
  func set(_ selection: SelectorOptions, isEnabled: Bool, json: Bool) throws {
    var members = [
      JSONMember("request", isEnabled ? "enable" : "disable"), JSONMember("mirror", .string(selection.mirror)),
    ]
    if let vpc = selection.vpc { members.append(JSONMember("vpc", .string(vpc))) }
    if let region = selection.region { members.append(JSONMember("region", .string(region))) }
    let mirror = EngineMirror(json: try which.connect().asked(.object(members), for: "mirror"))
    let words =
      "\(isEnabled ? "enabled" : "disabled") \(mirror.text("name")) in \(mirror.text("vpc")), until the engine reloads\n"
    try Terminal.write(json ? mirror.json.text(.pretty) + "\n" : words)
  }
}

/// A mirror as an engine tells of it.
struct EngineMirror {
  let json: JSONValue

  func text(_ name: String) -> String { json[name]?.string ?? "" }
  private var receivers: String { (json["receivers"]?.array ?? []).compactMap(\.string).joined(separator: ", ") }

  static func table(_ mirrors: [EngineMirror]) -> String {
    var table = TextTable(["name", "vpc", "state", "observed", "collected", "receivers", "origin"])
    for mirror in mirrors {
      table.add([
        mirror.text("name"), mirror.text("vpc"), mirror.text("state"), Words.count(mirror.json["observed"].packets),
        Words.count(mirror.json["collected"].packets), mirror.receivers, mirror.text("origin"),
      ])
    }
    return table.text
  }

  var shown: String {
    let lines = [
      ("name", text("name")), ("vpc", text("vpc")), ("state", text("state")), ("definition", text("definition")),
      ("receivers", receivers), ("vni", "\(json["vni"].count)"), ("origin", text("origin")),
      ("observed", Words.packets(json["observed"].packets)),
      ("collected", Words.packets(json["collected"].packets)),
    ]
    return lines.map { Words.pad($0.0, 11) + TextTable.plain($0.1) + "\n" }.joined()
  }
}
