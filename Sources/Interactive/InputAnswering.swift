public import LuaRuntime

/// Where what was typed is answered: a `Session` in this process. A running engine that is attached to answers in its
/// place; the prompt knows no difference.
public protocol InputAnswering: AnyObject {
  /// Answers one input: Lua, or a command that begins with a colon.
  func answer(_ input: String) -> Answer

  /// What could stand where `line` ends.
  func completions(of line: String) -> Completions

  /// Ends the answer that is being made.
  var interrupt: LuaInterrupt { get }
}

/// What an input was answered.
public enum Answer: Sendable, Equatable {
  /// More lines are needed.
  case incomplete
  /// Lines for standard output.
  case done([String])
  /// Lines for standard error.
  case failed([String])
  case interrupted
  /// The session is over.
  case leave
}

/// What could stand at the end of a line, in place of what stands there.
public struct Completions: Sendable, Equatable {
  /// Bytes at the end of the line that the words replace.
  public var replaces: Int
  public var words: [String]

  public init(replaces: Int = 0, words: [String] = []) {
    self.replaces = replaces
    self.words = words
  }
}
