internal import Inventory
internal import JSONText
internal import LuaRuntime
internal import Mirroring
internal import Wire

/// A mirror behind a handle: one that the script declared, or one of the store.
enum MirrorSubject {
  /// By number.
  case own(Int)
  /// By position in `StoredView.items`.
  case stored(Int)

  /// Handles of stored mirrors count from here.
  private static let firstStored = 1 << 40

  init(handle: Int) { self = handle < Self.firstStored ? .own(handle) : .stored(handle - Self.firstStored) }

  var handle: Int {
    switch self {
    case .own(let number): number
    case .stored(let position): Self.firstStored + position
    }
  }
}

/// What scripts read of a mirror, of whichever kind.
enum MirrorFacts {
  case own(TrafficMirror, Inventory)
  /// A definition, everything written out.
  case stored(JSONValue)

  /// What scripts know the store by.
  static let storeOrigin = "store"

  var name: String { text(\.name, "name") }
  var description: String { text(\.description, "description") }
  var direction: String { text(\.direction.rawValue, "direction") }
  var origin: String { if case .own(let mirror, _) = self { mirror.origin } else { Self.storeOrigin } }

  var vpc: String {
    switch self {
    case .own(let mirror, let inventory): inventory.vpcs[mirror.vpc].id
    case .stored(let definition): definition["vpc"]?.string ?? ""
    }
  }

  var region: String {
    switch self {
    case .own(let mirror, let inventory): inventory.regions[inventory.vpcs[mirror.vpc].region].id
    case .stored(let definition): definition["region"]?.string ?? ""
    }
  }

  var isEnabled: Bool {
    switch self {
    case .own(let mirror, _): mirror.isEnabled
    case .stored(let definition): definition["enabled"]?.bool ?? true
    }
  }

  var receivers: [String] {
    switch self {
    case .own(let mirror, _): mirror.receivers.map(\.description)
    case .stored(let definition): (definition["receivers"]?.array ?? []).compactMap(\.string)
    }
  }

  var tags: [String: String] {
    switch self {
    case .own(let mirror, _): return mirror.tags
    case .stored(let definition):
      let tags = (definition["tags"]?.members ?? []).map { ($0.name, $0.value.string ?? "") }
      return Dictionary(tags) { first, _ in first }
    }
  }

  var vni: Int64 {
    switch self {
    case .own(let mirror, _): Int64(mirror.encapsulation.vni)
    case .stored(let definition): Int64(definition["encapsulation"]?["vni"]?.integer ?? 0)
    }
  }

  private func text(_ own: (TrafficMirror) -> String, _ key: String) -> String {
    switch self {
    case .own(let mirror, _): own(mirror)
    case .stored(let definition): definition[key]?.string ?? ""
    }
  }
}

/// The store's mirrors as one script sees them. Handles name positions, which are a mirror's for as long as the script's
/// state lives, whatever becomes of it.
struct StoredView {
  struct Item {
    var definition: StoredDefinition
    var isDeleted: Bool
  }

  /// In the order in which they became known: those of one look by region, VPC and name.
  private(set) var items: [Item] = []
  /// Positions of those that are there.
  private(set) var standing: [Int] = []
  private var positions: [Int64: Int] = [:]
  /// Of the store, as it was followed last.
  private(set) var edition: Int?

  mutating func follow(_ store: any ScriptStore) {
    guard edition != store.edition else { return }
    edition = store.edition
    for index in items.indices { items[index].isDeleted = true }
    for definition in store.mirrors {
      let item = Item(definition: definition, isDeleted: false)
      if let known = positions[definition.number] {
        items[known] = item
      } else {
        positions[definition.number] = items.count
        items.append(item)
      }
    }
    standing = items.indices.filter { !items[$0].isDeleted }
  }

  func position(of number: Int64) -> Int? { positions[number] }
}

extension PolicyContext {
  func subject(_ call: HostCall, _ position: Int = 0) -> MirrorSubject {
    let subject = MirrorSubject(handle: call.handle(position, of: types.handle(.mirror)) ?? 0)
    followStore()
    return subject
  }

  func push(_ subject: MirrorSubject, to call: HostCall) { call.push(LuaHandle(types.handle(.mirror), subject.handle)) }

  func facts(_ subject: MirrorSubject) -> MirrorFacts {
    switch subject {
    case .own(let number): .own(mirrors[number].mirror, inventory)
    case .stored(let position): .stored(stored.items[position].definition.definition)
    }
  }

  func followStore() { if let store = options.store { stored.follow(store) } }

  /// How many are there: the script's own in the order of their declaration, then the store's.
  func mirrorCount() -> Int {
    followStore()
    return standing.count + stored.standing.count
  }

  /// - Parameter position: from 0 to `mirrorCount()`, which is none any more.
  private func subject(at position: Int) -> MirrorSubject {
    let own = standing
    return position < own.count ? .own(own[position]) : .stored(stored.standing[position - own.count])
  }

  // MARK: Looking up

  /// `mirrors[key]`.
  func pushMirror(named call: HostCall) throws(HostFailure) {
    if let name = call.string(1), call.typeName(1) == "string" {
      guard let found = try find(MirrorQuery(name: name), call) else { return call.pushNil() }
      return push(found, to: call)
    }
    let count = mirrorCount()
    guard let position = call.integer(1), position >= 1, position <= Int64(count) else { return call.pushNil() }
    push(subject(at: Int(position) - 1), to: call)
  }

  /// One step of `pairs(mirrors)`. It goes on behind the handle of the last one, so that a loop may delete what it meets.
  func pushMirror(at call: HostCall) {
    guard let step = call.integer(1).map(Int.init), let subject = firstMirror(from: MirrorSubject(handle: step)) else {
      return
    }
    call.push(facts(subject).name)
    push(subject, to: call)
    call.push(Int64(subject.handle + 1))
  }

  private func firstMirror(from start: MirrorSubject) -> MirrorSubject? {
    followStore()
    switch start {
    case .own(let number):
      return standing.first { $0 >= number }.map { .own($0) } ?? firstMirror(from: .stored(0))
    case .stored(let position):
      guard position < stored.items.count else { return nil }
      return stored.items[position...].firstIndex { !$0.isDeleted }.map { .stored($0) }
    }
  }

  /// `mirrors.find { ... }`
  func findMirror(_ call: HostCall) throws(HostFailure) {
    let table = call.table(0) ?? LuaTable()
    try table.allow(MirrorQuery.keys, argument: 1)
    for field in table.fields {
      guard case .string = field.value else { throw HostFailure(argument: 1, "\(field.key): string expected") }
    }
    func text(_ key: String) -> String? { if case .string(let text) = table[key] { text } else { nil } }
    guard let name = text("name") else { throw HostFailure(argument: 1, "name = \"...\" is needed") }
    let query = MirrorQuery(name: name, vpc: text("vpc"), region: text("region"), origin: text("origin"))
    guard let found = try find(query, call) else { return call.pushNil() }
    push(found, to: call)
  }

  /// The one mirror that the query says; several are an error, because either could be meant.
  private func find(_ query: MirrorQuery, _ call: HostCall) throws(HostFailure) -> MirrorSubject? {
    let count = mirrorCount()
    call.charge(count * 16)
    let found = (0..<count).map(subject(at:)).filter { query.matches(facts($0)) }
    guard found.count > 1 else { return found.first }
    let places = found.map { subject -> String in
      let facts = facts(subject)
      return "\(facts.vpc) of \(facts.region) (from \(facts.origin))"
    }
    throw HostFailure(
      "mirror.ambiguous: several mirrors are called \"\(query.name.cleanLine(limit: 80))\": "
        + places.joined(separator: ", ")
        + "; say which: mirrors.find { name = ..., vpc = ..., region = ..., origin = ... }")
  }
}

/// Which mirror is meant: what is given must fit.
private struct MirrorQuery {
  static let keys = ["name", "vpc", "region", "origin"]

  var name: String
  var vpc: String?
  var region: String?
  var origin: String?

  func matches(_ facts: MirrorFacts) -> Bool {
    facts.name == name && (vpc ?? facts.vpc) == facts.vpc && (region ?? facts.region) == facts.region
      && (origin ?? facts.origin) == facts.origin
  }
}
