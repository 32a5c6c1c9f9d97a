// The one table of rules: what a mirror obeys, where it comes from, and the check that reports it. A group is one part
// of a definition; its check reads that part and reports only the group's codes (and `value.type`, `key.unknown`).
// Order matters: a check may use what the groups before it have read. `docs/mirror-rules.md` is printed from here.

/// The rules of one part of a definition, with the function that checks them.
struct MirrorRuleGroup: Sendable {
  let title: String
  let rules: [MirrorRule]
  let check: @Sendable (inout MirrorReading) -> Void

  init(_ title: String, _ check: @escaping @Sendable (inout MirrorReading) -> Void, _ rules: [MirrorRule]) {
    self.title = title
    self.rules = rules
    self.check = check
  }
}

extension MirrorRule {
  static let groups: [MirrorRuleGroup] = [
    form, network, name, range, direction, filter, receivers, balance, encapsulation, answers, burden, tags, neighbours,
  ]

  /// The console's limit.
  public static let mirrorsPerVPC = 5
  public static let receiversPerMirror = 1024

  /// Every rule, in the order of the checks.
  public static let all: [MirrorRule] = groups.flatMap(\.rules)

  private static let form = MirrorRuleGroup(
    "Form", { $0.readMembers() },
    [
      MirrorRule(
        "mirrors.format", .moontap, .error,
        "A mirrors file is an object with the format `moontap.mirrors/1` and a list `mirrors`."),
      MirrorRule(
        "key.unknown", .moontap, .error,
        "A name that no definition knows is an error, so that a typo is never silent; names that start with `x-` are"
          + " free."),
      MirrorRule("key.duplicate", .moontap, .error, "A name stands once in a table."),
      MirrorRule("value.type", .moontap, .error, "A value has the type that its name calls for."),
    ])

  private static let name = MirrorRuleGroup(
    "Name", { $0.readName() },
    [
      MirrorRule("name.empty", .console, .error, "A mirror has a name; blanks alone are none."),
      MirrorRule(
        "name.too-long", .console, .error,
        "A name has at most 60 characters as people count them, whatever their bytes."),
      MirrorRule(
        "name.control", .moontap, .error,
        "A name has no control characters, and none that turn text around: it is printed on terminals."),
      MirrorRule("name.duplicate", .moontap, .error, "A name is unique among the mirrors of its VPC."),
    ])

  private static let network = MirrorRuleGroup(
    "Network", { $0.readNetwork() },
    [
      MirrorRule("region.unknown", .console, .error, "The region exists in the inventory."),
      MirrorRule(
        "network.unknown", .console, .error,
        "The VPC exists in the inventory, in the region if one is named; a VPC id that several regions have needs the"
          + " region."),
      MirrorRule(
        "vpc.mirror-limit", .console, .error, "A VPC has at most 5 mirrors, disabled ones included."),
    ])

  private static let range = MirrorRuleGroup(
    "Collection range", { $0.readRange() },
    [
      MirrorRule(
        "range.missing", .console, .error,
        "A mirror has a collection range: `vpc`, `subnet` or `eni`; the last two name at least one id."),
      MirrorRule("range.ambiguous", .console, .error, "There is exactly one kind of collection range."),
      MirrorRule("range.unknown", .console, .error, "Every subnet and ENI of the range exists."),
      MirrorRule("range.other-vpc", .console, .error, "Every subnet and ENI of the range is in the mirror's VPC."),
      MirrorRule("range.too-many", .cloud, .error, "A range names at most 20 different ids."),
      MirrorRule("range.empty", .moontap, .warning, "A source chosen by a function has an ENI of the VPC in it."),
    ])

  private static let direction = MirrorRuleGroup(
    "Direction", { $0.readDirection() },
    [MirrorRule("direction.unknown", .console, .error, "The direction is `all` (the default), `out` or `in`.")])

  private static let filter = MirrorRuleGroup(
    "Filter", { $0.readFilter() },
    [
      MirrorRule(
        "filter.coexist", .cloud, .error, "A filter is one of `quintuple`, `nat` and `rules`; they exclude each other."),
      MirrorRule("filter.empty", .moontap, .error, "A filter has at least one condition or rule."),
      MirrorRule(
        "filter.protocol", .console, .error, "A protocol is a name or a number from 0 to 255; `any` is every protocol."),
      MirrorRule(
        "filter.cidr", .console, .both,
        "`source` and `destination` are networks in CIDR form or single addresses. Bits beyond the prefix are cleared,"
          + " with a warning."),
      MirrorRule(
        "filter.port", .console, .error,
        "A port is `any`, a number from 0 to 65535, or `a-b` with 1 ≤ a ≤ b ≤ 65535, and stands only with tcp, udp,"
          + " sctp, dccp, udplite or no protocol."),
      MirrorRule(
        "filter.family", .moontap, .error, "Source and destination of one condition are both IPv4 or both IPv6."),
      MirrorRule("filter.nat-unknown", .console, .error, "The NAT gateway exists."),
      MirrorRule("filter.nat-other-vpc", .console, .error, "The NAT gateway is in the mirror's VPC."),
      MirrorRule(
        "rules.priority", .cloud, .error, "A rule has a priority, a whole number from 0; the lowest decides first."),
      MirrorRule("rules.action", .cloud, .error, "A rule's action is `accept` or `drop`."),
      MirrorRule("rules.duplicate-priority", .cloud, .error, "A priority stands once in a direction."),
      MirrorRule("filter.bpf", .moontap, .error, "`filter.bpf` is an expression that libpcap understands."),
      MirrorRule(
        "filter.first", .moontap, .error, "`filter.first` has a number of packets or bytes, or both, each from 1."),
      MirrorRule("filter.sample", .moontap, .error, "`filter.sample` has a fraction above 0 and up to 1."),
      MirrorRule("filter.too-deep", .moontap, .error, "Filters are combined at most 64 deep."),
      MirrorRule(
        "filter.unsatisfiable", .moontap, .warning, "Some packet can meet all conditions, and some rule can accept."),
      MirrorRule(
        "filter.one-sided", .moontap, .warning,
        "Where both directions are wanted, a quintuple matches both halves of a conversation; a NAT filter with"
          + " direction `in` is bidirectional, because only packets going out have a next hop."),
      MirrorRule(
        "rules.shadowed", .moontap, .warning, "No rule stands behind one that decides all of its packets before it."),
    ])

  private static let receivers = MirrorRuleGroup(
    "Receivers", { $0.readReceivers() },
    [
      MirrorRule(
        "receivers.empty", .console, .error,
        "An enabled mirror has at least one receiving IP; a disabled one may have none."),
      MirrorRule(
        "receivers.syntax", .console, .error,
        "Receiving IPs are a list of addresses, or a text with addresses between line breaks or commas; blanks do not"
          + " count."),
      MirrorRule(
        "receivers.duplicate", .moontap, .warning, "A receiving IP stands once; repeated ones are folded into one."),
      MirrorRule(
        "receivers.too-many", .moontap, .error, "A mirror has at most \(receiversPerMirror) receiving IPs."),
      MirrorRule("receivers.other-vpc", .console, .error, "Every receiving IP lies in the mirror's VPC."),
      MirrorRule(
        "receivers.not-host", .moontap, .error,
        "A receiving IP can be an interface's: it is not the network or broadcast address of a subnet."),
      MirrorRule(
        "receivers.no-route", .console, .error,
        "The route table of every source subnet has an entry (local or other, longest prefix) that reaches every"
          + " receiving IP. The source subnets of a VPC range are all subnets of the VPC; routes to a NAT gateway or"
          + " a public address do not reach an address inside the VPC."),
      MirrorRule(
        "receivers.only-source", .cloud, .error,
        "Of an ENI range, at least one ENI holds no receiving IP: the others' traffic is not collected."),
      MirrorRule(
        "receivers.bandwidth", .cloud, .warning,
        "The receivers' bandwidth together is at least 1/9 of the range's, where the inventory knows both."),
      MirrorRule(
        "range.receiver-inside", .moontap, .warning,
        "No receiver lies in the collection range: the traffic it generates is not collected."),
    ])

  private static let balance = MirrorRuleGroup(
    "Balance method", { $0.readBalance() },
    [
      MirrorRule(
        "balance.unknown", .console, .error,
        "The balance method is `even` (the default), `eni-hash`, `flow-hash`, `round-robin` or `weighted`, in Lua also"
          + " a function."),
      MirrorRule(
        "balance.weights", .console, .error,
        "Weights are whole numbers from 1 to 4294967295, each for a receiving IP of the mirror; one not named has 1."),
    ])

  private static let encapsulation = MirrorRuleGroup(
    "Encapsulation", { $0.readEncapsulation() },
    [
      MirrorRule(
        "encapsulation.type", .moontap, .error, "The type is `vxlan` (the default), `gre`, `erspan2` or `none`."),
      MirrorRule(
        "encapsulation.vni", .moontap, .error,
        "The VNI (the key of GRE, the session of ERSPAN) is a whole number from 0 to 16777215, of ERSPAN to 1023."),
      MirrorRule(
        "encapsulation.port", .moontap, .error, "The UDP port is a whole number from 1 to 65535; 4789 if absent."),
      MirrorRule(
        "encapsulation.unused", .moontap, .warning,
        "Only VXLAN has a port; without encapsulation there is no VNI either."),
    ])

  private static let answers = MirrorRuleGroup(
    "Copies and errors", { $0.readModes() },
    [
      MirrorRule("copies.unknown", .moontap, .error, "`copies` is `once` (the default) or `per-eni`."),
      MirrorRule(
        "on-error.unknown", .moontap, .error,
        "`onError` (Lua: `on_error`) is `skip` (the default) or `collect`: what happens to a packet whose script"
          + " fails."),
    ])

  private static let burden = MirrorRuleGroup(
    "Live runs", { $0.readBurden() },
    [
      MirrorRule(
        "oversize.unknown", .moontap, .error,
        "`oversize`, what becomes of copies longer than the path takes, is `fragment`, `truncate` or `drop`; absent: as"
          + " the engine is told."),
      MirrorRule(
        "budget.limit", .moontap, .error,
        "`budget` has one or more of `bits` and `packets`, whole numbers in a second from 10 to 1000000000000, and `cpu`, a"
          + " whole number of percent of one processor from 1 to 100."),
      MirrorRule(
        "priority.range", .moontap, .error,
        "`priority` is a whole number from 0 to 100, 50 if absent; over the host's budget the lower is shed first."),
    ])

  private static let tags = MirrorRuleGroup(
    "Tags", { $0.readTags() },
    [
      MirrorRule("tags.too-many", .moontap, .error, "A mirror has at most 50 tags."),
      MirrorRule("tags.key", .moontap, .error, "A tag's key has 1 to 127 characters."),
      MirrorRule("tags.value", .moontap, .error, "A tag's value has at most 255 characters."),
      MirrorRule("tags.duplicate", .moontap, .error, "A tag's key stands once."),
    ])

  private static let neighbours = MirrorRuleGroup(
    "Other mirrors", { $0.compareWithNeighbours() },
    [
      MirrorRule(
        "range.overlap", .moontap, .warning, "No other enabled mirror collects the same ENI.")
    ])
}
