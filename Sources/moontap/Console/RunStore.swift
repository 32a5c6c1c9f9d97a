import Inventory
import JSONText
import Mirroring
import Policy
import Store

/// The store as one policy of a run has it: the mirrors that the run has of it, and what the policy wants besides.
///
/// What is wanted is judged here, by what is in memory, and so refused at once; the desk then carries it out, and the run
/// follows the store. A policy of a command that only looks has no desk: what it wants is said once, and not done.
final class RunStore: ScriptStore {
  /// Bytes of a definition that a policy may want.
  private static let sizeLimit = 64 << 10

  let place: String
  private let stored: StoredMirrors
  private let origin: PolicyOrigin
  private let desk: StoreDesk?
  /// As the policy wants them, those in force where it wants nothing.
  private var wanted: [StoredMirror]
  private var made: Int64 = 0
  /// That nothing is done has been said, or is not to be.
  private var hasSaid: Bool
  /// Orders that the desk could not carry out, as far as they were noticed here.
  private var refusals: Int
  private var changes = 0

  /// - Parameter isSilent: another worker's policy says the same, to a desk.
  init(_ stored: StoredMirrors, _ origin: PolicyOrigin, _ desk: StoreDesk?, isSilent: Bool = false) {
    hasSaid = isSilent
    place = stored.path
    self.stored = stored
    self.origin = origin
    self.desk = desk
    wanted = stored.all
    refusals = desk?.refusals ?? 0
  }

  var mirrors: [StoredDefinition] {
    wanted.sorted { ($0.region, $0.vpc, $0.name) < ($1.region, $1.vpc, $1.name) }.map { StoredDefinition($0) }
  }

  var edition: Int {
    forgetRefused()
    return changes
  }

  /// What was wanted and refused must not be taken for what is.
  private func forgetRefused() {
    guard let count = desk?.refusals, count != refusals else { return }
    refusals = count
    wanted = stored.all
    changes += 1
  }

  func refresh() {}

  func carryOut(_ change: StoreChange) throws(StoreRefusal) -> Int64? {
    forgetRefused()
    let index = change.mirror.flatMap { mirror in wanted.firstIndex { $0.id == mirror.number } }
    let old = index.map { wanted[$0] }
    var definition: JSONValue?
    if case .delete = change.action {
    } else {
      definition = try judged(change, old)
      if let old, old.definition == definition { return old.id }
    }
    guard definition?.text().utf8.count ?? 0 <= Self.sizeLimit else {
      throw StoreRefusal(
        code: "store.too-large", sentence: "a policy may store definitions of at most \(Self.sizeLimit >> 10) KiB")
    }
    if let desk { try desk.take(change, from: origin) } else { sayOnly(change) }
    changes += 1
    return note(definition, index)
  }

  /// By the store's rules and inventory, beside what is stored as far as the run knows, and what the policy wants already.
  private func judged(_ change: StoreChange, _ old: StoredMirror?) throws(StoreRefusal) -> JSONValue {
    var members = old?.definition.members ?? []
    change.action.edit(&members)
    if case .disable = change.action { return .object(members) }
    do throws(StoreError) {
      guard let inventory = stored.inventory else { throw .noInventory }
      let finding = try StoreSnapshot(inventory: inventory, mirrors: wanted).judge(
        WantedMirror(members, file: change.place.file, line: change.place.line), replacing: old,
        besides: change.neighbours)
      guard let definition = finding.definition else { throw .invalid(finding.violations) }
      return definition
    } catch {
      throw StoreRefusal(error)
    }
  }

  /// - Returns: the mirror's number; one that the store has still to give is below 0.
  private func note(_ definition: JSONValue?, _ index: Int?) -> Int64? {
    guard let definition else {
      if let index { wanted.remove(at: index) }
      return nil
    }
    if let index {
      wanted[index].definition = definition
      return wanted[index].id
    }
    made -= 1
    wanted.append(StoredMirror(id: made, definition: definition))
    return made
  }

  private func sayOnly(_ change: StoreChange) {
    guard !hasSaid else { return }
    hasSaid = true
    [
      Problem(
        place: change.place.description, code: "store.untouched",
        sentence:
          "mirror \(change.name.quotedForMessage): \(change.verb): only said, not done: this command changes no store",
        hint: "moontap run carries out what timers want", isWarning: true)
    ].complain()
  }

  func history(of mirror: StoredDefinition) throws(StoreRefusal) -> [StoreEvent] {
    guard mirror.number >= 0 else { return [] }
    let store: MirrorStore
    do throws(StoreError) {
      store = try MirrorStore(path: place, access: .read, actor: "")
    } catch {
      throw StoreRefusal(error)
    }
    return try store.events(of: mirror)
  }
}
