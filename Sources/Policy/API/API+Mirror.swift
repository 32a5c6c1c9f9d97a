internal import Inventory
internal import LuaRuntime
internal import Mirroring

// Whose traffic, where to, how it is spread: the parts of a mirror besides its filter.
extension APIEntry {
  static let sourceEntries: [APIEntry] = [
    declaration("source", "vpc", [], .source, "All traffic of the mirror's VPC.", "source.vpc()") {
      context, call throws(HostFailure) in
      try context.push(.table([DraftMember("vpc", DraftValue(.bool(true)))]), call)
    },
    declaration(
      "source", "subnet", [APIParameter("id", .string, "subnets by id", variadic: true)], .source,
      "The traffic of subnets.", #"source.subnet("subnet-web", "subnet-app")"#
    ) { context, call throws(HostFailure) in try context.push(ids: "subnet", call) },
    declaration(
      "source", "eni", [APIParameter("id", .string, "ENIs by id", variadic: true)], .source,
      "The traffic of network interfaces.", #"source.eni "eni-web1""#
    ) { context, call throws(HostFailure) in try context.push(ids: "eni", call) },
    declaration(
      "source", "where", [APIParameter("fn", .function, "fun(eni: eni): boolean")], .source,
      "The network interfaces for which the function returns true; it is asked once for each while the policy loads.",
      #"source.where(function(eni) return eni.tags.env == "prod" end)"#
    ) { context, call throws(HostFailure) in
      let function = try call.requireFunction(0)
      try context.refuse(library: function, as: "source.where")
      try context.select(from: 0, chosen: [], function, at: context.location(call), call)
    },
  ]

  static let targetEntries: [APIEntry] = [
    declaration(
      "target", "receivers",
      [
        APIParameter("addresses", .either([.string, .table]), "a list, or text with commas or line breaks between"),
        APIParameter("options", .table, "encapsulation = { type, vni, port }", optional: true),
      ], .target, "The receiving IP addresses, and how copies travel to them.",
      #"target.receivers("10.20.9.10, 10.20.9.11", { encapsulation = { type = "vxlan", vni = 7 } })"#
    ) { context, call throws(HostFailure) in try context.pushTarget(call) }
  ]

  static let balanceEntries: [APIEntry] = [
    method("even", "Each conversation to the receiver with the fewest bytes so far."),
    method("eni_hash", "All traffic of one network interface to the same receiver."),
    method("flow_hash", "Conversations by their hash: the same choice on every host."),
    method("round_robin", "Packet by packet in turn."),
    declaration(
      "balance", "weighted", [APIParameter("weights", .table, "weight by receiver; 1 for those not named")], .balance,
      "Conversations by their hash, in proportion to the weights.", #"balance.weighted { ["10.20.9.10"] = 3 }"#
    ) { context, call throws(HostFailure) in
      let location = context.location(call)
      let weights = DraftValue(.table(context.members(call.table(0) ?? LuaTable(), at: location)), at: location)
      try context.push(balance: .table([DraftMember("weighted", weights)]), call)
    },
    declaration(
      "balance", "with",
      [
        APIParameter("name", .string, "what metrics, explain and errors call it"),
        APIParameter("fn", .function, "fun(packet: packet, receivers: receiver[]): receiver|integer|string|nil"),
      ], .balance,
      "A function as balancer, with a name. It returns a receiver of the list, its address, its index from 1, or nil for none.",
      #"balance.with("by-port", function(packet, receivers) return packet.source_port % #receivers + 1 end)"#
    ) { context, call throws(HostFailure) in
      let name = try call.functionName(0)
      let function = try context.script(try call.requireFunction(1), name: name, as: .balancer)
      try context.push(balance: .script(function), call)
    },
  ]

  private static func method(_ name: String, _ doc: String) -> APIEntry {
    declaration("balance", name, [], .balance, doc, "balance.\(name)()") { context, call throws(HostFailure) in
      try context.push(balance: .string(String(name.map { $0 == "_" ? "-" : $0 })), call)
    }
  }

  static func declaration(
    _ space: String, _ name: String, _ parameters: [APIParameter], _ type: APITypeName, _ doc: String,
    _ example: String, call: @escaping Call
  ) -> APIEntry {
    APIEntry(
      owner: .namespace(space), name: name, parameters: parameters, returns: type.name, doc: doc,
      example: example, isDeclaration: true, binding: .function(call))
  }
}

extension PolicyContext {
  fileprivate func push(_ content: DraftValue.Content, _ call: HostCall) throws(HostFailure) {
    try reserve(sources.count, limit: Limit.others, "sources")
    sources.append(DraftValue(content, at: location(call)))
    call.push(LuaHandle(types.handle(.source), sources.count - 1))
  }

  fileprivate func push(ids kind: String, _ call: HostCall) throws(HostFailure) {
    let location = location(call)
    let ids = DraftValue(.list((0..<call.count).map { draft(call[$0], at: location) }), at: location)
    try push(.table([DraftMember(kind, ids)]), call)
  }

  fileprivate func push(balance content: DraftValue.Content, _ call: HostCall) throws(HostFailure) {
    try reserve(balances.count, limit: Limit.others, "balance methods")
    balances.append(DraftValue(content, at: location(call)))
    call.push(LuaHandle(types.handle(.balance), balances.count - 1))
  }

  /// Asks the predicate for one ENI after the other: the host may call into Lua only after it has returned.
  fileprivate func select(
    from first: ENIIndex, chosen: [ENIIndex], _ function: LuaFunctionReference, at location: SourceLocation,
    _ call: HostCall
  ) throws(HostFailure) {
    guard first < inventory.enis.count else {
      return try push(.selection(chosen, name: "where " + function.name), call)
    }
    call.next(function, [types.value(.eni, first)]) { answer throws(HostFailure) in
      guard answer.typeName(0) == "boolean", let isChosen = answer.boolean(0) else {
        throw HostFailure(
          "the function given to source.where must return true or false, got \(answer.typeName(0))")
      }
      try self.select(from: first + 1, chosen: isChosen ? chosen + [first] : chosen, function, at: location, answer)
    }
  }

  fileprivate func pushTarget(_ call: HostCall) throws(HostFailure) {
    try reserve(targets.count, limit: Limit.others, "targets")
    let location = location(call)
    var options = call.table(1) ?? LuaTable()
    try options.allow(["encapsulation"], argument: 2)
    var receivers = call[0]
    if case .table(let list) = receivers {
      try list.allow(["encapsulation"], argument: 1, items: true)
      if list["encapsulation"] != .nil { options = list }
      receivers = .table(LuaTable(items: list.items))
    }
    var members = [DraftMember("receivers", draft(receivers, at: location))]
    if options["encapsulation"] != .nil {
      members.append(DraftMember("encapsulation", draft(options["encapsulation"], at: location)))
    }
    targets.append(DraftValue(.table(members), at: location))
    call.push(LuaHandle(types.handle(.target), targets.count - 1))
  }
}
