import Control
import Foundation
import Interactive
import JSONText
import LuaRuntime

/// A session inside a running engine, as the prompt asks it: over the engine's control socket.
final class RemoteSession: InputAnswering {
  let interrupt = LuaInterrupt()
  /// Columns of the terminal.
  var width = 100
  /// Why there is no session any more.
  private(set) var lost: Problem?
  private let client: ControlClient
  private let hasColour: Bool
  private let output: (String) -> Void

  /// - Parameter output: takes what scripts print, line by line.
  init(_ client: ControlClient, hasColour: Bool, output: @escaping (String) -> Void) throws {
    self.client = client
    self.hasColour = hasColour
    self.output = output
    _ = try client.asked(["request": "attach", "colour": .bool(hasColour)], for: "attached")
  }

  func answer(_ input: String) -> Answer {
    if lost != nil { return .leave }
    do throws(ControlError) {
      try client.send(["request": "input", "text": .string(input), "columns": .integer(width)])
      while true {
        guard let message = try hear() else { continue }
        if let error = message["error"] {
          return .failed([clean("\(error["code"]?.string ?? ""): \(error["sentence"]?.string ?? "refused")")])
        }
        guard let answer = Answer(json: message) else { throw .broken("\(client.path): what answers is no answer") }
        return cleaned(answer)
      }
    } catch {
      lost = Problem(error)
      return .leave
    }
  }

  func completions(of line: String) -> Completions {
    guard lost == nil else { return Completions() }
    do throws(ControlError) {
      try client.send(["request": "complete", "line": .string(line)])
      while true {
        guard let message = try hear() else { continue }
        guard var found = Completions(json: message) else { return Completions() }
        found.words = found.words.map(clean)
        found.replaces = min(found.replaces, line.utf8.count)
        return found
      }
    } catch {
      lost = Problem(error)
      return Completions()
    }
  }

  private var lastInterrupt = ContinuousClock.now

  /// The next message that is no output, if there is one yet. Ctrl-C is passed on meanwhile.
  private func hear() throws(ControlError) -> JSONValue? {
    if interrupt.isRequested, ContinuousClock.now - lastInterrupt > .milliseconds(300) {
      lastInterrupt = .now
      try client.send(["request": "interrupt"])
    }
    guard let message = try client.receive(within: .milliseconds(100)) else { return nil }
    guard let line = message["output"]?.string else { return message }
    output(clean(line))
    return nil
  }

  // MARK: Text

  private func cleaned(_ answer: Answer) -> Answer {
    switch answer {
    case .done(let lines): .done(lines.map(clean))
    case .failed(let lines): .failed(lines.map(clean))
    default: answer
    }
  }

  /// The engine is another process: the terminal obeys nothing of what it sends but colours, if it has any.
  private func clean(_ line: String) -> String {
    guard hasColour else { return String(decoding: Terminal.clean(line), as: UTF8.self) }
    let parts = line.split(separator: "\u{1b}[", omittingEmptySubsequences: false)
    return parts.enumerated().map { index, part in
      let digits = part.prefix { $0.isASCII && $0.isNumber }
      let isColour = index > 0 && digits.count <= 2 && part.dropFirst(digits.count).first == "m"
      let text = String(decoding: Terminal.clean(String(part)), as: UTF8.self)
      return index == 0 ? text : (isColour ? "\u{1b}[" : "\\x1b[") + text
    }.joined()
  }
}
