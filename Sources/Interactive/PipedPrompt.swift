/// Reads inputs and prints answers until one side has enough: the loop of a session that is piped in.
public struct PipedPrompt {
  let answering: any InputAnswering
  let output: (String) -> Void
  let errors: (String) -> Void
  /// Errors do not end it.
  let keepsGoing: Bool

  /// How it ended.
  public enum Ending: Sendable, Equatable {
    case done
    /// An input failed.
    case failed
    case interrupted
  }

  public init(
    _ answering: any InputAnswering, keepsGoing: Bool, output: @escaping (String) -> Void,
    errors: @escaping (String) -> Void
  ) {
    self.answering = answering
    self.keepsGoing = keepsGoing
    self.output = output
    self.errors = errors
  }

  /// - Parameter nextLine: nil at the end.
  public func run(_ nextLine: () -> String?) -> Ending {
    var ending = Ending.done
    var pending: [String] = []
    while let line = nextLine() {
      pending.append(line)
      switch answering.answer(pending.joined(separator: "\n")) {
      case .incomplete: continue
      case .done(let lines): lines.forEach(output)
      case .failed(let lines):
        lines.forEach(errors)
        ending = .failed
        if !keepsGoing { return .failed }
      case .interrupted:
        errors("interrupted")
        return .interrupted
      case .leave: return ending
      }
      pending.removeAll()
    }
    guard pending.isEmpty else {
      errors("the input ends where more is expected")
      return .failed
    }
    return ending
  }
}
