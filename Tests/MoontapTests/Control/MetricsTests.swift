import Foundation
import JSONText
import Testing

/// The page of metrics, judged by programs that read such pages, and by the summary.
struct MetricsTests {
  private static let capture = "examples/captures/campus.pcap"

  @Test func hasTheNumbersOfTheSummary() throws {
    let run = try ControlledRun()
    try run.send(Self.capture, packets: 871)
    let samples = Samples(try run.page())
    let summary = try run.run.finish().json()
    samples.expectSame(as: summary)
    #expect(samples.sum("moontap_collected_packets_total") == 207)
    let script = try #require(summary.mirror("web-to-ids")?["scripts"]?.array?.first)
    let labels = ["function": "web-to-ids.lua:8"]
    #expect(samples.sum("moontap_lua_calls_total", labels) == script["calls"]?.integer)
    #expect(samples.sum("moontap_lua_cache_hits_total", labels) == script["hits"]?.integer)
    #expect(samples.sum("moontap_mirror_state", ["state": "running"]) == 1)
    #expect(samples.sum("moontap_mirror_state", ["state": "faulted"]) == 0)
  }

  /// A mirror's name, a function's and a policy's may be anything.
  @Test func isOpenMetricsForAnotherReader() throws {
    let folder = try TemporaryFolder()
    let policy = try folder.write(
      #"""
      counter("odd_name"):add(2)
      gauge("level"):set(0.25)
      local fails = filter.when("fa\"ils\\", function(packet) return packet.ttl.x end)
      mirror { name = "quote \" back \\", vpc = "vpc-campus", source = source.vpc(), filter = fails,
        target = target.receivers "10.50.9.10" }
      """#, to: "odd.lua")
    let run = try ControlledRun([policy, "--inventory", ControlledRun.inventory])
    try run.send(Self.capture, packets: 871)
    let page = try run.page()
    let script = """
      import sys
      from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
      families = list(parse(sys.stdin.read()))
      values = {}
      for family in families:
          for sample in family.samples:
              key = (sample.name, tuple(sorted(sample.labels.items())))
              assert key not in values, key
              values[key] = sample.value
              if family.type == "counter": assert sample.value >= 0
      print(len(families), [v for (n, l), v in values.items() if n == "moontap_policy_count_total"],
            [l for (n, l), v in values.items() if n == "moontap_mirror_state"][0][0])
      """
    let parsed = try Shell.run("/usr/bin/python3", ["-c", script], input: Data(page.utf8))
    #expect(parsed.status == 0, "\(parsed.errors)")
    #expect(parsed.text.contains("[2.0] ('mirror', 'quote \" back \\\\')"), "\(parsed.text)")
    #expect((Samples(page).sum("moontap_lua_errors_total") ?? 0) > 0)
    _ = try run.run.finish()
  }

  private static let promtool = (try? Shell.run("sh", ["-c", "command -v promtool"]))?.status == 0

  @Test(.enabled(if: promtool, "promtool is not installed (Debian: the package prometheus)"))
  func pleasesPromtool() throws {
    let run = try ControlledRun()
    try run.send(Self.capture, packets: 871)
    let checked = try Shell.run("promtool", ["check", "metrics"], input: Data(run.page("text/plain").utf8))
    #expect(checked.status == 0 && checked.errors.isEmpty, "\(checked.errors)")
    _ = try run.run.finish()
  }

  /// Every family has a type and a help; counters end as counters do, units as units.
  @Test func namesAreOfOneForm() throws {
    let run = try ControlledRun()
    let lines = try run.page().split(separator: "\n")
    #expect(lines.last == "# EOF")
    let types = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ").map(String.init) }
    #expect(types.count > 30)
    #expect(Set(types.map { $0[2] }).count == types.count)
    for type in types {
      #expect(lines.contains { $0.hasPrefix("# HELP \(type[2]) ") && $0.hasSuffix(".") }, "\(type[2])")
      #expect(type[2].wholeMatch(of: /moontap_[a-z][a-z_]*[a-z]/) != nil && !type[2].hasSuffix("_total"))
      let hasUnit = lines.contains { $0.hasPrefix("# UNIT \(type[2]) ") }
      #expect(hasUnit == ["_bytes", "_seconds", "_packets"].contains { type[2].hasSuffix($0) }, "\(type[2])")
    }
    let older = try run.page("text/plain")
    #expect(older.contains("# TYPE moontap_reloads_total counter\n") && !older.contains("# EOF"))
    _ = try run.run.finish()
  }

  @Test func dashboardAsksForWhatThereIs() throws {
    let run = try ControlledRun()
    let declared = try run.page("text/plain").split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
      .map { String($0.split(separator: " ")[2]) }
    let path = "examples/grafana/moontap.json"
    let text = try String(contentsOf: Shell.root.appending(path: path), encoding: .utf8)
    let dashboard = try JSONValue(json: text, file: path)
    let asked = Set(text.matches(of: /\bmoontap_[a-z_]+/).map { String($0.0) })
    #expect(asked.count > 20)
    #expect(asked.subtracting(declared) == [])
    let rows = (dashboard["panels"]?.array ?? []).filter { $0["type"]?.string == "row" }.compactMap {
      $0["title"]?.string
    }
    #expect(rows == ["Traffic", "Drops", "Receivers", "Recording", "Lua", "States"])
    let ids = (dashboard["panels"]?.array ?? []).compactMap { $0["id"]?.integer }
    #expect(Set(ids).count == ids.count)
    // And the page of the documentation names all of them.
    let page = try String(contentsOf: Shell.root.appending(path: "docs/control.md"), encoding: .utf8)
    for name in declared { #expect(page.contains("`\(name)`"), "docs/control.md does not name \(name)") }
    _ = try run.run.finish()
  }
}
