import Inventory
import JSONText
import Wire

/// One draft while it is being read: the groups of `MirrorRule` fill it part by part. What is wrong is reported and left
/// out, so that reading goes on; a mirror comes out only if no error was reported.
///
/// 1. A part that is nil was wrong, and has been reported: checks that need it stay silent.
struct MirrorReading {
  let inventory: Inventory
  let bpf: (any BPFCompiler)?
  let draft: MirrorDraft
  let neighbours: MirrorNeighbours
  let identifiers: NetworkIdentifiers

  private(set) var violations: [MirrorViolation] = []
  private(set) var errorCount = 0
  /// By name as it is spelt in camelCase.
  var members: [String: DraftField] = [:]

  var name: String?
  var vpc: VPCIndex?
  var range: CollectionRange?
  var direction: CollectionDirection?
  var filter: FilterExpression?
  var receivers: [IPAddress]?
  /// What stands for the receivers of a Lua mirror was reported.
  var isTargetBroken = false
  var balance: BalanceMethod?
  var encapsulation: Encapsulation?
  var copies: CopyMode?
  var onError: ScriptErrorPolicy?
  var oversize: OversizePolicy?
  var budget: MirrorBudget?
  var priority = 50
  var isEnabled = true
  var description = ""
  var tags: [String: String] = [:]

  init(
    _ draft: MirrorDraft, inventory: Inventory, bpf: (any BPFCompiler)?, neighbours: MirrorNeighbours,
    identifiers: NetworkIdentifiers
  ) {
    self.draft = draft
    self.inventory = inventory
    self.bpf = bpf
    self.neighbours = neighbours
    self.identifiers = identifiers
  }

  /// Runs every check of the table.
  mutating func read() { for group in MirrorRule.groups { group.check(&self) } }

  /// In the order of the lines, those of other files last.
  var sortedViolations: [MirrorViolation] {
    let file = draft.location.file
    return violations.enumerated().sorted { a, b in
      let (left, right) = (a.element.location, b.element.location)
      let isLater = (left?.file != file, right?.file != file)
      if isLater.0 != isLater.1 { return isLater.1 }
      return (left?.file ?? "", left?.line ?? 0, a.offset) < (right?.file ?? "", right?.line ?? 0, b.offset)
    }.map(\.element)
  }

  /// The mirror, when nothing is wrong with it.
  var mirror: TrafficMirror? {
    guard errorCount == 0, let name, let vpc, let range, let direction, let filter,
      let receivers, let balance, let encapsulation, let copies, let onError
    else { return nil }
    return TrafficMirror(
      name: name, description: description, vpc: vpc, range: range, direction: direction, filter: filter,
      receivers: receivers, balance: balance, encapsulation: encapsulation, copies: copies, isEnabled: isEnabled,
      tags: tags, onError: onError, oversize: oversize, budget: budget, priority: priority, origin: draft.origin)
  }
}

extension MirrorDraft {
  /// `web-to-ids.lua:8`, `mirrors.json: mirrors[0]`.
  var origin: String { path.isEmpty ? location.description : "\(location.file): \(path)" }

  var isLua: Bool { spelling == .snakeCase }

  /// The draft as the root of its fields.
  var root: DraftField {
    DraftField(value: DraftValue(.table(definition)), path: path, location: location, spelling: spelling)
  }

  /// A name as this draft spells it: `sourcePort` or `source_port`.
  func spell(_ name: String) -> String { spelling.spell(name) }
}

extension MirrorDraft.Spelling {
  /// - Parameter name: in camelCase.
  func spell(_ name: String) -> String {
    guard self == .snakeCase else { return name }
    switch name {
    case "in": return "inbound"
    case "out": return "outbound"
    default: return name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
    }
  }
}

/// A value of a draft with the way to it.
struct DraftField {
  var value: DraftValue
  var path: String
  /// Of the value, else of what it stands in.
  var location: SourceLocation
  var spelling: MirrorDraft.Spelling

  /// - Parameter name: as the author wrote it.
  func member(_ name: String, _ value: DraftValue, at place: SourceLocation? = nil) -> DraftField {
    let isPlain = !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }
    let step = isPlain ? (path.isEmpty ? name : "." + name) : "[\(name.quotedForMessage)]"
    return DraftField(
      value: value, path: path + step, location: value.location ?? place ?? location, spelling: spelling)
  }

  func element(_ index: Int, _ value: DraftValue) -> DraftField {
    DraftField(
      value: value, path: "\(path)[\(index + (spelling == .snakeCase ? 1 : 0))]",
      location: value.location ?? location, spelling: spelling)
  }

  /// The elements of a list; of Lua's empty table too. nil: something else.
  var elements: [DraftField]? {
    switch value.content {
    case .list(let values): values.enumerated().map { element($0.offset, $0.element) }
    case .table(let members) where members.isEmpty && spelling == .snakeCase: []
    default: nil
    }
  }

  /// The members of a table; of Lua's empty list too. nil: something else.
  var members: [DraftMember]? {
    switch value.content {
    case .table(let members): members
    case .list(let values) where values.isEmpty && spelling == .snakeCase: []
    default: nil
    }
  }
}

// Reporting, and values of the wanted type.
extension MirrorReading {
  mutating func report(_ code: String, _ field: DraftField, _ message: String, hint: String? = nil) {
    report(code, path: field.path, at: field.location, message, hint: hint, isWarning: false)
  }

  mutating func warn(_ code: String, _ field: DraftField, _ message: String, hint: String? = nil) {
    report(code, path: field.path, at: field.location, message, hint: hint, isWarning: true)
  }

  private mutating func report(
    _ code: String, path: String, at location: SourceLocation, _ message: String, hint: String?, isWarning: Bool
  ) {
    if !isWarning { errorCount += 1 }
    violations.append(
      MirrorViolation(
        code: code, mirror: draft.name, path: path, location: location, message: message, hint: hint,
        isWarning: isWarning))
  }

  /// Reports a value of the wrong type.
  mutating func mistyped(_ field: DraftField, _ wanted: String, hint: String? = nil) {
    report("value.type", field, "\(field.value.shown) stands where \(wanted) should", hint: hint)
  }

  mutating func text(_ field: DraftField) -> String? {
    if let text = field.value.string { return text }
    mistyped(field, "a string")
    return nil
  }

  mutating func flag(_ field: DraftField) -> Bool? {
    if case .bool(let flag) = field.value.content { return flag }
    mistyped(field, "true or false")
    return nil
  }

  /// One of a set of words.
  mutating func word<Word: RawRepresentable<String> & CaseIterable>(
    _ name: String, default: Word, code: String, what: String
  ) -> Word? {
    guard let field = members[name] else { return `default` }
    guard let text = text(field) else { return nil }
    if let word = Word(rawValue: text) { return word }
    let words = Word.allCases.map(\.rawValue)
    report(code, field, "\(text.quotedForMessage) is no \(what)", hint: suggestion(for: text, among: words))
    return nil
  }

  /// The members of a table by name in camelCase; unknown and repeated names are reported, `x-` names are free, null
  /// counts as not written. nil, reported: no table.
  mutating func table(_ field: DraftField, known: [String]) -> [String: DraftField]? {
    guard let members = field.members else {
      mistyped(field, "a table", hint: "known here: \(known.map(draft.spell).joined(separator: ", "))")
      return nil
    }
    let names = Dictionary(uniqueKeysWithValues: known.map { (draft.spell($0), $0) })
    var result: [String: DraftField] = [:]
    for member in members where !member.name.hasPrefix("x-") {
      let place = field.member(member.name, member.value, at: member.location)
      if let name = names[member.name] {
        if result.updateValue(place, forKey: name) != nil { report("key.duplicate", place, "the name stands twice") }
      } else {
        let hint = suggestion(for: member.name, among: known.map(draft.spell))
        report("key.unknown", place, "\(member.name.quotedForMessage) means nothing here", hint: hint)
      }
    }
    return result.filter { !$0.value.value.isNull }
  }

  /// Nobody reads the hints of thousands of violations, and to find one takes a look at all names.
  private var givesHints: Bool { violations.count < 500 }

  /// Did you mean the near one, or one of these few.
  func suggestion(for text: String, among known: [String]) -> String {
    if givesHints, let near = Spelling.nearest(to: text, among: known) {
      return "did you mean \(near.quotedForMessage)?"
    }
    return known.count == 1 ? "known here: \(known[0])" : "one of \(known.prefix(20).joined(separator: ", "))"
  }

  /// As `suggestion`, for ids of the inventory, which may be many or none.
  func suggestion(forID id: String, among known: [String], what: String) -> String {
    if known.isEmpty { return "the VPC has no \(what)" }
    guard givesHints else { return "see inventory show" }
    let near = Spelling.nearest(to: id, among: known.prefix(5_000))
    return near.map { "did you mean \($0.quotedForMessage)?" }
      ?? "it has " + known.prefix(8).joined(separator: ", ") + (known.count > 8 ? ", ..." : "")
  }
}

extension MirrorDraft {
  /// The name as far as it can be told, for messages.
  var name: String { definition.first { $0.name == "name" }?.value.string ?? "" }
}
