import JSONText
import Mirroring
import Policy
import Store

// A change of one mirror, whoever wants it: commands and scripts go the same way.
extension StoreChange.Action {
  var inHistory: HistoryAction {
    switch self {
    case .create: .create
    case .modify: .modify
    case .enable: .enable
    case .disable: .disable
    case .tag: .tag
    case .untag: .untag
    case .delete: .delete
    }
  }

  /// Leaves the members that are wanted of those that there are.
  func edit(_ members: inout [JSONMember]) {
    switch self {
    case .create(let wanted): members = wanted
    case .modify(let changes): members.apply(changes)
    case .enable: members.set("enabled", true)
    case .disable: members.set("enabled", false)
    case .tag(let tags):
      let kept = (members.value("tags")?.members ?? []).filter { old in !tags.contains { $0.name == old.name } }
      members.set("tags", .object(kept + tags))
    case .untag(let keys):
      members.set("tags", .object((members.value("tags")?.members ?? []).filter { !keys.contains($0.name) }))
    case .delete: break
    }
  }
}

extension MirrorStore {
  /// - Parameter name: who changes something, for the history.
  func carryOut(_ change: StoreChange, by name: String) throws(StoreError) -> MirrorOutcome {
    actor = name
    neighbours = change.neighbours
    let (file, line) = (change.place.file, change.place.line)
    guard let mirror = change.mirror else {
      var members: [JSONMember] = []
      change.action.edit(&members)
      return try create([WantedMirror(members, file: file, line: line)])[0]
    }
    let selector = MirrorSelector(mirror)
    switch change.action {
    case .disable: return try disable(selector)
    case .delete: return MirrorOutcome(deleted: try delete(selector))
    default:
      return try modify(selector, as: change.action.inHistory, file: file, line: line) { change.action.edit(&$0) }
    }
  }

  /// What scripts see of the end of a mirror's history.
  func events(of mirror: StoredDefinition) throws(StoreRefusal) -> [StoreEvent] {
    do throws(StoreError) {
      return try history(ofMirror: mirror.number, last: 100).map { StoreEvent($0) }
    } catch {
      throw StoreRefusal(error)
    }
  }
}

extension MirrorSelector {
  /// One that the store has not numbered yet is known by its name.
  fileprivate init(_ mirror: StoredDefinition) {
    self.init(
      name: mirror.name, vpc: mirror.definition["vpc"]?.string, region: mirror.definition["region"]?.string)
    id = mirror.number < 0 ? nil : mirror.number
  }
}

extension StoredDefinition {
  init(_ mirror: StoredMirror) { self.init(number: mirror.id, definition: mirror.definition) }
}

extension StoreEvent {
  init(_ entry: HistoryEntry) {
    self.init(
      time: entry.time, actor: entry.actor, action: entry.action, name: entry.name ?? "", changes: entry.changeLines)
  }
}

extension StoreRefusal {
  init(_ error: StoreError) {
    if case .invalid(let violations) = error {
      self.init(violations.filter { !$0.isWarning })
    } else {
      let (place, sentence, hint) = error.words
      self.init(code: error.code, sentence: (place.map { $0 + ": " } ?? "") + sentence, hint: hint)
    }
  }
}
