import Foundation
import JSONText
import Testing

/// An offline run that waits at a pipe, with a control socket and metrics, and what is asked of it.
final class ControlledRun {
  let run: RunningMoontap
  let folder = try! TemporaryFolder()
  let control: String
  let metrics: String

  static let policy = "examples/policies/web-to-ids.lua"
  static let inventory = "examples/inventories/campus.json"

  init(_ arguments: [String] = [policy, "--inventory", inventory]) throws {
    control = folder.path("control")
    run = try RunningMoontap(arguments + ["--control", control, "--metrics", "127.0.0.1:0"])
    try run.hear("control: ")
    let line = try #require(try run.errors.split(separator: "\n").first { $0.hasPrefix("metrics: ") })
    metrics = String(line.dropFirst("metrics: ".count))
  }

  /// Gives it a capture, and waits until it has judged it.
  func send(_ capture: String, packets: Int) throws {
    try run.send(Data(contentsOf: Shell.root.appending(path: capture)))
    for _ in 0..<1000 {
      if try status()["summary"]?["records"]?.packets == packets { return }
      usleep(10_000)
    }
    Issue.record("\(packets) packets were not judged")
  }

  func ask(_ arguments: String...) throws -> Finished { try Shell.moontap(arguments + ["--control", control]) }

  func status() throws -> JSONValue { try ask("status", "--json").json() }

  /// The page, as a scraper of the format gets it.
  func page(_ accept: String = "application/openmetrics-text") throws -> String {
    let finished = try Shell.run(
      "curl", ["--silent", "--fail", "--max-time", "20", "-H", "Accept: \(accept)", metrics])
    try #require(finished.status == 0)
    return finished.text
  }

  /// Types lines into an attached session through a pipe.
  func attached(_ lines: String, keepsGoing: Bool = false) throws -> Finished {
    try Shell.run(
      Shell.moontap, ["repl", "--attach", "--control", control] + (keepsGoing ? ["--keep-going"] : []),
      input: Data(lines.utf8))
  }
}

/// Samples of a page, by name and labels.
struct Samples {
  private var values: [(name: String, labels: [String: String], value: Double)] = []

  init(_ page: String) {
    for line in page.split(separator: "\n") where !line.hasPrefix("#") {
      guard let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) else { continue }
      let head = line[..<blank]
      let name = head.prefix { $0 != "{" }
      var labels: [String: String] = [:]
      // No label in these tests has a comma or a quote.
      for pair in head.dropFirst(name.count).dropFirst().dropLast().split(separator: ",") {
        let parts = pair.split(separator: "=", maxSplits: 1)
        if parts.count == 2 { labels[String(parts[0])] = String(parts[1].dropFirst().dropLast()) }
      }
      values.append((String(name), labels, value))
    }
  }

  var names: Set<String> { Set(values.map(\.name)) }

  /// The sum of a family's samples that have these labels; nil: there is none.
  func sum(_ name: String, _ labels: [String: String] = [:]) -> Int? {
    let found = values.filter { sample in
      sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
    return found.isEmpty ? nil : Int(found.reduce(0) { $0 + $1.value })
  }
}

extension Samples {
  /// Compares every counter of a page with a summary of the same moment.
  func expectSame(as summary: JSONValue) {
    for unit in ["packets", "bytes"] {
      func expect(
        _ name: String, _ labels: [String: String], _ tally: JSONValue?, _ location: SourceLocation = #_sourceLocation
      ) {
        let counted = sum("moontap_\(name)_\(unit)_total", labels) ?? 0
        #expect(counted == tally?[unit]?.integer, "\(name) \(unit) \(labels)", sourceLocation: location)
      }
      expect("records", [:], summary["records"])
      expect("unattributed", [:], summary["unattributed"])
      expect("undecodable", [:], summary["undecodable"])
      for mirror in summary["mirrors"]?.array ?? [] {
        let name = mirror["name"]?.string ?? ""
        expect("observed", ["mirror": name], mirror["observed"])
        expect("collected", ["mirror": name], mirror["collected"])
        for reason in mirror["reasons"]?.members ?? [] {
          expect("left_out", ["mirror": name, "reason": reason.name], reason.value)
        }
        for cell in mirror["enis"]?.array ?? [] {
          let labels = ["mirror": name, "eni": cell["eni"]?.string ?? "", "direction": cell["direction"]?.string ?? ""]
          expect("observed", labels, cell["observed"])
          expect("collected", labels, cell["collected"])
        }
        for receiver in mirror["receivers"]?.array ?? [] {
          let labels = ["mirror": name, "receiver": receiver["address"]?.string ?? ""]
          expect("given", labels, receiver)
          expect("delivered", labels, receiver["delivered"])
          for drop in receiver["drops"]?.members ?? [] {
            expect("dropped", labels.merging(["reason": drop.name]) { $1 }, drop.value)
          }
        }
        let observed = sum("moontap_observed_\(unit)_total", ["mirror": name]) ?? 0
        let parts = ["collected", "left_out"].map { sum("moontap_\($0)_\(unit)_total", ["mirror": name]) ?? 0 }
        #expect(observed == parts.reduce(0, +))
        let given = sum("moontap_given_\(unit)_total", ["mirror": name]) ?? 0
        #expect(given == parts[0])
        let ends = ["delivered", "dropped"].map { sum("moontap_\($0)_\(unit)_total", ["mirror": name]) ?? 0 }
        #expect(given == ends.reduce(0, +))
      }
    }
  }
}
