internal import Inventory
internal import JSONText
internal import LuaRuntime
package import Mirroring

// What scripts want of the store. They ask; whoever runs them judges by the store's rules and carries out.
extension PolicyContext {
  /// `mirrors.create { ... }`
  func createStored(_ call: HostCall) throws(HostFailure) {
    let members = try members(storing: call.table(0) ?? LuaTable(), call, "mirrors.create")
    guard let number = try carryOut(.create(members), nil, call, "mirrors.create") else { return call.pushNil() }
    followStore()
    guard let position = stored.position(of: number) else { return call.pushNil() }
    push(.stored(position), to: call)
  }

  /// - Parameter name: of the method, for messages.
  func changeStored(
    _ position: Int, _ call: HostCall, _ name: String, _ action: StoreChange.Action
  ) throws(HostFailure) {
    let item = stored.items[position]
    guard !item.isDeleted else {
      throw HostFailure("mirror.unknown: mirror \"\(item.definition.name.cleanLine(limit: 80))\" is deleted")
    }
    _ = try carryOut(action, item.definition, call, name)
  }

  /// A table of the script as members of a definition.
  ///
  /// - Parameter position: of the mirror that is changed; nil: it is to be made.
  func members(
    storing table: LuaTable, for position: Int? = nil, _ call: HostCall, _ name: String
  ) throws(HostFailure) -> [JSONMember] {
    // Before anything else is wrong with the table: that there is no store.
    _ = try storeForChange(call, name)
    let given = position.map { stored.items[$0].definition.name }
    let location = location(call)
    var members = members(table, at: location)
    for (index, member) in members.enumerated() {
      guard case .function(let function) = table[member.name] else { continue }
      members[index].value.content = .script(ScriptFunction(host: host, function: -1, name: function.name))
    }
    do throws(StoreRefusal) {
      return try [JSONMember](storing: members)
    } catch {
      throw failure(error, of: given ?? LuaTable.name(table))
    }
  }

  /// Where stored mirrors may be changed: at the prompt by what is typed, and in timers. A policy is loaded again and again,
  /// by commands that only look, too.
  private func storeForChange(_ call: HostCall, _ name: String) throws(HostFailure) -> any ScriptStore {
    guard let store = options.store else {
      throw HostFailure("\(name): there is no store here; --store FILE lets scripts use one")
    }
    if let session = options.session {
      guard session.isTyped(call.place) else {
        throw HostFailure("\(name): the store is changed by what is typed, not by files that are loaded")
      }
    } else if !isInTimer {
      throw HostFailure("\(name): stored mirrors are changed in timers and at the prompt, not while the policy loads")
    }
    return store
  }

  private func carryOut(
    _ action: StoreChange.Action, _ mirror: StoredDefinition?, _ call: HostCall, _ name: String
  ) throws(HostFailure) -> Int64? {
    let store = try storeForChange(call, name)
    call.charge(1000)
    let change = StoreChange(
      action: action, mirror: mirror, place: location(call), neighbours: mirrorsBesideStore())
    storeChanges += 1
    do throws(StoreRefusal) {
      let number = try store.carryOut(change)
      if options.session == nil {
        log.write(.info, change.place.description, "mirror \"\(change.name)\" of the store: \(change.verb)", at: clock)
      }
      return number
    } catch {
      throw failure(error, of: change.name)
    }
  }

  /// With the code and the words that the same command would give.
  private func failure(_ refusal: StoreRefusal, of name: String) -> HostFailure {
    guard refusal.violations.isEmpty else {
      let message = Self.message(refusal.violations)
      lastRefusal = (message, refusal.violations)
      return HostFailure(message)
    }
    let subject = name.isEmpty ? "" : "mirror \"\(name.cleanLine(limit: 80))\": "
    return HostFailure("\(refusal.code): \(subject)\(refusal.sentence)" + (refusal.hint.map { " (\($0))" } ?? ""))
  }

  // MARK: Beside the store

  /// Mirrors of other files, as they are now, but for the store's.
  private func mirrorsOfFiles() -> [TrafficMirror] {
    (neighbours?() ?? earlier).filter { $0.origin != options.store?.place }
  }

  /// Mirrors that are not the store's and count there as well.
  private func mirrorsBesideStore() -> [MirrorDraft] {
    (mirrorsOfFiles() + standing.map { mirrors[$0].mirror }).compactMap { $0.storeNeighbour(in: inventory) }
  }

  /// What a mirror of the script's own is judged beside, but for its other own ones.
  func mirrorsOfOthers() -> [TrafficMirror] {
    guard options.store != nil else { return neighbours?() ?? earlier }
    return mirrorsOfFiles() + storedMirrors().map(\.mirror)
  }

  /// Stored mirrors, disabled ones included, that are right in the script's inventory; without filters of Lua's.
  package func storedMirrors() -> [StoredNeighbour] {
    followStore()
    if let known = storedNeighbours, known.edition == stored.edition { return known.list }
    let list = stored.standing.compactMap { position -> StoredNeighbour? in
      var members = stored.items[position].definition.definition.members ?? []
      let hasText = members.first { $0.name == "filter" }?.value["lua"] != nil
      if hasText { members.removeAll { $0.name == "filter" } }
      guard var mirror = validator.validate([MirrorDraft(members, file: "the store")]).mirrors.first else { return nil }
      // It tells of overlaps itself, where it runs.
      if hasText, options.session == nil { mirror.isEnabled = false }
      return StoredNeighbour(handle: MirrorSubject.stored(position).handle, mirror: mirror, hasFilterText: hasText)
    }
    storedNeighbours = (stored.edition, list)
    return list
  }

  // MARK: Looking

  /// `mirror:history()`
  func pushHistory(_ call: HostCall) throws(HostFailure) {
    guard case .stored(let position) = subject(call), let store = options.store else {
      throw HostFailure("mirror:history: only mirrors of the store have a history")
    }
    guard isLoading else {
      throw HostFailure("mirror:history can be used at the prompt and while the policy loads: the disk may be slow")
    }
    do throws(StoreRefusal) {
      let definition = stored.items[position].definition
      let events = try store.history(of: definition)
      call.push(.table(LuaTable(items: events.map { .table($0.table) })))
    } catch {
      throw failure(error, of: stored.items[position].definition.name)
    }
  }

  func state(ofStored position: Int) -> String {
    let item = stored.items[position]
    if item.isDeleted { return "deleted" }
    if storedRun?.isFaulted(item.definition.number) == true { return "faulted" }
    return item.definition.definition["enabled"]?.bool ?? true ? "enabled" : "disabled"
  }
}

/// A stored mirror beside those of a script.
package struct StoredNeighbour {
  /// What scripts hold of it.
  package var handle: Int
  package var mirror: TrafficMirror
  /// Its filter is a text of Lua's, which `mirror` lacks.
  package var hasFilterText: Bool
}

extension LuaTable {
  /// `name`, where a definition has one.
  fileprivate static func name(_ table: LuaTable) -> String {
    if case .string(let name) = table["name"] { name } else { "" }
  }
}

extension StoreEvent {
  fileprivate var table: LuaTable {
    LuaTable(fields: [
      .init("time", .string(time)), .init("actor", .string(actor)), .init("action", .string(action)),
      .init("name", .string(name)), .init("changes", .table(LuaTable(items: changes.map { .string($0) }))),
    ])
  }
}

extension TrafficMirror {
  /// As the store's judge needs it, which knows no scripts and perhaps another inventory.
  fileprivate func storeNeighbour(in inventory: Inventory) -> MirrorDraft? {
    var plain = self
    plain.filter = .any
    plain.balance = .even
    if case .selected(let enis, _) = range { plain.range = .enis(enis) }
    guard let members = try? plain.json(in: inventory).members else { return nil }
    return MirrorDraft(members, file: origin)
  }
}
