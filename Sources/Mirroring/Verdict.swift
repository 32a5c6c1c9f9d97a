/// Why an observation was not collected, in the order of section 6: the raw value is the stage.
@frozen public enum Verdict: UInt8, Sendable, CaseIterable, Comparable {
  case copy = 1
  case receiver = 2
  case outOfRange = 3
  case receiverENI = 4
  case duplicate = 5
  case direction = 6
  case filtered = 7
  case scriptError = 8
  case noReceiver = 9
  case collected = 10

  @inlinable public static func < (a: Verdict, b: Verdict) -> Bool { a.rawValue < b.rawValue }

  /// The name in summaries, JSON and metrics.
  public var name: String {
    switch self {
    case .copy: "copy"
    case .receiver: "receiver"
    case .outOfRange: "out-of-range"
    case .receiverENI: "receiver-eni"
    case .duplicate: "duplicate"
    case .direction: "direction"
    case .filtered: "filtered"
    case .scriptError: "script-error"
    case .noReceiver: "no-receiver"
    case .collected: "collected"
    }
  }
}
