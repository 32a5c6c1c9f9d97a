import Inventory
import JSONText
import Mirroring
import Policy
import Store

/// What a run takes from the store: its inventory, and the mirrors that collect.
struct StoredMirrors {
  let path: String
  let inventory: Inventory?
  let mirrors: [StoredMirror]

  init(_ options: StoreOptions) throws {
    let store = try options.open(.read)
    path = store.path
    inventory = try asking { () throws(StoreError) in try store.inventory() }
    mirrors = try asking { () throws(StoreError) in try store.mirrors() }.filter(\.isEnabled)
  }

  func requiredInventory() throws -> Inventory {
    guard let inventory else { throw Problems(StoreError.noInventory) }
    return inventory
  }
}

extension InputOptions {
  /// Stored mirrors run beside others when the store is named, and by themselves when nothing else is.
  var usesStore: Bool { store != nil || policies.isEmpty && mirrors.isEmpty }

  private var storeOptions: StoreOptions {
    var options = StoreOptions()
    options.store = store
    return options
  }

  var hasDefaultStore: Bool { StoreFile.exists(storeOptions.path) }

  func stored() throws -> StoredMirrors? { usesStore ? try StoredMirrors(storeOptions) : nil }
}

extension MirrorLoader {
  /// Those that JSON can say.
  mutating func load(plain stored: StoredMirrors) {
    drafts += stored.mirrors.filter { $0.filterText == nil }.map { mirror in
      MirrorDraft(mirror.definition.members ?? [], file: stored.path)
    }
  }

  /// Those with a Lua filter: each is a policy of its own, after those of the command line.
  mutating func load(scripted stored: StoredMirrors) {
    for mirror in stored.mirrors {
      guard let text = mirror.filterText else { continue }
      var options = PolicyOptions()
      options.arguments = arguments
      options.log = { line in Terminal.complain("\(mirror.name): \(line.level.rawValue): \(line.text)\n") }
      options.print = { line in Terminal.complain(line + "\n") }
      do throws(PolicyError) {
        let policy = try StoredFilter.policy(
          text, mirror.definition, host: policies.count, inventory: inventory, bpf: compiler, earlier: mirrors,
          options: options)
        owners += policy.mirrors.indices.map { (policies.count, $0) }
        mirrors += policy.mirrors
        policies.append(policy)
        add(policy.warnings.map { named($0, stored.path) })
      } catch {
        errors +=
          error.violations.isEmpty
          ? [
            Problem(
              place: stored.path, code: "filter.lua",
              sentence: "mirror \(mirror.name.quotedForMessage): \(error.message)")
          ]
          : error.violations.map { Problem(named($0, stored.path)) }
      }
    }
  }

  /// The place of a stored filter is the store, not the policy made of it.
  private func named(_ violation: MirrorViolation, _ path: String) -> MirrorViolation {
    var violation = violation
    violation.location = SourceLocation(file: path)
    return violation
  }
}
