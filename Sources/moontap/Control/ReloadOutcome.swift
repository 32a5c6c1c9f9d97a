import DataPath
import Inventory
import JSONText
import Mirroring

/// What became of a reload.
enum ReloadOutcome: Sendable {
  /// `policies` as in `ReloadChange`, which is for who asked to make: the engine has no time for it.
  case done(before: MirrorPlan, after: MirrorPlan, policies: [String], warnings: [Problem])
  /// Everything stays as it was.
  case refused([Problem])
}

/// What a reload changed, by names.
struct ReloadChange: Equatable {
  var mirrors: Int
  var added: [String] = []
  var removed: [String] = []
  /// Their definition reads otherwise now. Lua functions count by name: what they do is in `policies`.
  var changed: [String] = []
  /// Policies whose text, modules or files of sets are others.
  var policies: [String]
  var enis: (before: Int, after: Int)

  init(from old: MirrorPlan, to new: MirrorPlan, policies: [String]) {
    self.policies = policies
    mirrors = new.mirrors.count
    enis = (old.inventory.enis.count, new.inventory.enis.count)
    var before = Dictionary(
      old.mirrors.indices.map { (old.identity($0), old.definition($0)) }, uniquingKeysWith: { first, _ in first })
    for index in new.mirrors.indices {
      let name = new.mirrors[index].name
      if let known = before.removeValue(forKey: new.identity(index)) {
        if known != new.definition(index) { changed.append(name) }
      } else {
        added.append(name)
      }
    }
    removed = before.keys.sorted().map(\.name)
  }

  static func == (a: Self, b: Self) -> Bool {
    (a.mirrors, a.added, a.removed, a.changed, a.policies) == (b.mirrors, b.added, b.removed, b.changed, b.policies)
      && a.enis == b.enis
  }

  /// `3 mirrors in force: new dns-watch; changed web-to-ids`
  var text: String {
    let lists = [("new", added), ("gone", removed), ("changed", changed), ("policy text changed:", policies)]
    let parts = lists.filter { !$0.1.isEmpty }
      .map { "\($0.0) " + Self.list($0.1) }
    let network = enis.before == enis.after ? [] : ["ENIs \(enis.before) → \(enis.after)"]
    let what = (parts + network).joined(separator: "; ")
    return "\(mirrors) mirror\(mirrors == 1 ? "" : "s") in force: " + (what.isEmpty ? "none is new or other" : what)
  }

  private static func list(_ names: [String]) -> String {
    names.count <= 10
      ? names.joined(separator: ", ") : names.prefix(10).joined(separator: ", ") + " + \(names.count - 10)"
  }

  var json: JSONValue {
    func strings(_ list: [String]) -> JSONValue { .array(list.map { .string($0) }) }
    return [
      "mirrors": .integer(mirrors), "added": strings(added), "removed": strings(removed), "changed": strings(changed),
      "policies": strings(policies),
      "enis": ["before": .integer(enis.before), "after": .integer(enis.after)],
    ]
  }
}

extension MirrorPlan {
  /// All of a definition in words, to be compared.
  fileprivate func definition(_ index: Int) -> String {
    let mirror = mirrors[index]
    return [
      describe(mirror), "\(mirror.filter)", mirror.description, "\(mirror.receivers)", "\(mirror.balance)",
      "\(mirror.encapsulation)", "\(mirror.copies)", "\(mirror.isEnabled)", "\(mirror.onError)",
      "\(mirror.tags.sorted { $0.key < $1.key })", "\(ranged(mirror.range))",
    ].joined(separator: "\n")
  }

  /// ENIs by id: their numbers are the inventory's.
  private func ranged(_ range: CollectionRange) -> [String] {
    switch range {
    case .vpc: []
    case .subnets(let subnets): subnets.map { inventory.subnets[$0].id }
    case .enis(let enis), .selected(let enis, _): enis.map { inventory.enis[$0].id }
    }
  }
}

extension JSONValue {
  /// What a client gets instead of an answer, when several things are wrong.
  static func refusal(_ problems: [Problem]) -> JSONValue {
    let first = problems.first { !$0.isWarning } ?? problems.first
    let sentence = problems.count > 1 ? "\(problems.count) things are wrong" : first?.sentence ?? "refused"
    return [
      "error": .object(
        [
          JSONMember("code", .string(first?.code ?? "control.refused")), JSONMember("sentence", .string(sentence)),
          JSONMember("hint", first?.hint.map { .string($0) } ?? .null),
          JSONMember("exit", .integer(Int(problems.exit.rawValue))),
        ] + problems.json)
    ]
  }
}

extension [Problem] {
  /// The gravest decides.
  var exit: Ending { filter { !$0.isWarning }.map(\.exit).max { $0.rawValue < $1.rawValue } ?? .badInput }
}
