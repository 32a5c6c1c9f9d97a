package import Inventory
package import LuaRuntime
package import Mirroring
internal import Wire

/// Everything behind the handles of one policy: what its script made, and what the host knows.
///
/// Host functions get it as their first argument. It never holds the interpreter: the interpreter holds it.
package final class PolicyContext {
  /// How much a script may make, so that a loop cannot fill the host's memory.
  enum Limit {
    static let mirrors = 16
    static let filters = 64
    /// Combinations of filters, and the parts in one.
    static let combinations = 1024
    static let parts = 256
    static let timers = 16
    static let metrics = 256
    static let sets = 64
    static let setEntries = 4 << 20
    /// Of the files of its sets.
    static let setBytes = 128 << 20
    static let madePackets = 1024
    static let others = 256
  }

  let name: String
  let file: String
  let folder: String
  let host: Int
  package let inventory: Inventory
  package let validator: MirrorValidator
  let earlier: [TrafficMirror]
  let options: PolicyOptions
  package var types: PolicyTypes

  /// Calls of functions that declare or change so far.
  package var declarations = 0
  /// Declarations are allowed.
  var isLoading = true
  /// A filter or balancer runs.
  var isJudging = false
  /// A timer's function runs.
  var isInTimer = false
  /// Nanoseconds since 1970 of the engine's clock; 0 while the policy loads.
  var clock: Int64 = 0

  package var filters: [FilterObject] = []
  var filterCount = 0
  var firstFilters = 0
  var sources: [DraftValue] = []
  var targets: [DraftValue] = []
  var balances: [DraftValue] = []
  package var functions: [FunctionObject] = []
  package var mirrors: [MirrorObject] = []
  /// `mirrors` as the engine has them: what scripts changed since comes into force between two batches. Empty: nothing
  /// is running.
  var inForce: [MirrorObject] = []
  /// Mirrors that others declared, as they are now; nil: nothing is running, those of `earlier` count.
  var neighbours: (() -> [TrafficMirror])?
  /// Of a session that is attached to an engine: who has the mirrors.
  package var keeper: MirrorKeeper?
  /// The store's mirrors; empty where scripts may not use it.
  var stored = StoredView()
  var storedNeighbours: (edition: Int?, list: [StoredNeighbour])?
  /// What an engine knows of them; nil: nothing is running.
  var storedRun: StoredRun?
  /// Changes of the store that scripts asked for.
  package var storeChanges = 0
  /// What scripts asked for since the engine last looked.
  var requests = PolicyRequests()
  /// What the last failed `mirror{}` said, and what it broke.
  var lastRefusal: (message: String, violations: [MirrorViolation])?
  var sets: [ValueSet] = []
  var setEntries = 0
  var setBytes = 0
  var timers: [TimerObject] = []
  var metrics: [MetricObject] = []
  var madePackets: [MadePacket] = []
  /// By name.
  var modules: [String: ModuleState] = [:]
  /// Of modules that were found in a library: its folder, by chunk.
  var moduleFolders: [String: String] = [:]
  /// Of the files that were read.
  private(set) var reading = Hasher()
  var log: RateLimitedLog
  /// What the data path counted for a mirror, by its position here; nil: nothing is running.
  var statistics: ((Int) -> MirrorStatistics?)?
  /// How a mirror's functions were asked, by its position here.
  var scriptTable: ((Int) -> LuaTable)?
  /// Explains a made packet to a mirror, by its position here; nil: nothing is running.
  var explainer: ((_ mirror: Int, _ frame: MadeFrame) throws(TestRefusal) -> PacketExplanation)?
  /// Whether a mirror, by its position here, has failed too often.
  var isFaulted: ((Int) -> Bool)?
  /// Set while the policy is tested.
  let testing: TestContext?
  /// Set in audits.
  let auditing: AuditContext?
  let arena = PacketArena()
  /// What was written to `shared` before the policy came into force; nil: it is in force.
  var sharedDraft: SharedDraft?

  init(
    name: String, file: String, folder: String, host: Int, inventory: Inventory, validator: MirrorValidator,
    earlier: [TrafficMirror], options: PolicyOptions, types: PolicyTypes
  ) {
    self.name = name
    self.file = file
    self.folder = folder
    self.host = host
    self.inventory = inventory
    self.validator = validator
    self.earlier = earlier
    self.options = options
    self.types = types
    log = RateLimitedLog(sink: options.log)
    sharedDraft = SharedDraft(over: options.shared)
    testing = options.isTested ? TestContext() : nil
    auditing = options.audited.map { AuditContext($0) }
    if let audited = options.audited { mirrors = audited.mirrors.map { MirrorObject(audited: $0) } }
  }

  /// Something was read that the policy is made of.
  func note(_ bytes: [UInt8]) { reading.combine(bytes) }

  /// Mirrors can be changed: a packet that is being judged would not know by which definition.
  var mayChange: Bool { isLoading || isInTimer || isAtTest }

  /// Positions of the mirrors that were not deleted.
  var standing: [Int] { mirrors.indices.filter { !mirrors[$0].isDeleted } }

  /// Where a call stands in the script.
  package func location(_ call: HostCall) -> SourceLocation {
    call.place.map { SourceLocation(file: $0.chunk, line: $0.line) } ?? SourceLocation(file: file)
  }

  /// Refuses what a loop could repeat without end.
  func reserve(_ count: Int, limit: Int, _ what: String) throws(HostFailure) {
    // Whoever types tries many things, and what was made stays.
    let limit = options.session == nil ? limit : limit * 64
    guard count < limit else {
      throw HostFailure("a \(options.session == nil ? "policy" : "session") may have at most \(limit) \(what)")
    }
  }

  /// The host's number of a script function; the same function under the same name keeps its number.
  func register(_ function: LuaFunctionReference, name: String, as kind: FunctionObject.Kind) throws(HostFailure) -> Int
  {
    if let known = functions.firstIndex(where: { $0.reference == function && $0.name == name && $0.kind == kind }) {
      return known
    }
    guard isLoading else {
      throw HostFailure(
        "a function that was not used while the policy loaded: a timer changes mirrors with what was made then, such as filter.when(name, fn)"
      )
    }
    try reserve(functions.count, limit: Limit.others, "functions")
    functions.append(FunctionObject(reference: function, name: name, kind: kind))
    return functions.count - 1
  }

  func script(_ function: LuaFunctionReference, name: String?, as kind: FunctionObject.Kind) throws(HostFailure)
    -> ScriptFunction
  {
    let name = if let name { name } else { try placeName(function, kind == .balancer ? "balance" : "filter") }
    return ScriptFunction(host: host, function: try register(function, name: name, as: kind), name: name)
  }

  /// A bare function is called by its place.
  private func placeName(_ function: LuaFunctionReference, _ key: String) throws(HostFailure) -> String {
    try refuse(library: function, as: key)
    return function.name
  }

  /// `source = source.vpc` lacks its parentheses.
  package func refuse(library function: LuaFunctionReference, as key: String) throws(HostFailure) {
    guard function.isNative else { return }
    guard function.name.hasPrefix(key + "."), let entry = APIEntry.all.first(where: { $0.path == function.name }) else {
      throw HostFailure("\(key): a function of the library cannot be used here, write your own")
    }
    throw HostFailure("\(key): write \(entry.path)(\(entry.parameters.isEmpty ? "" : "...")), with parentheses")
  }
}

/// A script's function that the host calls.
package struct FunctionObject {
  package enum Kind: Hashable { case filter, balancer, timer }
  package var reference: LuaFunctionReference
  package var name: String
  package var kind: Kind
}

/// A filter that a script made.
package struct FilterObject {
  package var draft: FilterDraft
  /// Leaves in it, counted as often as they appear: bounds the work of whoever walks it.
  var parts: Int
}

/// A mirror that a script declared.
package struct MirrorObject {
  package var draft: MirrorDraft
  package var mirror: TrafficMirror
  package var warnings: [MirrorViolation]
  /// Its handles stay valid, it is nowhere else.
  package var isDeleted = false
  /// `enable` clears what its scripts failed in.
  var isEnabledAnew = false
}

/// What a script asked the engine to do between two batches.
public struct PolicyRequests: Sendable, Hashable {
  /// Mirrors were changed or deleted.
  public var changesMirrors = false
  /// `mirrors.reload()`.
  public var reloads = false

  public init() {}
}

/// A function that runs by the engine's clock.
struct TimerObject {
  var function: Int
  /// Nanoseconds.
  var period: Int64
  var due: Int64
  /// In a row.
  var failures = 0
}

/// `counter(name)` or `gauge(name)`.
struct MetricObject {
  var name: String
  var isCounter: Bool
  var value: Double
  /// A gauge that was set, not only added to.
  var isSet = false
}
