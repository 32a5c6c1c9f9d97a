import JSONText
import Mirroring
import Store

// Stored mirrors for people and for programs.
extension StoredMirror {
  /// One mirror, a line a fact.
  var text: String {
    let words = DefinitionWords(definition: definition)
    var lines: [(String, String)] = [("VPC", vpc), ("region", region)]
    if let text = definition["description"]?.string, !text.isEmpty { lines.append(("description", text)) }
    lines += [
      ("collection range", words.range), ("direction", words.direction), ("filter", words.filter),
      ("receiving IPs", words.receivers), ("balance", words.balance), ("encapsulation", words.encapsulation),
      ("copies", definition["copies"]?.string ?? "once"), ("on error", definition["onError"]?.string ?? "skip"),
    ]
    let given = [("oversize", words.oversize), ("budget", words.budget), ("priority", words.priority)]
    lines += given.compactMap { label, value in value.map { (label, $0) } }
    lines += [
      ("collect traffic", words.collectTraffic), ("tags", words.tags.isEmpty ? "none" : words.tags),
      ("created", created), ("changed", changed), ("number", "\(id)"),
    ]
    let width = lines.map(\.0.count).max() ?? 0
    var text = Terminal.bold(name) + "\n"
    for (label, value) in lines { text += "  \(Words.pad(label, width))  \(TextTable.plain(value))\n" }
    if let filter = filterText { text += filterLines(filter) }
    for problem in problems { text += "  invalid: \(problem.sentence)\n" }
    return text
  }

  private func filterLines(_ filter: FilterText) -> String {
    "  filter text (SHA-256 \(filter.digest)):\n"
      + filter.text.split(separator: "\n", omittingEmptySubsequences: false).map {
        "    \(TextTable.plain(String($0)))\n"
      }
      .joined()
  }

  var json: JSONValue {
    [
      "id": .integer(id), "created": .string(created), "changed": .string(changed), "valid": .bool(problems.isEmpty),
      "problems": .array(problems.map { Problem($0).json }), "definition": definition,
    ]
  }

  /// `web-to-ids in vpc-shop: subnet-web · all · tcp, destination port 443 → 10.20.9.10 (even)`
  var line: String {
    let words = DefinitionWords(definition: definition)
    return "\(name) in \(vpc): "
      + TextTable.plain("\(words.range) · \(words.direction) · \(words.filter) → \(words.receivers) (\(words.balance))")
  }
}

extension [StoredMirror] {
  var table: String {
    if isEmpty { return "no mirror\n" }
    var table = TextTable([
      "NAME", "VPC", "RANGE", "DIRECTION", "FILTER", "RECEIVERS", "COLLECT TRAFFIC", "TAGS",
    ])
    for mirror in self {
      let words = DefinitionWords(definition: mirror.definition)
      table.add([
        mirror.name, mirror.vpc, words.range, words.direction, words.filter, words.receivers,
        words.collectTraffic + (mirror.problems.isEmpty ? "" : " (invalid)"), words.tags,
      ])
    }
    return table.text
  }

  var json: JSONValue { ["format": "moontap.stored-mirrors/1", "mirrors": .array(map(\.json))] }

  /// What is wrong with those that the inventory has made invalid.
  var complaints: [Problem] {
    flatMap(\.problems).map { violation in
      var problem = Problem(violation)
      problem.isWarning = true
      return problem
    }
  }
}

/// What a command did, said in a line or as JSON.
struct Report {
  let json: Bool

  /// - Parameter verb: `created`
  func say(_ verb: String, _ outcomes: [MirrorOutcome]) throws {
    let mirrors = outcomes.compactMap { $0.after ?? $0.before }
    if json {
      try Terminal.write(mirrors.json.text(.pretty) + "\n")
    } else {
      for outcome in outcomes {
        guard let mirror = outcome.after ?? outcome.before else { continue }
        try Terminal.write("\(outcome.isUnchanged ? "unchanged" : verb) \(mirror.line)\n")
      }
    }
    outcomes.flatMap(\.warnings).filter(\.isWarning).map { Problem($0) }.complain()
  }
}
