import ArgumentParser
import Control
import Foundation
import JSONText

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "What a running engine has counted so far.",
    discussion: """
      EXAMPLES:
        sudo moontap status
        sudo moontap status --json | jq '.summary.mirrors[].state'
      """)

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print as JSON: the engine, and its summary so far (moontap.status/1).")
  var json = false

  func run() throws {
    try finish {
      let status = try engine.connect().asked(["request": "status"], for: "status")
      if json {
        let members = (status.members ?? []).filter { $0.name != "text" }
        try Terminal.write(JSONValue.object(members).text(.pretty) + "\n")
      } else {
        try Terminal.write(Self.head(status) + (status["text"]?.string ?? ""))
      }
      return .ok
    }
  }

  /// `engine 4711 · live · since 2026-11-26 03:00:12 · /run/moontap/0/4711.sock`
  private static func head(_ status: JSONValue) -> String {
    let engine = status["engine"]
    let started = engine?["started"]?.number.flatMap { Double($0.text) } ?? 0
    let since = Words.time(Int64((started * 1e9).rounded())).prefix(19)
    let parts = [
      "engine \(engine?["pid"]?.integer ?? 0)", engine?["mode"]?.string, "since \(since)", engine?["control"]?.string,
      engine?["metrics"]?.string,
    ]
    return Terminal.bold(parts.compactMap { $0?.cleanLine() }.joined(separator: " · ")) + "\n"
  }
}

struct StopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop",
    abstract: "Stop a running engine as SIGTERM does, wait for its end, print its final summary.",
    discussion: """
      What still waits is judged and sent first. The exit code is that of the run: 0 for a live one that went well.

      EXAMPLES:
        sudo moontap stop
        sudo moontap stop --control /run/moontap/0/4711.sock --json
      """)

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print the summary as JSON.")
  var json = false

  func run() throws {
    try finish {
      let client = try engine.connect()
      let stopped = try client.asked(["request": "stop"], for: "stopped", limit: nil)
      let ending = stopped["exit"]?.integer.flatMap { Ending(rawValue: Int32(clamping: $0)) } ?? .failed
      guard let summary = stopped["summary"], !summary.isNull else {
        let words = "the run ended without a summary, and said why where it was started"
        throw Problem(code: "control.failed", sentence: words, exit: ending == .ok ? .failed : ending)
      }
      try Terminal.write(json ? summary.text(.pretty) + "\n" : Self.text(summary))
      return ending
    }
  }

  /// A line for each mirror: the engine prints the rest.
  private static func text(_ summary: JSONValue) -> String {
    var table = TextTable(["mirror", "observed", "collected", "delivered", "dropped"])
    for mirror in summary["mirrors"]?.array ?? [] {
      let counts = MirrorCounts(mirror)
      table.add(
        [mirror["name"]?.string ?? ""]
          + [counts.observed, counts.collected, counts.delivered, counts.dropped].map { Words.count($0) })
    }
    let records = summary["records"]?["packets"]?.integer ?? 0
    return table.text + "stopped after \(Words.packets(UInt64(max(0, records))))\n"
  }
}

struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Have a running engine read its policies, mirrors and inventory again, and say what changed.",
    discussion: """
      As SIGHUP does, but the answer comes back: what is wrong is printed here, everything stays as it was, and the exit code
      is 3.

      EXAMPLES:
        sudo moontap reload
      """)

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print as JSON.")
  var json = false

  func run() throws {
    try finish {
      let client = try engine.connect()
      let change: JSONValue
      do {
        change = try client.asked(["request": "reload"], for: "reload", limit: .seconds(120))
      } catch let problems as Problems {
        Terminal.complain("reload: refused, everything stays as it was\n")
        throw problems
      }
      if json {
        let members = (change.members ?? []).filter { $0.name != "text" }
        try Terminal.write(JSONValue.object(members).text(.pretty) + "\n")
        return .ok
      }
      Problems(refusal: ["error": change])?.list.filter(\.isWarning).complain()
      try Terminal.write((change["text"]?.string ?? "") + "\n")
      return .ok
    }
  }
}

/// Packets of one mirror, out of a summary.
struct MirrorCounts {
  var observed: UInt64 = 0
  var collected: UInt64 = 0
  var collectedBytes: UInt64 = 0
  var delivered: UInt64 = 0
  var dropped: UInt64 = 0
  /// Of the answers of its Lua functions those that were remembered, 0 to 1; nil: none was asked.
  var cachedShare: Double?

  init(_ mirror: JSONValue) {
    observed = mirror["observed"].packets
    collected = mirror["collected"].packets
    collectedBytes = mirror["collected"]?["bytes"].count ?? 0
    for receiver in mirror["receivers"]?.array ?? [] {
      delivered += receiver["delivered"].packets
      for drop in receiver["drops"]?.members ?? [] { dropped += JSONValue?.some(drop.value).packets }
    }
    let scripts = mirror["scripts"]?.array ?? []
    let hits = scripts.reduce(0) { $0 + $1["hits"].count }
    let calls = scripts.reduce(0) { $0 + $1["calls"].count }
    if hits + calls > 0 { cachedShare = Double(hits) / Double(hits + calls) }
  }
}

extension JSONValue? {
  /// A counter; 0 for anything else.
  var count: UInt64 { UInt64(clamping: self?.integer ?? 0) }
  /// `packets` of a tally.
  var packets: UInt64 { self?["packets"].count ?? 0 }
}
