import ArgumentParser
import Control
import JSONText

/// Which running engine.
struct EngineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The engine's socket. (default: that of the one engine that runs)", valueName: "path"),
    completion: .file())
  var control: String?

  /// - Throws: `Problem` when there is none, or more than one.
  func connect() throws -> ControlClient {
    if let control {
      do throws(ControlError) { return try ControlClient(path: control) } catch { throw Problem(error) }
    }
    var found: [ControlClient] = []
    var failure: ControlError?
    for path in ControlOptions.place.candidates {
      do throws(ControlError) { found.append(try ControlClient(path: path)) } catch {
        if case .noEngine = error { continue }
        failure = error
      }
    }
    if found.count == 1 { return found[0] }
    if found.count > 1 { throw Self.several(found) }
    if let failure { throw Problem(failure) }
    throw Problem(
      code: "control.none", sentence: "no engine is running that you may ask",
      hint: "moontap run --live has a socket in its usual place; --control PATH names another", exit: .failed)
  }

  private static func several(_ clients: [ControlClient]) -> Problem {
    let engines = clients.map { $0.path + (files(of: $0).map { " (\($0))" } ?? "") }
    return Problem(
      code: "control.several", sentence: "\(clients.count) engines are running: \(engines.joined(separator: ", "))",
      hint: "--control PATH says which", exit: .usage)
  }

  /// What an engine was started with, `web.lua shop.json`; nil: it does not say so in time.
  private static func files(of client: ControlClient) -> String? {
    let status = try? client.asked(["request": "status"], for: "status", limit: .seconds(2))
    guard let engine = status?["engine"] else { return nil }
    let lists = ["policies", "mirrors"].flatMap { engine[$0]?.array ?? [] }
    let files = (lists + [engine["store"], engine["inventory"]].compactMap { $0 }).compactMap(\.string)
    return files.isEmpty ? nil : files.joined(separator: " ")
  }
}

extension ControlClient {
  /// What an answer holds under a name.
  ///
  /// - Throws: `Problem`, `Problems`
  func asked(_ request: JSONValue, for name: String, limit: Duration? = .seconds(30)) throws -> JSONValue {
    let answer: JSONValue
    do throws(ControlError) {
      try send(request)
      answer = try receive(until: limit.map { .now + $0 })
    } catch {
      throw Problem(error)
    }
    if let refusal = Problems(refusal: answer) { throw refusal }
    guard let value = answer[name] else {
      throw Problem(ControlError.broken("\(path): the answer has no \(name)"))
    }
    return value
  }
}

extension Problems {
  /// What an engine refused; nil: it did not.
  init?(refusal answer: JSONValue) {
    guard let error = answer["error"] else { return nil }
    let ending = error["exit"]?.integer.flatMap { Ending(rawValue: Int32(clamping: $0)) } ?? .failed
    let parts = error["problems"]?.array ?? [error]
    list = parts.map { part in
      Problem(
        place: part["place"]?.string, code: part["code"]?.string ?? "control.refused",
        sentence: part["sentence"]?.string ?? "refused", hint: part["hint"]?.string,
        isWarning: part["severity"]?.string == "warning", exit: ending)
    }
  }
}
