import Foundation
import Testing

/// A script of `Tests/Fixtures/hostile_lua` with what its comments say must happen (README.md there). Those from 200 on are
/// written against this host's own API; their kinds are those of the error's code.
struct HostileScript: Sendable, CustomTestStringConvertible {
  static let folder = Shell.root.appending(path: "Tests/Fixtures/hostile_lua")
  static let all: [HostileScript] = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".lua") && $0.first?.isNumber == true }.sorted().map(HostileScript.init)

  let name: String

  var testDescription: String { name }
  var path: String { Self.folder.appending(path: name).path }
  var isOurs: Bool { name >= "2" }
  var inventory: String { Self.folder.appending(path: isOurs ? "inventory-enis.json" : "inventory.json").path }
  /// The kinds of endings that are right.
  var expected: Set<String> { Set(comment("Expect")) }
  /// The message holds one of these; empty: any.
  var matches: [String] { comment("Match") }

  private func comment(_ key: String) -> [String] {
    let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix("-- \(key):") {
      return line.dropFirst(key.count + 4).split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    return []
  }
}

/// The program in a child process with little of everything.
enum Confined {
  /// Built with AddressSanitizer: its shadow memory is no address space that counts, and it is slower.
  static let isSanitized = ProcessInfo.processInfo.environment["MOONTAP_SANITIZED"] != nil
  /// `scripts/hostile` names another build.
  static let moontap = ProcessInfo.processInfo.environment["MOONTAP_UNDER_TEST"] ?? Shell.moontap
  static let fuzz = ProcessInfo.processInfo.environment["FUZZ_UNDER_TEST"] ?? Shell.beside("fuzz")

  /// - Parameters:
  ///   - stack: KiB of the main thread's.
  ///   - seconds: of work, as the kernel counts it; waiting for a busy machine is none. More: killed by a signal.
  static func run(_ arguments: [String], stack: Int, seconds: Int) throws -> Finished {
    let memory = isSanitized ? "" : "ulimit -v 1048576; "
    let command = "ulimit -s \(stack); ulimit -t \(seconds); ulimit -c 0; \(memory)exec \"$0\" \"$@\""
    return try Shell.run("/bin/bash", ["-c", command, moontap] + arguments)
  }
}

extension Finished {
  /// The kinds of errors that the output names, `error` with any of them; `ok` without.
  var kinds: Set<String> {
    var kinds: Set<String> = []
    for match in errors.matches(of: #/(?:policy|script)\.([a-z]+): /#) { kinds.insert(String(match.1)) }
    if status == 3, kinds.isEmpty { kinds.insert("invalid") }
    if kinds.contains("syntax") { kinds.insert("compile") }
    return kinds.isEmpty ? ["ok"] : kinds.union(["error"])
  }

  /// Every line that controls a terminal, or is longer than a message may be.
  var unclean: [String] {
    (errors + text).split(separator: "\n").filter { line in
      line.utf8.count > 1200
        || line.unicodeScalars.contains { scalar in
          switch scalar.value {
          case 0..<9, 10..<0x20, 0x7f..<0xa0, 0x202a...0x202e, 0x2066...0x2069: true
          default: false
          }
        }
    }.map(String.init)
  }
}
