internal import LuaRuntime
internal import Mirroring
internal import Wire

extension APIEntry {
  /// The whole policy language, in the order of the reference page.
  static let all: [APIEntry] =
    mirrorEntries + explainEntries + mirrorsEntries + storeEntries + sourceEntries + targetEntries + filterEntries
    + balanceEntries
    + packetEntries + payloadEntries + makeEntries + setEntries + inventoryEntries + hostEntries
    + requireEntries + testEntries
}

/// What scripts see, made from the table of entries.
struct PolicyLibrary {
  private let context: PolicyContext
  private var library: HostLibrary
  private var handles: [APITypeName: HandleType] = [:]
  private var records: [APITypeName: RecordType] = [:]

  /// - Parameter types: declared in `library`.
  private init(_ context: PolicyContext, _ library: HostLibrary) {
    self.context = context
    self.library = library
    for type in APITypeName.allCases {
      if type.isRecord {
        records[type] = RecordType(type.name)
      } else {
        handles[type] = HandleType(type.name)
      }
    }
  }

  static func build(_ context: PolicyContext, declaredIn library: HostLibrary) -> HostLibrary {
    var builder = PolicyLibrary(context, library)
    let entries = context.auditing == nil ? APIEntry.all : APIEntry.ofAudits
    for entry in entries where entry.inTests != .only || context.testing != nil { builder.add(entry) }
    builder.addCollections()
    builder.addTexts()
    builder.addPredicates()
    if let session = context.options.session { builder.add(session) }
    for (type, handle) in builder.handles { builder.library.define(context.types.handle(type), as: handle) }
    for (type, record) in builder.records { builder.library.define(context.types.record(type), as: record) }
    return builder.library
  }

  private mutating func add(_ entry: APIEntry) {
    switch entry.owner {
    case .global: add(entry, in: nil)
    case .namespace(let space): add(entry, in: space)
    case .type(let type):
      if type.isRecord { addToRecord(entry, type) } else { addToHandle(entry, type) }
    }
  }

  private mutating func add(_ entry: APIEntry, in space: String?) {
    if case .function(let body) = entry.binding {
      library.add(entry.name, in: space, nature: entry.nature, bind(entry, body, offset: 0))
    } else if case .value(let value) = entry.binding {
      library.add(entry.name, in: space, value: value(context))
    }
  }

  private mutating func addToHandle(_ entry: APIEntry, _ type: APITypeName) {
    guard var handle = handles[type] else { return }
    handle.natures[entry.name] = entry.nature
    switch entry.binding {
    case .method(let body): handle.methods.append((entry.name, bindMethod(entry, body, of: type)))
    case .function(let body): handle.methods.append((entry.name, bind(entry, body, offset: 0)))
    case .property(let body): handle.fields.append((entry.name, bind(entry, body, offset: 1)))
    case .operation(let which, let body): handle.operators.append((which, bind(entry, body, offset: 0)))
    case .value, .record: break
    }
    handles[type] = handle
  }

  private mutating func addToRecord(_ entry: APIEntry, _ type: APITypeName) {
    guard var record = records[type] else { return }
    record.natures[entry.name] = entry.nature
    switch entry.binding {
    case .record(let kind, let presence):
      record.fields.append(
        RecordField(
          entry.name, kind(context), presence: presence.map { PacketRecord.bit($0) },
          keys: entry.keys.isEmpty ? nil : entry.keys.map(\.rawValue)))
    case .method(let body): record.methods.append((entry.name, bindMethod(entry, body, of: type)))
    case .operation(.length, let body): record.length = bind(entry, body, offset: 1)
    case .function, .value, .property, .operation: break
    }
    records[type] = record
  }

  /// The entry as a function of the runtime: arguments checked, declarations refused when the policy runs.
  private func bind(_ entry: APIEntry, _ body: @escaping APIEntry.Call, offset: Int) -> HostFunction {
    let context = context
    return { call throws(HostFailure) in
      if entry.isDeclaration, !context.isLoading, !(entry.inTests != .alike && context.isAtTest) {
        throw HostFailure("\(entry.path) can be used only while the policy loads")
      }
      if entry.isChange, context.auditing != nil {
        throw HostFailure("\(entry.path) cannot be used in audits: they look at mirrors and change none")
      }
      if entry.isChange, !context.mayChange {
        throw HostFailure(
          "\(entry.path) can be used while the policy loads, in timers and in tests, not while a packet is judged")
      }
      if entry.isDeclaration || entry.isChange { context.declarations += 1 }
      if !entry.parameters.isEmpty { try entry.check(call, context.types, offset: offset) }
      try body(context, call)
    }
  }

  /// The same for a method: refused without its object, as after a dot; messages count arguments behind the object.
  private func bindMethod(_ entry: APIEntry, _ body: @escaping APIEntry.Call, of type: APITypeName) -> HostFunction {
    let context = context
    let bound = bind(entry, body, offset: 1)
    let refusal = "call it with a colon: \(entry.path)(\(entry.parameters.isEmpty ? "" : "..."))"
    return { call throws(HostFailure) in
      guard APIParameter.Kind.object(type).accepts(call, 0, context.types) else { throw HostFailure(refusal) }
      do throws(HostFailure) {
        try bound(call)
      } catch {
        // Lua counts the object as the first argument, and takes it off again where a colon was written.
        throw error.argument.map { HostFailure(argument: $0 + 1, error.message) } ?? error
      }
    }
  }

  // MARK: Sessions

  private mutating func add(_ session: SessionLibrary) {
    let context = context
    for entry in session.entries { add(entry) }
    for (type, ways) in session.collections {
      handles[type]?.index = { call throws(HostFailure) in try ways.index(context, call) }
      handles[type]?.enumerate = { call throws(HostFailure) in try ways.enumerate(context, call) }
      handles[type]?.describe = { call throws(HostFailure) in try ways.describe(context, call) }
    }
  }

  // MARK: What has no name of its own

  private mutating func addCollections() {
    let context = context
    handles[.filter]?.claimsFunctions = true
    handles[.mirrors]?.index = { call throws(HostFailure) in try context.pushMirror(named: call) }
    handles[.mirrors]?.enumerate = { call throws(HostFailure) in context.pushMirror(at: call) }
    handles[.mirrors]?.operators = [(.length, { call throws(HostFailure) in call.push(Int64(context.mirrorCount())) })]
    for of in ["[]", "pairs", "#"] { handles[.list]?.natures[of] = .pure }
    handles[.expectation]?.index = { call throws(HostFailure) in try context.pushExpectation(ofMember: call) }
    handles[.list]?.index = { call throws(HostFailure) in context.pushElement(named: call) }
    handles[.list]?.enumerate = { call throws(HostFailure) in context.pushElement(at: call) }
    handles[.list]?.operators = [
      (.length, { call throws(HostFailure) in call.push(Int64(context.count(ofList: call))) })
    ]
  }

  /// Sets are asked so often that they have a way of their own.
  private mutating func addPredicates() {
    for isSource in [true, false] {
      records[.packet]?.predicates[isSource ? "source_in" : "destination_in"] = unsafe RecordPredicate(
        of: context.types.handle(.set), firstKey: PacketKey.isHeld(bySet: 0, isSource: isSource), keyStep: 2
      ) { [unowned context] base, number in
        let packet = unsafe PacketRecord.at(base).pointee.observed
        return unsafe context.holds(
          set: number, isSource ? packet.pointee.summary.source : packet.pointee.summary.destination)
      }
    }
  }

  private mutating func addTexts() {
    let context = context
    unsafe records[.packet]?.settle = PacketCopy.settle
    records[.packet]?.describe = { call throws(HostFailure) in
      guard let base = unsafe call.record(0, of: context.types.record(.packet)) else { return call.push("packet") }
      call.charge(64)
      call.push(unsafe PacketLine.text(base))
    }
    handles[.receiver]?.describe = { call throws(HostFailure) in
      call.push(context.receiver(call)?.address.description ?? "receiver")
    }
    handles[.verdict]?.describe = { call throws(HostFailure) in call.push(try context.verdict(call).text) }
    handles[.mirror]?.describe = { call throws(HostFailure) in
      call.push("mirror " + context.facts(context.subject(call)).name)
    }
  }
}
