internal import LuaRuntime

/// What a policy writes to `shared` while it loads: seen by itself at once, by the others when it comes into force, so that a
/// policy that is refused leaves no trace. Lifetimes count from then.
struct SharedDraft {
  private enum Change {
    case removed
    case set(SharedStore.Value, lifetime: Int64)
    case added(SharedStore.Value, lifetime: Int64)
  }

  private let base: SharedStore
  private var changes: [[UInt8]: Change] = [:]
  private var bytes = 0

  init(over base: SharedStore) { self.base = base }

  func get(_ key: [UInt8]) -> SharedStore.Value? {
    switch changes[key] {
    case nil: base.latest(key)
    case .removed: nil
    case .set(let value, _): value
    case .added(let amount, _): base.latest(key)?.adding(amount) ?? amount
    }
  }

  mutating func remove(_ key: [UInt8]) { _ = put(key, .removed, size: 0) }

  mutating func set(
    _ key: [UInt8], _ value: SharedStore.Value, lifetime: Int64
  ) -> Result<SharedStore.Value, SharedStore.Refusal> {
    guard value.size <= SharedStore.valueLimit else { return .failure(.tooLong) }
    return put(key, .set(value, lifetime: lifetime), size: value.size) ? .success(value) : .failure(.full)
  }

  mutating func add(
    _ key: [UInt8], _ amount: SharedStore.Value, lifetime: Int64
  ) -> Result<SharedStore.Value, SharedStore.Refusal> {
    guard amount.isNumber, let sum = get(key).map({ $0.adding(amount) }) ?? amount else {
      return .failure(.notANumber)
    }
    let change: Change =
      switch changes[key] {
      case nil: .added(amount, lifetime: lifetime)
      case .removed: .set(amount, lifetime: lifetime)
      case .set(_, let lifetime): .set(sum, lifetime: lifetime)
      case .added(let earlier, let lifetime): .added(earlier.adding(amount) ?? amount, lifetime: lifetime)
      }
    return put(key, change, size: 8) ? .success(sum) : .failure(.full)
  }

  /// Sizes of what is replaced stay counted: a script that loads writes little.
  private mutating func put(_ key: [UInt8], _ change: Change, size: Int) -> Bool {
    let size = key.count + size + 64
    guard changes.count < SharedStore.entryLimit, bytes + size <= SharedStore.byteLimit else { return false }
    bytes += size
    changes[key] = change
    return true
  }

  /// Carries out what was written, now that the engine's clock says `time`.
  ///
  /// - Returns: how many values the store refused.
  func commit(at time: Int64) -> Int {
    var refused = 0
    for (key, change) in changes {
      switch change {
      case .removed: base.remove(key)
      case .set(let value, let lifetime):
        if case .failure = base.set(key, value, expires: Self.end(lifetime, time), at: time) { refused += 1 }
      case .added(let amount, let lifetime):
        if case .failure = base.add(key, amount, expires: Self.end(lifetime, time), at: time) { refused += 1 }
      }
    }
    return refused
  }

  static func end(_ lifetime: Int64, _ time: Int64) -> Int64 {
    let end = time.addingReportingOverflow(lifetime)
    return lifetime == .max || end.overflow ? .max : end.partialValue
  }
}

extension PolicyContext {
  func sharedValue(_ key: [UInt8]) -> SharedStore.Value? {
    sharedDraft.map { $0.get(key) } ?? options.shared.get(key, at: clock)
  }

  func removeShared(_ key: [UInt8]) {
    if sharedDraft != nil { sharedDraft!.remove(key) } else { options.shared.remove(key) }
  }

  func setShared(
    _ key: [UInt8], _ value: SharedStore.Value, lifetime: Int64
  ) -> Result<SharedStore.Value, SharedStore.Refusal> {
    sharedDraft?.set(key, value, lifetime: lifetime)
      ?? options.shared.set(key, value, expires: SharedDraft.end(lifetime, clock), at: clock)
  }

  func addShared(
    _ key: [UInt8], _ amount: SharedStore.Value, lifetime: Int64
  ) -> Result<SharedStore.Value, SharedStore.Refusal> {
    sharedDraft?.add(key, amount, lifetime: lifetime)
      ?? options.shared.add(key, amount, expires: SharedDraft.end(lifetime, clock), at: clock)
  }

  /// The policy is in force: what it wrote to `shared` while it loaded is there for all.
  func commitShared(at time: Int64) {
    guard let draft = sharedDraft else { return }
    sharedDraft = nil
    let refused = draft.commit(at: time)
    guard refused > 0 else { return }
    log.write(.warn, file, "shared is full: \(refused) values that were set while loading are lost", at: time)
  }
}
