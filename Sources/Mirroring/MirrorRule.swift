/// One rule that mirrors obey: the row of a table from which validation reports and `docs/mirror-rules.md` is printed.
public struct MirrorRule: Sendable, Hashable {
  /// Where a rule comes from.
  public enum Mark: String, Sendable, Hashable {
    /// The console's document says so.
    case console = "S"
    /// The cloud's API or product documents say so.
    case cloud = "D"
    case moontap = "M"
  }

  public enum Kind: String, Sendable, Hashable {
    /// Nothing is stored or started.
    case error
    /// Never blocks.
    case warning
    /// An error, or for the mild form a warning.
    case both = "error or warning"
  }

  /// Stable: `receivers.no-route`.
  public let code: String
  public let mark: Mark
  public let kind: Kind
  /// What is right.
  public let sentence: String

  init(_ code: String, _ mark: Mark, _ kind: Kind = .error, _ sentence: String) {
    self.code = code
    self.mark = mark
    self.kind = kind
    self.sentence = sentence
  }
}
