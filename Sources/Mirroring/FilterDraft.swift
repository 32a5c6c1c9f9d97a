/// A filter as someone composed it; the leaves keep what was written, so that all violations come together.
public struct FilterDraft: Sendable {
  public indirect enum Content: Sendable {
    /// Everything in range and direction.
    case any
    /// Conditions that are ANDed, each a table.
    case quintuple([DraftValue])
    /// A NAT gateway's id; `bidirectional` is a boolean.
    case nat(DraftValue, bidirectional: DraftValue? = nil)
    /// A table with a list of rules by direction.
    case rules(DraftValue)
    /// A pcap-filter(7) expression.
    case bpf(DraftValue)
    /// Bounds of each conversation; `id` tells filters of one set of mirrors apart.
    case first(packets: DraftValue?, bytes: DraftValue?, id: Int)
    /// A fraction, above 0 and up to 1.
    case sample(DraftValue)
    case script(ScriptFunction)
    case all([FilterDraft])
    case anyOf([FilterDraft])
    case not(FilterDraft)
  }

  public var content: Content
  /// The line where it was made; nil: that of the mirror.
  public var location: SourceLocation?

  public init(_ content: Content, at location: SourceLocation? = nil) {
    self.content = content
    self.location = location
  }
}

// Combining keeps lists flat, so that `a & b & c` is one list of three however long it grows.
extension FilterDraft {
  /// Both must match. Tests run from left to right and end at the first that fails.
  public func and(_ other: FilterDraft, at location: SourceLocation? = nil) -> FilterDraft {
    FilterDraft(.all(allParts + other.allParts), at: location)
  }

  /// One must match. Tests run from left to right and end at the first that matches.
  public func or(_ other: FilterDraft, at location: SourceLocation? = nil) -> FilterDraft {
    FilterDraft(.anyOf(anyParts + other.anyParts), at: location)
  }

  public func negated(at location: SourceLocation? = nil) -> FilterDraft {
    if case .not(let part) = content { return part }
    return FilterDraft(.not(self), at: location)
  }

  private var allParts: [FilterDraft] {
    if case .all(let parts) = content, !parts.isEmpty { parts } else { [self] }
  }

  private var anyParts: [FilterDraft] {
    if case .anyOf(let parts) = content, !parts.isEmpty { parts } else { [self] }
  }
}
