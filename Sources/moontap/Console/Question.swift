import ArgumentParser
import Foundation

/// Questions to whoever sits at the terminal. They go to standard error, answers come from standard input.
enum Question {
  /// Asks for a yes, unless it was given on the command line.
  ///
  /// - Throws: when nobody is there to ask.
  static func confirms(_ question: String, yes: Bool) throws -> Bool {
    if yes { return true }
    guard isatty(STDIN_FILENO) == 1 else {
      throw ValidationError("Standard input is no terminal, so nobody can be asked: --yes answers beforehand.")
    }
    Terminal.complain(question + " [y/N] ")
    let answer = (readLine() ?? "").trimmingCharacters(in: .whitespaces).lowercased()
    if ["y", "yes"].contains(answer) { return true }
    Terminal.complain("nothing was changed\n")
    return false
  }
}
