// A filter expression as flat operations with jump targets: no recursion, no closures in the loop.

internal import Mirroring
internal import Wire

/// One test and where to go on.
struct FilterOperation: BitwiseCopyable {
  enum Kind: UInt8 {
    /// Answers that follow from the flow and its side: remembered with the flow.
    case quintuple, nat, rules, sample
    /// Answers that follow from this packet: asked each time.
    case bpf, first, script

    var isPerPacket: Bool { rawValue >= Kind.bpf.rawValue }
  }

  var kind: Kind
  /// Operation to go on with; `FilterProgram.accept` or `.reject` end the program.
  var onTrue: Int32
  var onFalse: Int32
  /// Index into the program table of that kind.
  var operand: Int32
}

/// A condition's fields as masks and bounds; what was not given matches all.
struct CompiledCondition {
  private struct Prefix {
    var version: UInt8
    var high: UInt64
    var low: UInt64
    var maskHigh: UInt64
    var maskLow: UInt64

    init(_ cidr: CIDR?) {
      guard let cidr else {
        self = Prefix(version: 0)
        return
      }
      version = cidr.family.rawValue
      high = cidr.address.high
      low = cidr.address.low
      let bits = Int(cidr.length) + (cidr.family == .v4 ? 96 : 0)
      maskHigh = bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
      maskLow = bits <= 64 ? 0 : bits == 128 ? .max : ~(UInt64.max >> UInt64(bits - 64))
    }

    private init(version: UInt8) {
      self.version = version
      high = 0
      low = 0
      maskHigh = 0
      maskLow = 0
    }

    @inline(__always)
    func matches(_ ipVersion: UInt8, _ addressHigh: UInt64, _ addressLow: UInt64) -> Bool {
      version == 0 || (version == ipVersion && addressHigh & maskHigh == high && addressLow & maskLow == low)
    }
  }

  private var source: Prefix
  private var destination: Prefix
  private var sourcePorts: ClosedRange<UInt16>
  private var destinationPorts: ClosedRange<UInt16>
  private var wantsSourcePort: Bool
  private var wantsDestinationPort: Bool
  private var wantsProtocol: Bool
  private var `protocol`: UInt8
  private var isBidirectional: Bool

  init(_ condition: QuintupleCondition) {
    source = Prefix(condition.source)
    destination = Prefix(condition.destination)
    sourcePorts = condition.sourcePort ?? 0...0
    destinationPorts = condition.destinationPort ?? 0...0
    wantsSourcePort = condition.sourcePort != nil
    wantsDestinationPort = condition.destinationPort != nil
    wantsProtocol = condition.protocol != nil
    self.protocol = condition.protocol?.rawValue ?? 0
    isBidirectional = condition.isBidirectional
  }

  /// Section 6.1: each field given is known in the packet and matches.
  func matches(_ packet: PacketSummary) -> Bool {
    if wantsProtocol, !packet.flags.contains(.protocolKnown) || packet.protocol != self.protocol { return false }
    if wantsSourcePort || wantsDestinationPort, !packet.flags.contains(.portsKnown) { return false }
    return matchesEnds(
      packet.ipVersion, packet.sourceHigh, packet.sourceLow, packet.sourcePort, packet.destinationHigh,
      packet.destinationLow, packet.destinationPort)
      || isBidirectional
        && matchesEnds(
          packet.ipVersion, packet.destinationHigh, packet.destinationLow, packet.destinationPort, packet.sourceHigh,
          packet.sourceLow, packet.sourcePort)
  }

  private func matchesEnds(
    _ version: UInt8, _ sourceHigh: UInt64, _ sourceLow: UInt64, _ sourcePort: UInt16, _ destinationHigh: UInt64,
    _ destinationLow: UInt64, _ destinationPort: UInt16
  ) -> Bool {
    source.matches(version, sourceHigh, sourceLow) && destination.matches(version, destinationHigh, destinationLow)
      && (!wantsSourcePort || sourcePorts.contains(sourcePort))
      && (!wantsDestinationPort || destinationPorts.contains(destinationPort))
  }
}

/// Accept or drop by priority, first match decides (section 6.4).
struct CompiledRules {
  struct Rule {
    var condition: CompiledCondition
    var isAccept: Bool
  }

  var inbound: [Rule]
  var outbound: [Rule]
  /// `priority 2 accept: protocol tcp, destination port 443`, for `explain`.
  private let inboundTexts: [String]
  private let outboundTexts: [String]

  init(inbound: [PriorityRule], outbound: [PriorityRule]) {
    self.inbound = Self.compile(inbound)
    self.outbound = Self.compile(outbound)
    inboundTexts = Self.describe(inbound)
    outboundTexts = Self.describe(outbound)
  }

  private static func compile(_ rules: [PriorityRule]) -> [Rule] {
    rules.sorted { $0.priority < $1.priority }.map {
      Rule(condition: CompiledCondition($0.condition), isAccept: $0.action == .accept)
    }
  }

  func accepts(_ packet: PacketSummary, isOutbound: Bool) -> Bool {
    for rule in isOutbound ? outbound : inbound where rule.condition.matches(packet) { return rule.isAccept }
    return false
  }

  /// The rule that decides, in words.
  func decision(_ packet: PacketSummary, isOutbound: Bool) -> String {
    let rules = isOutbound ? outbound : inbound
    guard let position = rules.firstIndex(where: { $0.condition.matches(packet) }) else {
      return "none of \(rules.count) matches"
    }
    return isOutbound ? outboundTexts[position] : inboundTexts[position]
  }

  private static func describe(_ rules: [PriorityRule]) -> [String] {
    let inOrder = rules.sorted { $0.priority < $1.priority }
    return inOrder.map { "priority \($0.priority) \($0.action.rawValue): \($0.condition)" }
  }
}

/// All filters of a plan: operations of every mirror one after another, operands by kind.
struct FilterProgram {
  static let accept: Int32 = -1
  static let reject: Int32 = -2

  var operations: [FilterOperation] = []
  /// What each operation asks, in words: for `explain`.
  var descriptions: [String] = []
  var conditions: [CompiledCondition] = []
  var rules: [CompiledRules] = []
  var natGateways: [(gateway: Int, isBidirectional: Bool)] = []
  var thresholds: [UInt64] = []
  var firsts: [(maxPackets: UInt64, maxBytes: UInt64, id: Int)] = []
  /// Texts of pcap-filter expressions; the programs stand in `BPFPrograms` per link type.
  var bpfTexts: [String] = []
  var scripts: [ScriptFunction] = []

  /// Appends an expression's operations and returns where it starts.
  ///
  /// Compiled from the last test to the first, so that every jump target is known when it is written.
  mutating func append(_ expression: FilterExpression, onTrue: Int32 = accept, onFalse: Int32 = reject) -> Int32 {
    switch expression {
    case .any: return onTrue
    case .all(let parts): return parts.reversed().reduce(onTrue) { append($1, onTrue: $0, onFalse: onFalse) }
    case .anyOf(let parts): return parts.reversed().reduce(onFalse) { append($1, onTrue: onTrue, onFalse: $0) }
    case .not(let part): return append(part, onTrue: onFalse, onFalse: onTrue)
    case .quintuple(let given): return appendQuintuple(given, onTrue, onFalse)
    case .nat(let gateway, let isBidirectional):
      natGateways.append((gateway, isBidirectional))
      return emit(.nat, natGateways.count, onTrue, onFalse, isBidirectional ? "nat, bidirectional" : "nat")
    case .rules(let inbound, let outbound):
      rules.append(CompiledRules(inbound: inbound, outbound: outbound))
      return emit(.rules, rules.count, onTrue, onFalse, "rules: \(inbound.count) inbound, \(outbound.count) outbound")
    case .sample(let threshold):
      thresholds.append(threshold)
      return emit(.sample, thresholds.count, onTrue, onFalse, "sample")
    case .bpf(let text):
      bpfTexts.append(text)
      return emit(.bpf, bpfTexts.count, onTrue, onFalse, "bpf \(text)")
    case .first(let packets, let bytes, let id):
      firsts.append((packets ?? .max, bytes ?? .max, id))
      return emit(.first, firsts.count, onTrue, onFalse, Self.describeFirst(packets, bytes))
    case .script(let function):
      scripts.append(function)
      return emit(.script, scripts.count, onTrue, onFalse, "lua \(function.name)")
    }
  }

  private mutating func appendQuintuple(_ given: [QuintupleCondition], _ onTrue: Int32, _ onFalse: Int32) -> Int32 {
    given.filter { !$0.isEmpty }.reversed().reduce(onTrue) { target, condition in
      conditions.append(CompiledCondition(condition))
      return emit(.quintuple, conditions.count, target, onFalse, "quintuple \(condition)")
    }
  }

  private mutating func emit(
    _ kind: FilterOperation.Kind, _ count: Int, _ onTrue: Int32, _ onFalse: Int32, _ text: String
  ) -> Int32 {
    descriptions.append(text)
    operations.append(FilterOperation(kind: kind, onTrue: onTrue, onFalse: onFalse, operand: Int32(count - 1)))
    return Int32(operations.count - 1)
  }

  private static func describeFirst(_ packets: UInt64?, _ bytes: UInt64?) -> String {
    let bounds = [packets.map { "\($0) packets" }, bytes.map { "\($0) bytes" }]
    return "first " + bounds.compactMap { $0 }.joined(separator: ", ")
  }
}
