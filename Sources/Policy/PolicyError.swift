/// Why a policy cannot be used.
public struct PolicyError: Error, Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    /// The file cannot be read, is too large, or is no text.
    case unreadable
    case syntax
    /// The script raised an error while it was loading; `mirror{}` raises one that lists all violations.
    case runtime
    case cpu, memory
  }
  public var kind: Kind
  public var file: String
  /// 0: the file as a whole.
  public var line: Int
  /// What is wrong; may have several lines when a mirror breaks several rules.
  public var message: String
}
