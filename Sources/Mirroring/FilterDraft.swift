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
