internal import LuaRuntime
internal import Mirroring

extension APIEntry {
  private static let filterOrFunction = APIParameter.Kind.either([.object(.filter), .function])

  static let filterEntries: [APIEntry] = [
    filter("any", [], "Everything in range and direction, packets that are not IP included.", "filter.any()") {
      _, _ throws(HostFailure) in .any
    },
    filter(
      "quintuple",
      [
        APIParameter(
          "condition", .table, "protocol, source, destination, source_port, destination_port, bidirectional",
          variadic: true)
      ],
      "Packets that meet every condition. A field that is not given is not asked; several tables must all match.",
      #"filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }"#
    ) { context, call throws(HostFailure) in
      let location = context.location(call)
      return .quintuple((0..<call.count).map { context.draft(call[$0], at: location) })
    },
    filter(
      "nat",
      [
        APIParameter("gateway", .string, "the NAT gateway's id"),
        APIParameter("options", .table, "bidirectional: answers from the gateway too", optional: true),
      ],
      "Packets whose next hop is the NAT gateway.", #"filter.nat("nat-egress", { bidirectional = true })"#
    ) { context, call throws(HostFailure) in
      let location = context.location(call)
      let options = call.table(1) ?? LuaTable()
      try options.allow(["bidirectional"], argument: 2)
      return .nat(
        context.draft(call[0], at: location),
        bidirectional: options["bidirectional"] == .nil ? nil : context.draft(options["bidirectional"], at: location))
    },
    filter(
      "rules", [APIParameter("rules", .table, "inbound and outbound: lists of { priority, action, ...condition }")],
      "Accept and drop rules by priority: the lowest number that matches decides; no match is not collected.",
      #"filter.rules { inbound = { { priority = 1, action = "accept", protocol = "tcp" } } }"#
    ) { context, call throws(HostFailure) in .rules(context.draft(call[0], at: context.location(call))) },
    filter(
      "bpf", [APIParameter("expression", .string, "as tcpdump takes it, see pcap-filter(7)")],
      "A pcap-filter expression, compiled by libpcap. Addresses, networks, ports and protocols are numbers: nothing is looked up. At most 64 tests joined by and, or.",
      #"filter.bpf "tcp port 443""#
    ) { context, call throws(HostFailure) in .bpf(context.draft(call[0], at: context.location(call))) },
    filter(
      "first", [APIParameter("bounds", .table, "packets, bytes: at least one of them")],
      "The first packets or bytes of each conversation that reach this filter. The packet that crosses the bound of bytes is the last one, and whole.",
      "filter.first { packets = 10 }"
    ) { context, call throws(HostFailure) in
      let location = context.location(call)
      let bounds = call.table(0) ?? LuaTable()
      try bounds.allow(["packets", "bytes"], argument: 1)
      context.firstFilters += 1
      func bound(_ key: String) -> DraftValue? { bounds[key] == .nil ? nil : context.draft(bounds[key], at: location) }
      // Unique among the policies of a plan.
      let id = context.host << 16 | (context.firstFilters - 1)
      return .first(packets: bound("packets"), bytes: bound("bytes"), id: id)
    },
    filter(
      "sample", [APIParameter("fraction", .number, "above 0, at most 1")],
      "Whole conversations, chosen by their hash: the same ones in every run.", "filter.sample(1/100)"
    ) { context, call throws(HostFailure) in .sample(context.draft(call[0], at: context.location(call))) },
    filter(
      "when",
      [
        APIParameter("name", .string, "what metrics, explain and errors call it"),
        APIParameter("fn", .function, "fun(packet: packet): boolean"),
      ],
      "A function as filter, with a name. It must return true or false; anything else, nil included, is an error.",
      #"filter.when("no-ssh", function(packet) return packet.destination_port ~= 22 end)"#
    ) { context, call throws(HostFailure) in
      let name = try call.functionName(0)
      return .script(try context.script(try call.requireFunction(1), name: name, as: .filter))
    },
    filter(
      "all", [APIParameter("filters", .table, "a list of filters and functions")],
      "What every one of the filters matches.", "filter.all { https, from_lab }"
    ) { context, call throws(HostFailure) in .all(try context.filterList(call)) },
    filter(
      "none", [APIParameter("filters", .table, "a list of filters and functions")],
      "What none of the filters matches.", "filter.none { ssh, dns }"
    ) { context, call throws(HostFailure) in .not(FilterDraft(.anyOf(try context.filterList(call)))) },
    operation("&", .and, "What both match: a filter and a filter or function, or two functions.", "https & no_scan") {
      context, call throws(HostFailure) in .all(try context.operands(call))
    },
    operation("|", .or, "What at least one matches.", "http | https") {
      context, call throws(HostFailure) in .anyOf(try context.operands(call))
    },
    operation("~", .not, "What the filter does not match.", "~ssh") { context, call throws(HostFailure) in
      .not(try context.filter(call[0], argument: 1))
    },
  ]

  private typealias Make = @Sendable (PolicyContext, HostCall) throws(HostFailure) -> FilterDraft.Content

  private static func filter(
    _ name: String, _ parameters: [APIParameter], _ doc: String, _ example: String, make: @escaping Make
  ) -> APIEntry {
    APIEntry(
      owner: .namespace("filter"), name: name, parameters: parameters, returns: "filter", doc: doc, example: example,
      isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in
        try context.reserve(context.filterCount, limit: PolicyContext.Limit.filters, "filters")
        context.filterCount += 1
        try context.push(make(context, call), call)
      })
  }

  private static func operation(
    _ name: String, _ operation: LuaOperator, _ doc: String, _ example: String, make: @escaping Make
  ) -> APIEntry {
    APIEntry(
      owner: .type(.filter), name: name, returns: "filter", doc: doc, example: example, isDeclaration: true,
      binding: .operation(operation) { context, call throws(HostFailure) in
        try context.push(make(context, call), call)
      })
  }
}

extension PolicyContext {
  fileprivate func push(_ content: FilterDraft.Content, _ call: HostCall) throws(HostFailure) {
    try reserve(filters.count, limit: Limit.combinations, "combinations of filters")
    let draft = FilterDraft(content, at: location(call))
    let parts = Self.parts(draft)
    guard parts <= Limit.parts else {
      throw HostFailure("a filter may have at most \(Limit.parts) parts, this one has \(parts)")
    }
    filters.append(FilterObject(draft: draft, parts: parts))
    call.push(LuaHandle(types.handle(.filter), filters.count - 1))
  }

  /// Leaves, counted as often as they appear. Every filter that is made holds at most `Limit.parts`, so the walk ends.
  private static func parts(_ draft: FilterDraft) -> Int {
    switch draft.content {
    case .all(let list), .anyOf(let list): list.reduce(1) { $0 + parts($1) }
    case .not(let part): 1 + parts(part)
    case .quintuple(let list): max(1, list.count)
    default: 1
    }
  }

  /// A filter or a bare function.
  func filter(_ value: LuaValue, argument: Int?) throws(HostFailure) -> FilterDraft {
    switch value {
    case .handle(let handle) where handle.type == types.handle(.filter): return filters[handle.index].draft
    case .function(let function): return FilterDraft(.script(try script(function, name: nil, as: .filter)))
    default:
      let found = describe(value)
      throw HostFailure(
        found == "nil" ? "a filter or a function expected, got nil" : "a filter or a function expected, got \(found)")
    }
  }

  fileprivate func operands(_ call: HostCall) throws(HostFailure) -> [FilterDraft] {
    [try filter(call[0], argument: 1), try filter(call[1], argument: 2)]
  }

  fileprivate func filterList(_ call: HostCall) throws(HostFailure) -> [FilterDraft] {
    let table = call.table(0) ?? LuaTable()
    try table.allow([], argument: 1)
    var list: [FilterDraft] = []
    for item in table.items { list.append(try filter(item, argument: 1)) }
    guard !list.isEmpty else { throw HostFailure(argument: 1, "at least one filter expected, got an empty table") }
    return list
  }

  /// What messages call a value: its type, of host objects their own.
  func describe(_ value: LuaValue) -> String {
    if case .handle(let handle) = value { return types.name(of: handle.type) ?? value.typeName }
    if case .record = value { return "packet" }
    return value.typeName
  }
}
