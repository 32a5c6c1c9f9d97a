public import Policy

/// Something that an audit found, folded over all places where it did.
public struct Finding: Sendable, Hashable {
  public var key: String
  public var message: String
  public var severity: FindingSeverity
  public var subject: String?
  /// How often it was raised.
  public var count = 1
  /// The first capture that it was raised at; nil: it is about the configuration, or all captures together.
  public var capture: String?
  /// Nanoseconds since 1970; nil: it is not about traffic.
  public var firstTime: Int64?
  public var lastTime: Int64?
  public var evidence: [String] = []
  public var details: [RaisedFinding.Member] = []
  /// The first packets that belong to it, in order of captures and frames.
  public var packets: [EvidencePacket] = []
  /// Why it does not count.
  public var waiver: WaivedBy?

  /// How many packets are kept of one finding.
  public static let packetLimit = 5

  /// Folds the same finding of another part of an archive: the configuration was looked at by each part.
  mutating func merge(_ other: Finding) {
    // What one part lets pass and another does not is not let pass.
    if other.waiver == nil { waiver = nil }
    guard firstTime == nil, other.firstTime == nil else { return fold(other) }
    count = max(count, other.count)
    severity = max(severity, other.severity)
  }

  /// Folds a finding with the same key into this one, which was there before it.
  mutating func fold(_ other: Finding) {
    count = count.addingReportingOverflow(other.count).overflow ? .max : count + other.count
    firstTime = Self.choose(firstTime, other.firstTime, min)
    lastTime = Self.choose(lastTime, other.lastTime, max)
    severity = max(severity, other.severity)
    let merged = Set(packets).union(other.packets).sorted { $0.place < $1.place }
    packets = Array(merged.prefix(Self.packetLimit))
  }

  private static func choose(_ a: Int64?, _ b: Int64?, _ better: (Int64, Int64) -> Int64) -> Int64? {
    guard let a, let b else { return a ?? b }
    return better(a, b)
  }
}

/// One packet that belongs to a finding.
public struct EvidencePacket: Sendable, Hashable {
  public var capture: String
  /// From 1.
  public var frame: Int
  /// Nanoseconds since 1970.
  public var time: Int64 = 0
  /// On the wire.
  public var length = 0
  /// On one line.
  public var text = ""
  /// The first bytes.
  public var bytes: [UInt8] = []
  /// Number of the capture's link type.
  public var linkType: UInt16 = 1

  /// How many bytes of a packet are kept, and how many of these reports print.
  public static let byteLimit = 16 << 10
  public static let printedLimit = 256

  struct Place: Comparable {
    var capture: String
    var frame: Int

    static func < (a: Place, b: Place) -> Bool {
      a.capture == b.capture ? a.frame < b.frame : a.capture < b.capture
    }
  }

  var place: Place { Place(capture: capture, frame: frame) }
}

/// The waiver that a finding was let pass by.
public struct WaivedBy: Sendable, Hashable {
  public var reason: String
  /// `2027-01-31`, the last day.
  public var expires: String?

  public init(reason: String, expires: String? = nil) {
    self.reason = reason
    self.expires = expires
  }
}
