public import Inventory
public import Wire

/// What a mirror wants (section 6), strict: every name resolved, every value in range.
public indirect enum FilterExpression: Sendable, Hashable {
  /// No filter: everything in range and direction, non-IP included.
  case any
  /// Conditions that must all match.
  case quintuple([QuintupleCondition])
  case nat(NATGatewayIndex, bidirectional: Bool)
  /// Priority rules by direction, sorted by priority.
  case rules(inbound: [PriorityRule], outbound: [PriorityRule])
  /// A pcap-filter expression; the text is kept, the program compiled per link type.
  case bpf(String)
  /// The first packets or bytes of each conversation that reach this filter; nil: no such bound. `id` tells filters apart.
  case first(packets: UInt64?, bytes: UInt64?, id: Int)
  /// Deterministic by flow hash: collected when the hash, as a fraction of 2^64, is under `threshold`.
  case sample(threshold: UInt64)
  case script(ScriptFunction)
  case all([FilterExpression])
  case anyOf([FilterExpression])
  case not(FilterExpression)
}

/// One quintuple condition; a field that is nil was not given (section 6.1).
public struct QuintupleCondition: Sendable, Hashable {
  public var `protocol`: IPProtocol?
  public var source: CIDR?
  public var destination: CIDR?
  public var sourcePort: ClosedRange<UInt16>?
  public var destinationPort: ClosedRange<UInt16>?
  public var isBidirectional: Bool

  public init(
    protocol: IPProtocol? = nil, source: CIDR? = nil, destination: CIDR? = nil,
    sourcePort: ClosedRange<UInt16>? = nil, destinationPort: ClosedRange<UInt16>? = nil, isBidirectional: Bool = false
  ) {
    self.protocol = `protocol`
    self.source = source
    self.destination = destination
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.isBidirectional = isBidirectional
  }

  /// Nothing given: matches everything, non-IP too.
  public var isEmpty: Bool {
    self.protocol == nil && source == nil && destination == nil && sourcePort == nil && destinationPort == nil
  }
}

/// One accept or drop rule (section 6.4).
public struct PriorityRule: Sendable, Hashable {
  public enum Action: String, Sendable, Hashable { case accept, drop }
  public var priority: Int
  public var action: Action
  public var condition: QuintupleCondition

  public init(priority: Int, action: Action, condition: QuintupleCondition) {
    self.priority = priority
    self.action = action
    self.condition = condition
  }
}

extension QuintupleCondition: CustomStringConvertible {
  /// The fields given, in the words of the definition: `protocol tcp, destination port 443`.
  public var description: String {
    var parts: [String] = []
    if let value = self.protocol { parts.append("protocol \(value)") }
    if let source { parts.append("source \(source)") }
    if let destination { parts.append("destination \(destination)") }
    if let sourcePort { parts.append("source port \(Self.describe(sourcePort))") }
    if let destinationPort { parts.append("destination port \(Self.describe(destinationPort))") }
    if isBidirectional { parts.append("bidirectional") }
    return parts.isEmpty ? "any" : parts.joined(separator: ", ")
  }

  private static func describe(_ ports: ClosedRange<UInt16>) -> String {
    ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
  }
}

extension FilterExpression {
  /// Its Lua functions, as often as they stand in it.
  public var scripts: [ScriptFunction] {
    switch self {
    case .script(let function): [function]
    case .all(let parts), .anyOf(let parts): parts.flatMap(\.scripts)
    case .not(let part): part.scripts
    case .any, .quintuple, .nat, .rules, .sample, .bpf, .first: []
    }
  }
}

extension TrafficMirror {
  /// Its filter or balancer has Lua functions.
  public var asksScripts: Bool {
    if case .script = balance { return true }
    return !filter.scripts.isEmpty
  }
}
