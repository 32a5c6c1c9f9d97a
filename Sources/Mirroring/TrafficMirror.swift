public import Inventory
public import Wire

/// One traffic mirror that obeys every rule (semantics section 4). Made only by the validator.
public struct TrafficMirror: Sendable {
  /// 1 to 60 characters, unique in its VPC.
  public var name: String
  public var description: String
  public var vpc: VPCIndex
  public var range: CollectionRange
  public var direction: CollectionDirection
  public var filter: FilterExpression
  public var receivers: [IPAddress]
  public var balance: BalanceMethod
  public var encapsulation: Encapsulation
  public var copies: CopyMode
  public var isEnabled: Bool
  public var tags: [String: String]
  /// What happens to a packet whose script failed.
  public var onError: ScriptErrorPolicy
  /// nil: as the engine treats others.
  public var oversize: OversizePolicy?
  public var budget: MirrorBudget?
  /// 0 to 100: who is over the host's budget sheds mirrors of lower priority first.
  public var priority = 50
  /// Where it was declared: `web-to-ids.lua:8`, `mirrors.json: mirrors[0]`.
  public var origin: String
}

/// Whose traffic is collected.
public enum CollectionRange: Sendable, Hashable {
  case vpc
  case subnets([SubnetIndex])
  case enis([ENIIndex])
  /// ENIs chosen by a script's predicate (`source.where`), already evaluated over the inventory.
  case selected([ENIIndex], name: String)
}

public enum CollectionDirection: String, Sendable, Hashable, CaseIterable { case all, out, `in` }

/// Semantics section 5: one copy a record, or one for each side.
public enum CopyMode: String, Sendable, Hashable, CaseIterable {
  case once
  case perENI = "per-eni"
}

public enum ScriptErrorPolicy: String, Sendable, Hashable, CaseIterable { case skip, collect }

/// How copies are distributed to the receivers (section 6.5).
public enum BalanceMethod: Sendable, Hashable {
  case even, eniHash, flowHash, roundRobin
  /// Weight by receiver, in the order of the mirror's receivers; a receiver not named has weight 1.
  case weighted([UInt32])
  case script(ScriptFunction)
}

/// How copies travel (section 7).
public struct Encapsulation: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable { case vxlan, gre, erspan2, none }
  public var kind: Kind
  /// VXLAN network identifier, GRE key, ERSPAN session (its low 10 bits): 0 to 16,777,215.
  public var vni: UInt32
  /// UDP destination port; VXLAN only.
  public var port: UInt16

  public init(kind: Kind = .vxlan, vni: UInt32, port: UInt16 = 4789) {
    self.kind = kind
    self.vni = vni
    self.port = port
  }
}

/// A function of a script, as the core knows it: which script host, which function, what it is called.
public struct ScriptFunction: Sendable, Hashable {
  /// Index of the script host in the plan (one per policy file).
  public var host: Int
  /// The host's own number for the function.
  public var function: Int
  /// `no-scan` or `web-to-ids.lua:8`.
  public var name: String

  public init(host: Int, function: Int, name: String) {
    self.host = host
    self.function = function
    self.name = name
  }
}
