public import Mirroring

/// How grave a finding is.
public enum FindingSeverity: String, Sendable, Hashable, CaseIterable, Comparable {
  case info, low, medium, high, critical

  public static func < (a: FindingSeverity, b: FindingSeverity) -> Bool { a.rank < b.rank }

  /// 0 is `info`.
  public var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What one `audit{}` says of itself.
public struct AuditDeclaration: Sendable {
  /// What an audit cannot do without.
  public enum Need: String, Sendable, Hashable, CaseIterable { case captures, inventory, mirrors }

  /// What it looks at: its functions.
  public struct Subjects: OptionSet, Sendable, Hashable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let packets = Subjects(rawValue: 1)
    public static let conversations = Subjects(rawValue: 2)
    public static let configuration = Subjects(rawValue: 4)
    public static let timer = Subjects(rawValue: 8)
    public static let finish = Subjects(rawValue: 16)
  }

  /// `TLS-001`; unique in a run.
  public var id: String
  public var title: String
  /// Of its findings that say nothing else.
  public var severity: FindingSeverity
  public var tags: [String] = []
  public var references: [String] = []
  /// What to do about it.
  public var remediation = ""
  /// Which packets it sees.
  public var filter = FilterExpression.any
  public var needs: Set<Need> = []
  /// All captures as one, in the order of their packets' times; else each begins with a state of its own.
  public var isTogether = false
  public var subjects: Subjects = []
  /// Nanoseconds between two calls of its timer.
  public var period: Int64 = 0
  /// Of the call of `audit`.
  public var line = 0
}

/// One call of `finding{}`.
public struct RaisedFinding: Sendable, Hashable {
  public enum Detail: Sendable, Hashable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
  }

  public struct Member: Sendable, Hashable {
    public var name: String
    public var value: Detail

    public init(_ name: String, _ value: Detail) {
      self.name = name
      self.value = value
    }
  }

  public var message: String
  /// Findings of one audit with the same key are one.
  public var key: String
  /// What it is about: an ENI, a mirror, an address.
  public var subject: String?
  public var severity: FindingSeverity?
  /// Lines that show it.
  public var evidence: [String] = []
  /// By name, sorted.
  public var details: [Member] = []
  /// The packet, or the first packets of the conversation, that the function was looking at belong to it.
  public var hasPackets = true

  public init(message: String, key: String) {
    self.message = message
    self.key = key
  }
}

/// Why an audit could not go on.
public struct AuditFailure: Error, Sendable, Hashable {
  /// `audits/tls.lua:12`
  public var place: String
  /// One line.
  public var message: String

  public init(place: String, message: String) {
    self.place = place
    self.message = message
  }
}

/// The configuration that audits look at.
public struct AuditedConfiguration: Sendable {
  /// Mirrors that obey every rule.
  public var mirrors: [TrafficMirror] = []
  /// What is wrong with the others, and warnings.
  public var violations: [MirrorViolation] = []
  /// Mirrors were given, though perhaps none.
  public var hasMirrors = false

  public init() {}
}
