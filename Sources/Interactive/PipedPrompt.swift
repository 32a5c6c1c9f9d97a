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
    var pending = PendingInput()
    while let line = nextLine() {
      pending.add(line)
      guard pending.isWorthAsking else { continue }
      let answer = answering.answer(pending.text)
      if answer == .incomplete { continue }
      pending.removeAll()
      if let end = show(answer, &ending) { return end }
    }
    guard !pending.isEmpty else { return ending }
    let answer = answering.answer(pending.text)
    guard answer == .incomplete else { return show(answer, &ending) ?? ending }
    errors("the input ends where more is expected")
    return .failed
  }

  /// - Returns: how it ends with this answer, if it does.
  private func show(_ answer: Answer, _ ending: inout Ending) -> Ending? {
    switch answer {
    case .incomplete: break
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
    return nil
  }
}
