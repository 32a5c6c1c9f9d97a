public import JSONText
public import Mirroring

/// The store of whoever runs the scripts, where they allow its use: scripts reach it through `mirrors` and know nothing else
/// of it. One for each policy or session.
public protocol ScriptStore: AnyObject {
  /// What mirrors of a plan that are the store's have as their origin.
  var place: String { get }
  /// Its mirrors as the script is to see them, by region, VPC and name.
  var mirrors: [StoredDefinition] { get }
  /// Another number whenever `mirrors` is other than before.
  var edition: Int { get }

  /// Looks whether others have changed the store: between two inputs of a session.
  func refresh() throws(StoreRefusal)

  /// Carries a change out, or judges it and takes it to be carried out soon: then `mirrors` shows what is wanted.
  ///
  /// - Returns: the number of the mirror; nil: it has none yet.
  func carryOut(_ change: StoreChange) throws(StoreRefusal) -> Int64?

  /// The last lines of a mirror's history, oldest first.
  func history(of mirror: StoredDefinition) throws(StoreRefusal) -> [StoreEvent]
}

/// A stored mirror as scripts see it.
public struct StoredDefinition: Sendable {
  /// Its number for life; below 0: the store has not made it yet.
  public var number: Int64
  /// An object of a `moontap.mirrors/1` document, everything written out.
  public var definition: JSONValue

  public init(number: Int64, definition: JSONValue) {
    self.number = number
    self.definition = definition
  }

  public var name: String { definition["name"]?.string ?? "" }
}

/// What a script wants of the store.
public struct StoreChange: Sendable {
  public enum Action: Sendable {
    /// Members of a definition.
    case create([JSONMember])
    /// Those to be replaced.
    case modify([JSONMember])
    case enable, disable
    case tag([JSONMember])
    case untag([String])
    case delete
  }

  public var action: Action
  /// nil: one that is to be made.
  public var mirror: StoredDefinition?
  /// Where the script says so.
  public var place: SourceLocation
  /// Mirrors of scripts and files beside the stored ones: they count for limits, names and VNIs.
  public var neighbours: [MirrorDraft]

  /// What is done: `modify`.
  public var verb: String {
    switch action {
    case .create: "create"
    case .modify: "modify"
    case .enable: "enable"
    case .disable: "disable"
    case .tag: "tag"
    case .untag: "untag"
    case .delete: "delete"
    }
  }

  /// The name of the mirror as far as it has one.
  public var name: String {
    if case .create(let members) = action { return members.first { $0.name == "name" }?.value.string ?? "" }
    return mirror?.name ?? ""
  }
}

/// Why the store was not changed, or not read.
public struct StoreRefusal: Error, Sendable {
  /// `store.locked`; of violations that of the first.
  public var code: String
  public var sentence: String
  public var hint: String?
  /// The rules that the change breaks, if that is why.
  public var violations: [MirrorViolation] = []

  public init(code: String, sentence: String, hint: String? = nil) {
    self.code = code
    self.sentence = sentence
    self.hint = hint
  }

  public init(_ violations: [MirrorViolation]) {
    code = violations.first?.code ?? "mirror.invalid"
    sentence = violations.first?.sentence ?? ""
    self.violations = violations
  }
}

/// One line of a mirror's history.
public struct StoreEvent: Sendable {
  /// UTC: `2026-11-25T19:40:49.123Z`.
  public var time: String
  public var actor: String
  /// `modify`
  public var action: String
  /// The mirror's name at the time.
  public var name: String
  /// `enabled: true → false`
  public var changes: [String]

  public init(time: String, actor: String, action: String, name: String, changes: [String]) {
    self.time = time
    self.actor = actor
    self.action = action
    self.name = name
    self.changes = changes
  }
}

/// What an engine knows of stored mirrors, by their number.
public struct StoredRun {
  public var statistics: (Int64) -> MirrorStatistics?
  public var isFaulted: (Int64) -> Bool
  public var explain: (_ mirror: Int64, _ frame: MadeFrame) throws(TestRefusal) -> PacketExplanation

  public init(
    statistics: @escaping (Int64) -> MirrorStatistics?, isFaulted: @escaping (Int64) -> Bool,
    explain: @escaping (_ mirror: Int64, _ frame: MadeFrame) throws(TestRefusal) -> PacketExplanation
  ) {
    self.statistics = statistics
    self.isFaulted = isFaulted
    self.explain = explain
  }
}
