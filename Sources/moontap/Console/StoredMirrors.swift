import DataPath
import Inventory
import JSONText
import Mirroring
import Policy
import Store

/// What a run takes from the store: its inventory and its mirrors.
struct StoredMirrors {
  let path: String
  let inventory: Inventory?
  let all: [StoredMirror]
  /// Those that collect.
  let mirrors: [StoredMirror]
  /// What the store's history had come to.
  let change: Int64

  init(_ options: StoreOptions) throws {
    let store = try options.open(.read)
    path = store.path
    // First: a change that comes meanwhile is one that `StoreWatch` sees.
    change = try asking { () throws(StoreError) in try store.lastChange() }
    inventory = try asking { () throws(StoreError) in try store.inventory() }
    all = try asking { () throws(StoreError) in try store.mirrors() }
    mirrors = all.filter(\.isEnabled)
  }

  /// What they are called in a plan, by their number for life.
  func identities(in plan: MirrorPlan) -> [Int64: MirrorIdentity] {
    let known = Set(plan.mirrors.indices.map { plan.identity($0) })
    let named = mirrors.map { ($0.id, MirrorIdentity(region: $0.region, vpc: $0.vpc, name: $0.name)) }
    return Dictionary(uniqueKeysWithValues: named.filter { known.contains($0.1) })
  }

  func requiredInventory() throws -> Inventory {
    guard let inventory else { throw Problems(StoreError.noInventory) }
    return inventory
  }
}

extension InputOptions {
  /// Stored mirrors run beside others when the store is named, and by themselves when nothing else is.
  var usesStore: Bool { store != nil || policies.isEmpty && mirrors.isEmpty }

  var storeOptions: StoreOptions {
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
      options.shared = shared[.store(mirror.id)]
      options.origin = stored.path
      options.isSecondary = isSecondary
      let voice = PolicyVoice(isHeard: !isSecondary)
      options.log = { line in voice.say("\(mirror.name): \(line.level.rawValue): \(line.text)\n") }
      options.print = { line in voice.say(line + "\n") }
      defer { voice.isHeard = true }
      do throws(PolicyError) {
        let policy = try StoredFilter.policy(
          text, mirror.definition, host: policies.count, inventory: inventory, bpf: compiler, earlier: mirrors,
          options: options)
        owners += policy.mirrorNumbers.map { Configuration.Owner(policy: policies.count, mirror: $0) }
        mirrors += policy.mirrors
        policies.append(policy)
        origins.append(.store(mirror.id))
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
