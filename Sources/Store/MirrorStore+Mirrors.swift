internal import GRDB
public import JSONText
public import Mirroring

/// A mirror that someone wants, as they wrote it.
public struct WantedMirror: Sendable {
  /// Members of an object of a `moontap.mirrors/1` document.
  public var members: [JSONMember]
  /// Where it was written, for messages: a file, or `command line`.
  public var file: String
  /// `mirrors[0]`
  public var path: String
  public var line: Int

  public init(_ members: [JSONMember], file: String, path: String = "", line: Int = 0) {
    self.members = members
    self.file = file
    self.path = path
    self.line = line
  }
}

/// What a change made of a mirror.
public struct MirrorOutcome: Sendable {
  /// nil: it was made.
  public var before: StoredMirror?
  /// nil: it was deleted.
  public var after: StoredMirror?
  public var warnings: [MirrorViolation]
  /// The change said what was so already: nothing was written.
  public var isUnchanged: Bool { before != nil && before?.definition == after?.definition }
}

// Looking.
extension MirrorStore {
  /// By region, VPC and name.
  public func mirrors() throws(StoreError) -> [StoredMirror] { try read { try StoredMirror.all($0) } }

  public func mirror(_ selector: MirrorSelector) throws(StoreError) -> StoredMirror {
    try read { try StoreSession(database: $0, store: self).mirror(selector) }
  }
}

// Changing.
extension MirrorStore {
  /// Makes mirrors, all or none.
  ///
  /// - Parameter replacing: a mirror that has the name in the VPC already becomes what is wanted.
  public func create(_ wanted: [WantedMirror], replacing: Bool = false) throws(StoreError) -> [MirrorOutcome] {
    try change { database in
      let judge = try MirrorJudge(StoreSession(database: database, store: self))
      var outcomes: [MirrorOutcome] = []
      var errors: [MirrorViolation] = []
      for mirror in wanted {
        let old = replacing ? try judge.session.namesake(of: mirror) : nil
        let finding = try judge.judge(old.map { mirror.completed(from: $0) } ?? mirror, replacing: old)
        guard let definition = finding.definition else {
          errors += finding.violations
          continue
        }
        outcomes.append(
          try old.map { try judge.session.replace($0, by: definition, .modify, warnings: finding.violations) }
            ?? judge.session.add(definition, warnings: finding.violations))
      }
      guard errors.isEmpty else { throw StoreError.invalid(errors) }
      return outcomes
    }
  }

  /// Says what `create` would say, and writes nothing.
  public func check(_ wanted: WantedMirror) throws(StoreError) -> [MirrorViolation] {
    try read { try MirrorJudge(StoreSession(database: $0, store: self)).judge(wanted, replacing: nil).violations }
  }

  /// Changes one mirror: `edit` is given its members and leaves those that are wanted; absent means the default.
  ///
  /// - Parameter file: where the edit was written, for messages.
  public func modify(
    _ selector: MirrorSelector, as action: HistoryAction = .modify, file: String, line: Int = 0,
    edit: (inout [JSONMember]) throws(StoreError) -> Void
  ) throws(StoreError) -> MirrorOutcome {
    try change { database in
      let session = StoreSession(database: database, store: self)
      let old = try session.mirror(selector)
      var members = old.definition.members ?? []
      try edit(&members)
      let finding = try MirrorJudge(session).judge(WantedMirror(members, file: file, line: line), replacing: old)
      guard let definition = finding.definition else { throw StoreError.invalid(finding.violations) }
      return try session.replace(old, by: definition, action, warnings: finding.violations)
    }
  }

  /// Always possible, also for a mirror that the inventory has made invalid: what is wrong with it is said as a warning.
  public func disable(_ selector: MirrorSelector) throws(StoreError) -> MirrorOutcome {
    try change { database in
      let session = StoreSession(database: database, store: self)
      let old = try session.mirror(selector)
      var members = old.definition.members ?? []
      members.set("enabled", false)
      let finding = try MirrorJudge(session).judge(WantedMirror(members, file: StoredText.place), replacing: old)
      let errors = finding.violations.filter { !$0.isWarning }
      return try session.replace(
        old, by: .object(members), .disable, problems: errors,
        warnings: errors.map { violation in
          var warning = violation
          warning.isWarning = true
          return warning
        })
    }
  }

  /// - Returns: the mirror as it was.
  public func delete(_ selector: MirrorSelector) throws(StoreError) -> StoredMirror {
    try change { database in
      let session = StoreSession(database: database, store: self)
      let old = try session.mirror(selector)
      try session.remember(.delete, mirror: old.id, before: old.definition, after: nil)
      try database.execute(sql: "DELETE FROM mirrors WHERE id = ?", arguments: [old.id])
      return old
    }
  }
}

extension WantedMirror {
  /// What identifies a mirror stays: its region, and its VNI unless another is asked for.
  fileprivate func completed(from old: StoredMirror) -> WantedMirror {
    var result = self
    if members.value("region") == nil { result.members.set("region", .string(old.region)) }
    let vni = old.definition["encapsulation"]?["vni"]
    let wanted = members.value("encapsulation")
    if let vni, wanted == nil || wanted?["vni"] == nil && wanted?["type"] == old.definition["encapsulation"]?["type"] {
      result.members.set("encapsulation", .object((wanted?.members ?? []) + [JSONMember("vni", vni)]))
    }
    return result
  }
}

extension StoreSession {
  fileprivate func namesake(of wanted: WantedMirror) throws -> StoredMirror? {
    guard let name = wanted.members.value("name")?.string, let vpc = wanted.members.value("vpc")?.string else {
      return nil
    }
    let region = wanted.members.value("region")?.string
    return try StoredMirror.all(
      database, where: "name = ? AND vpc = ? AND (?3 IS NULL OR region = ?3)", arguments: [name, vpc, region]
    ).first
  }

  fileprivate func add(_ definition: JSONValue, warnings: [MirrorViolation]) throws -> MirrorOutcome {
    let id = try insert(definition)
    try remember(.create, mirror: id, before: nil, after: definition)
    return MirrorOutcome(before: nil, after: try mirror(id), warnings: warnings)
  }

  fileprivate func replace(
    _ old: StoredMirror, by definition: JSONValue, _ action: HistoryAction, problems: [MirrorViolation] = [],
    warnings: [MirrorViolation]
  ) throws -> MirrorOutcome {
    if definition == old.definition {
      if problems != old.problems { try setProblems(old.id, problems) }
    } else {
      try update(old.id, definition, problems: problems)
      try remember(action, mirror: old.id, before: old.definition, after: definition)
    }
    return MirrorOutcome(before: old, after: try mirror(old.id), warnings: warnings)
  }

  private func mirror(_ id: Int64) throws -> StoredMirror {
    try StoredMirror.all(database, where: "id = ?", arguments: [id])[0]
  }
}

extension [JSONMember] {
  /// Replaces the member, or adds it.
  public mutating func set(_ name: String, _ value: JSONValue) {
    if let index = firstIndex(where: { $0.name == name }) {
      self[index].value = value
    } else {
      append(JSONMember(name, value))
    }
  }

  public func value(_ name: String) -> JSONValue? { first { $0.name == name }?.value }
}

extension MirrorOutcome {
  public init(deleted mirror: StoredMirror) {
    self.init(before: mirror, after: nil, warnings: [])
  }
}
