internal import Inventory
internal import JSONText
internal import LuaRuntime
internal import Mirroring
internal import Wire

extension APIEntry {
  static let mirrorEntries: [APIEntry] = [
    APIEntry(
      owner: .global, name: "mirror",
      parameters: [APIParameter("definition", .table, "its keys: see The keys of a mirror")],
      returns: "mirror",
      doc: "Declares a mirror. It is checked at once; an error lists every rule that it breaks.",
      example:
        #"mirror { name = "shop", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10" }"#,
      isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in try context.declareMirror(call) }),
    property("name", "string", "Its name.") { .string($0.name) },
    property("description", "string", "What it is for.") { .string($0.description) },
    property("vpc", "string", "The id of its VPC.") { .string($0.vpc) },
    property("direction", "string", #""all", "out" or "in"."#) { .string($0.direction) },
    property("enabled", "boolean", "Whether it collects.") { .boolean($0.isEnabled) },
    APIEntry(
      owner: .type(.mirror), name: "state", returns: "string",
      doc:
        #""enabled", "disabled", "deleted", or "faulted": its scripts failed too often and are not called any more."#,
      example: #"mirrors.web.state == "faulted""#,
      binding: .property { context, call throws(HostFailure) in
        switch context.subject(call) {
        case .own(let number): call.push(context.state(ofMirror: number))
        case .stored(let position): call.push(context.state(ofStored: position))
        }
      }),
    property("receivers", "string[]", "The receiving IP addresses.") {
      .table(LuaTable(items: $0.receivers.map { .string($0) }))
    },
    property("tags", "table<string, string>", "Its tags.") { .table(LuaTable(strings: $0.tags)) },
    property("vni", "integer", "The VXLAN network identifier of its copies.") { .integer($0.vni) },
    property("origin", "string", #"Where it was declared, as "web.lua:8", or "store"."#) { .string($0.origin) },
    method(
      "enable", [], nil, "Starts collecting; calls its scripts again if they failed too often.", "mirrors.web:enable()"
    ) { context, call throws(HostFailure) in
      if case .stored(let position) = context.subject(call) {
        // Scripts of the store's mirrors begin anew with a reload.
        if context.state(ofStored: position) == "faulted" { try context.requestReload() }
        return try context.changeStored(position, call, "mirror:enable", .enable)
      }
      try context.change(call, "enabled") { $0.set("enabled", DraftValue(.bool(true))) }
      if !context.options.isSecondary { context.mirrors[context.mirrorIndex(call)].isEnabledAnew = true }
    },
    method("disable", [], nil, "Stops collecting; the mirror stays.", "mirrors.web:disable()") {
      context, call throws(HostFailure) in
      if case .stored(let position) = context.subject(call) {
        return try context.changeStored(position, call, "mirror:disable", .disable)
      }
      try context.change(call, "disabled") { $0.set("enabled", DraftValue(.bool(false))) }
    },
    method(
      "modify", [APIParameter("changes", .table, "keys of mirror{} with new values")], nil,
      "Changes some of its definition; checked as a whole.", #"mirrors.web:modify { direction = "out" }"#
    ) { context, call throws(HostFailure) in
      let table = call.table(1) ?? LuaTable()
      if case .stored(let position) = context.subject(call) {
        let members = try context.members(storing: table, for: position, call, "mirror:modify")
        return try context.changeStored(position, call, "mirror:modify", .modify(members))
      }
      let members = context.mirrorMembers(table, at: context.location(call))
      let named = try context.namedFunctions(table, members)
      let names = named.map(\.name).joined(separator: ", ")
      try context.change(call, "modified: " + names) { draft in
        for member in named { draft.set(member.name, member.value) }
      }
    },
    method(
      "tag", [APIParameter("tags", .table, "value by key")], nil, "Adds tags, or changes their values.",
      #"mirrors.web:tag { team = "sec" }"#
    ) { context, call throws(HostFailure) in
      if let table = call.table(1), !table.items.isEmpty || !table.sparse.isEmpty {
        throw HostFailure(argument: 1, "values by key expected, as in { team = \"sec\" }")
      }
      if case .stored(let position) = context.subject(call) {
        let tags = LuaTable(fields: [.init("tags", call[1])])
        let members = try context.members(storing: tags, for: position, call, "mirror:tag").first?.value.members ?? []
        return try context.changeStored(position, call, "mirror:tag", .tag(members))
      }
      let added = context.members(call.table(1) ?? LuaTable(), at: context.location(call))
      try context.change(call, "tagged") { draft in
        draft.setTags(draft.tags.filter { old in !added.contains { $0.name == old.name } } + added)
      }
    },
    method(
      "untag", [APIParameter("key", .string, "tags by key", variadic: true)], nil, "Removes tags.",
      #"mirrors.web:untag "team""#
    ) { context, call throws(HostFailure) in
      let keys = (1..<max(2, call.count)).compactMap { call.string($0) }
      if case .stored(let position) = context.subject(call) {
        return try context.changeStored(position, call, "mirror:untag", .untag(keys))
      }
      try context.change(call, "untagged") { draft in draft.setTags(draft.tags.filter { !keys.contains($0.name) }) }
    },
    method("delete", [], nil, "Takes the mirror away; what it counted stays in the summary.", "mirrors.web:delete()") {
      context, call throws(HostFailure) in
      if case .stored(let position) = context.subject(call) {
        return try context.changeStored(position, call, "mirror:delete", .delete)
      }
      try context.delete(call)
    },
    method(
      "stats", [], "table",
      "What was counted before the packet at hand: observed, collected and reasons, each with packets and bytes; lua, in timers only: hits, misses, calls and ns_per_call of its functions. nil while nothing runs.",
      "mirrors.web:stats().collected.packets"
    ) { context, call throws(HostFailure) in
      let subject = context.subject(call)
      guard let counted = context.statistics(of: subject) else { return call.pushNil() }
      var table = counted.table
      // What is remembered must not change what is decided.
      if !context.isJudging, case .own(let index) = subject, let lua = context.scriptTable?(index) {
        table.fields.append(.init("lua", .table(lua)))
      }
      call.push(.table(table))
    },
  ]

  static let mirrorsEntries: [APIEntry] = [
    APIEntry(
      owner: .global, name: "mirrors", returns: "mirrors",
      doc:
        "The mirrors of this policy, then with `--store` those of the store: `mirrors[\"web\"]`, `mirrors[1]`, `#mirrors`, `pairs(mirrors)` gives name and mirror. A name that several have is an error: `mirrors.find`.",
      example: #"for name, each in pairs(mirrors) do log.info(name, each.state) end"#,
      binding: .value { $0.types.value(.mirrors, 0) }),
    APIEntry(
      owner: .type(.mirrors), name: "reload",
      doc:
        "Asks for a reload, as SIGHUP does: inventory, mirrors and policies are read again and come into force between two batches of packets, all or none. In timers only; at most one reload in 10 seconds of the engine's clock.",
      example: "every(3600, function() mirrors.reload() end)",
      binding: .function { context, call throws(HostFailure) in try context.requestReload() }),
    APIEntry(
      owner: .type(.receiver), name: "address", returns: "string", doc: "Its IP address.",
      example: #"balance.with("first", function(packet, receivers) return receivers[1].address end)"#, isPure: true,
      binding: .property { context, call throws(HostFailure) in
        call.push(context.receiver(call).map { $0.address.description } ?? "")
      }),
    APIEntry(
      owner: .type(.receiver), name: "index", returns: "integer", doc: "Its position in the mirror's list, from 1.",
      example: #"balance.with("last", function(packet, receivers) return receivers[#receivers].index end)"#,
      isPure: true,
      binding: .property { context, call throws(HostFailure) in
        call.push(Int64(context.receiver(call)?.position ?? 0) + 1)
      }),
  ]

  private static func property(
    _ name: String, _ type: String, _ doc: String, get: @escaping @Sendable (MirrorFacts) -> LuaValue
  ) -> APIEntry {
    APIEntry(
      owner: .type(.mirror), name: name, returns: type, doc: doc, example: "mirrors.web.\(name)",
      binding: .property { context, call throws(HostFailure) in
        call.push(get(context.facts(context.subject(call))))
      })
  }

  private static func method(
    _ name: String, _ parameters: [APIParameter], _ returns: String?, _ doc: String, _ example: String,
    call: @escaping Call
  ) -> APIEntry {
    APIEntry(
      owner: .type(.mirror), name: name, parameters: parameters, returns: returns, doc: doc, example: example,
      isChange: returns == nil, binding: .method(call))
  }
}

extension LuaTable {
  init(strings: [String: String]) {
    self.init(fields: strings.sorted { $0.key < $1.key }.map { Field($0.key, .string($0.value)) })
  }
}

extension MirrorDraft {
  mutating func set(_ name: String, _ value: DraftValue) {
    definition.removeAll { $0.name == name }
    definition.append(DraftMember(name, value))
  }
}

extension MirrorDraft {
  fileprivate var tags: [DraftMember] {
    guard case .table(let members) = definition.first(where: { $0.name == "tags" })?.value.content else { return [] }
    return members
  }

  fileprivate mutating func setTags(_ tags: [DraftMember]) { set("tags", DraftValue(.table(tags))) }
}

extension MirrorStatistics {
  fileprivate var table: LuaTable {
    LuaTable(fields: [
      .init("observed", .table(observed.table)), .init("collected", .table(collected.table)),
      .init(
        "reasons",
        .table(LuaTable(fields: reasons.sorted { $0.key < $1.key }.map { .init($0.key, .table($0.value.table)) }))),
    ])
  }
}

extension MirrorStatistics.Tally {
  fileprivate var table: LuaTable {
    LuaTable(fields: [
      .init("packets", .integer(Int64(clamping: packets))), .init("bytes", .integer(Int64(clamping: bytes))),
    ])
  }
}

extension PolicyContext {
  // MARK: Declaring and changing

  fileprivate func declareMirror(_ call: HostCall) throws(HostFailure) {
    let location = location(call)
    let table = call.table(0) ?? LuaTable()
    if keeper != nil { throw HostFailure(MirrorKeeper.noDeclaring) }
    try reserve(mirrors.count, limit: Limit.mirrors, "mirrors")
    let members = try namedFunctions(table, mirrorMembers(table, at: location))
    let draft = MirrorDraft(members, spelling: .snakeCase, location: location)
    mirrors.append(try validated(draft, besides: mirrorsOfOthers() + standing.map { mirrors[$0].mirror }, call))
    call.push(LuaHandle(types.handle(.mirror), mirrors.count - 1))
  }

  fileprivate func mirrorMembers(_ table: LuaTable, at location: SourceLocation) -> [DraftMember] {
    members(table, at: location)
  }

  /// Functions given directly as filter or balancer get the host's number, and their place as name.
  fileprivate func namedFunctions(_ table: LuaTable, _ members: [DraftMember]) throws(HostFailure) -> [DraftMember] {
    var result = members
    for (index, member) in members.enumerated() {
      guard case .function(let function) = table[member.name] else { continue }
      if member.name == "source" || member.name == "target" { try refuse(library: function, as: member.name) }
      guard member.name == "filter" || member.name == "balance" else { continue }
      let kind: FunctionObject.Kind = member.name == "filter" ? .filter : .balancer
      result[index].value.content = .script(try script(function, name: nil, as: kind))
    }
    return result
  }

  /// The one mirror of the draft, or every rule it breaks as one error at the call's line.
  func validated(
    _ draft: MirrorDraft, besides existing: [TrafficMirror], _ call: HostCall
  ) throws(HostFailure) -> MirrorObject {
    // What the least mirror takes; so much is charged that the clock is looked at, too, when this has returned.
    call.charge(1000)
    let result = validator.validate([draft], besides: existing)
    guard result.errors.isEmpty, var mirror = result.mirrors.first else {
      let message = Self.message(result.errors)
      lastRefusal = (message, result.errors)
      throw HostFailure(message)
    }
    if let origin = options.origin { mirror.origin = origin }
    return MirrorObject(draft: draft, mirror: mirror, warnings: result.warnings)
  }

  /// On one line, because scripts and logs treat it as one; `PolicyError.violations` has them one by one.
  static func message(_ violations: [MirrorViolation]) -> String {
    let name =
      violations.first.map { $0.mirror.isEmpty ? "this mirror" : "mirror \"\($0.mirror.cleanLine(limit: 80))\"" }
      ?? "this mirror"
    let head = violations.count == 1 ? "\(name) breaks a rule: " : "\(name) breaks \(violations.count) rules: "
    return head + violations.map { $0.sentence + ($0.hint.map { " (\($0))" } ?? "") }.joined(separator: "; ")
  }

  // MARK: Reading

  fileprivate func statistics(of subject: MirrorSubject) -> MirrorStatistics? {
    switch subject {
    case .own(let number): statistics?(number)
    case .stored(let position): storedRun?.statistics(stored.items[position].definition.number)
    }
  }

  /// Numbers of receiver handles: the mirror's position above, the receiver's below.
  static let receiverStride = 1 << 16

  func receiver(_ call: HostCall) -> (address: IPAddress, position: Int)? {
    call.handle(0, of: types.handle(.receiver)).flatMap(receiver)
  }

  private func receiver(_ handle: Int) -> (address: IPAddress, position: Int)? {
    let (mirror, position) = handle.quotientAndRemainder(dividingBy: Self.receiverStride)
    let receivers = mirrorInForce(mirror).receivers
    return position < receivers.count ? (receivers[position], position) : nil
  }
}
