import JSONText
import Mirroring
import Policy
import Store

/// The store as a session has it: what is typed is carried out before the next line, as by a command.
final class SessionStore: ScriptStore {
  let place: String
  private let options: StoreOptions
  /// Takes warnings, a line each.
  private let say: (String) -> Void
  /// What was said, so that it is said once.
  private var said: Set<String> = []
  private var store: MirrorStore
  private var file: UInt64?
  private var change: Int64 = -1
  private(set) var mirrors: [StoredDefinition] = []
  private(set) var edition = 0

  /// - Throws: `Problems`
  init(_ options: StoreOptions, say: @escaping (String) -> Void) throws {
    self.options = options
    self.say = say
    place = options.path
    file = StoreFile.identity(place)
    store = try options.open(.change)
    try asking { () throws(StoreError) in try look() }
  }

  func refresh() throws(StoreRefusal) {
    do throws(StoreError) {
      // Another file under the same name is another store.
      let now = StoreFile.identity(place)
      if now != file {
        store = try MirrorStore(options, .change)
        (file, change) = (now, -1)
      }
      try look()
    } catch {
      throw StoreRefusal(error)
    }
  }

  private func look() throws(StoreError) {
    let latest = try store.lastChange()
    guard latest != change else { return }
    mirrors = try store.mirrors().map { StoredDefinition($0) }
    change = latest
    edition += 1
  }

  func carryOut(_ change: StoreChange) throws(StoreRefusal) -> Int64? {
    do throws(StoreError) {
      let outcome = try store.carryOut(change, by: Actor.name + " by moontap repl")
      for warning in outcome.warnings where warning.isWarning {
        let line = "warning: mirror \(warning.mirror.quotedForMessage): \(warning.sentence)"
        if said.insert(line).inserted { say(line) }
      }
      // It is done; if the store cannot be looked at now, the next line says so.
      try? look()
      return outcome.after?.id
    } catch {
      throw StoreRefusal(error)
    }
  }

  func history(of mirror: StoredDefinition) throws(StoreRefusal) -> [StoreEvent] { try store.events(of: mirror) }
}
