import Foundation
import JSONText

/// What `moontap top` shows: one frame, made of two looks at an engine.
struct TopFrame {
  /// The status of an engine at one time.
  struct Look {
    let status: JSONValue
    let time = ContinuousClock.now

    init(_ status: JSONValue) { self.status = status }

    var summary: JSONValue? { status["summary"] }
    func list(_ name: String) -> [JSONValue] { summary?[name]?.array ?? [] }
    func live(_ name: String) -> [JSONValue] { summary?["live"]?[name]?.array ?? [] }
  }

  private let before: Look
  private let now: Look
  private let seconds: Double

  init(from before: Look, to now: Look) {
    self.before = before
    self.now = now
    seconds = (now.time - before.time) / .seconds(1)
  }

  // MARK: Lines

  /// Heads are bold.
  static func isHead(_ line: String) -> Bool { line.hasPrefix(mark) }
  static func text(_ line: String) -> String { isHead(line) ? String(line.dropFirst(mark.count)) : line }
  private static let mark = "\u{1b}[1m"

  /// - Parameter rows: of the screen; tables are cut so that each has its share.
  func lines(rows: Int) -> [String] {
    let tables = [mirrors, receivers, recording, interfaces, workers, enis].filter { $0.rows.count > 0 }
    var left = rows == .max ? Int.max : max(0, rows - 1 - tables.count * 2)
    var lines = [head]
    for (index, table) in tables.enumerated() {
      let share = rows == .max ? Int.max : max(1, left / (tables.count - index))
      let shown = Array(table.rows.prefix(share))
      left -= rows == .max ? 0 : shown.count
      lines += [""] + Self.text(table.head, shown)
      if shown.count < table.rows.count, rows == .max { lines.append("+ \(table.rows.count - shown.count)") }
    }
    return lines.map { rows == .max ? Terminal.unmarked($0) : $0 }
  }

  private typealias Table = (head: [String], rows: [[String]])

  /// Numbers stand right.
  private static func text(_ head: [String], _ rows: [[String]]) -> [String] {
    let all = ([head] + rows).map { $0.map(TextTable.plain) }
    let widths = head.indices.map { column in all.map { TextTable.width($0[column]) }.max() ?? 0 }
    return all.enumerated().map { number, cells in
      let line = cells.enumerated().map { column, cell -> String in
        let blanks = String(repeating: " ", count: widths[column] - TextTable.width(cell))
        return head[column].first?.isUppercase == true ? cell + blanks : blanks + cell
      }.joined(separator: "  ")
      return number == 0 ? mark + line : line
    }
  }

  // MARK: What is shown

  private var head: String {
    let engine = now.status["engine"]
    let summary = now.summary
    let lost = now.live("interfaces").reduce(0) { $0 + $1["lost"].count }
    let parts = [
      "moontap \(engine?["version"]?.string ?? "")", "engine \(engine?["pid"]?.integer ?? 0)",
      engine?["mode"]?.string ?? "",
      Words.duration(summary?["seconds"]?.number.flatMap { Double($0.text) } ?? 0),
      perSecond(summary?["records"].packets ?? 0, before.summary?["records"].packets ?? 0) + " packets/s",
      "lost by the kernel \(Words.count(lost))",
    ]
    return Self.mark + parts.map { $0.cleanLine(limit: 80) }.joined(separator: " · ")
  }

  private var mirrors: Table {
    let old = Dictionary(
      before.list("mirrors").map { (Self.key($0), MirrorCounts($0)) }, uniquingKeysWith: { a, _ in a })
    let rows = now.list("mirrors").map { mirror -> [String] in
      let (new, was) = (MirrorCounts(mirror), old[Self.key(mirror)] ?? MirrorCounts(mirror))
      return [
        mirror["name"]?.string ?? "", mirror["state"]?.string ?? "", perSecond(new.observed, was.observed),
        perSecond(new.collected, was.collected), Self.bytes(rate(new.collectedBytes, was.collectedBytes)),
        perSecond(new.delivered, was.delivered), perSecond(new.dropped, was.dropped), Words.count(new.dropped),
        new.cachedShare.map(Words.percent) ?? "",
      ]
    }
    return (
      ["Mirror", "State", "observed/s", "collected/s", "bytes/s", "delivered/s", "dropped/s", "dropped", "lua cached"],
      rows
    )
  }

  private static func key(_ mirror: JSONValue) -> [String] {
    [mirror["vpc"]?.string ?? "", mirror["name"]?.string ?? ""]
  }

  /// By mirror, ENI and direction, the busiest first.
  private var enis: Table {
    func cells(_ look: Look) -> [(key: [String], cell: JSONValue)] {
      look.list("mirrors").flatMap { mirror in
        (mirror["enis"]?.array ?? []).map { cell in
          (Self.key(mirror) + [cell["eni"]?.string ?? "", cell["direction"]?.string ?? ""], cell)
        }
      }
    }
    let old = Dictionary(cells(before).map { ($0.key, $0.cell) }, uniquingKeysWith: { a, _ in a })
    let rows = cells(now).map { key, cell -> (rate: Double, row: [String]) in
      let was = old[key] ?? cell
      let observed = rate(cell["observed"].packets, was["observed"].packets)
      return (
        observed,
        [
          key[2], key[3], key[1], Self.short(observed), perSecond(cell["collected"].packets, was["collected"].packets),
          Self.bytes(rate(cell["observed"]?["bytes"].count ?? 0, was["observed"]?["bytes"].count ?? 0)),
        ]
      )
    }
    let busiest = rows.enumerated().sorted { ($1.element.rate, $0.offset) < ($0.element.rate, $1.offset) }
    return (["ENI", "Direction", "Mirror", "observed/s", "collected/s", "bytes/s"], busiest.map(\.element.row))
  }

  /// Of a live run.
  private var receivers: Table {
    let old = Dictionary(before.live("receivers").map { (Self.outlet($0), $0) }, uniquingKeysWith: { a, _ in a })
    let rows = now.live("receivers").map { receiver -> [String] in
      let was = old[Self.outlet(receiver)] ?? receiver
      let drops = ["queueFull", "sendError", "tooBig", "throttled"].map { Words.count(receiver[$0].count) }
      return [
        receiver["address"]?.string ?? "", Self.encapsulation(receiver), receiver["state"]?.string ?? "",
        perSecond(receiver["sent"].count, was["sent"].count),
        Self.bytes(rate(receiver["bytes"].count, was["bytes"].count)),
      ] + drops
    }
    return (
      ["Receiver", "By", "State", "sent/s", "bytes/s", "queue-full", "send-error", "too-big", "throttled"], rows
    )
  }

  /// `vxlan 4789`
  private static func encapsulation(_ receiver: JSONValue) -> String {
    let port = receiver["port"]?.integer.map { " \($0)" } ?? ""
    return (receiver["encapsulation"]?.string ?? "") + port
  }

  private static func outlet(_ receiver: JSONValue) -> [String] {
    [receiver["address"]?.string ?? "", encapsulation(receiver)]
  }

  /// Of a live run that records: one line.
  private var recording: Table {
    let rows = [Self.recording(now)].compactMap { $0 }.map { recording -> [String] in
      let was = Self.recording(before) ?? recording
      let (lost, lostBefore) = (Self.lost(recording), Self.lost(was))
      return [
        recording["trouble"]?.string == nil ? "writes" : "cannot write",
        perSecond(recording["packets"].count, was["packets"].count),
        Self.bytes(rate(recording["bytes"].count, was["bytes"].count)), perSecond(lost, lostBefore), Words.count(lost),
        Words.bytes(recording["waiting"].count), Words.count(recording["files"].count),
        Words.count(recording["removed"].count),
        (recording["folder"]?.string ?? "") + "/" + (recording["inUse"]?.string ?? ""),
      ]
    }
    return (["Recording", "packets/s", "bytes/s", "lost/s", "lost", "waiting", "files", "removed", "To"], rows)
  }

  private static func recording(_ look: Look) -> JSONValue? {
    guard let recording = look.summary?["live"]?["recording"], !recording.isNull else { return nil }
    return recording
  }

  /// Copies that it lost, for whatever reason.
  private static func lost(_ recording: JSONValue) -> UInt64 {
    (recording["lost"]?.members ?? []).map(\.value).reduce(0) { $0 + Optional($1).count }
  }

  private var interfaces: Table {
    let old = Dictionary(
      before.live("interfaces").map { ($0["name"]?.string ?? "", $0) }, uniquingKeysWith: { a, _ in a })
    let rows = now.live("interfaces").map { interface -> [String] in
      let was = old[interface["name"]?.string ?? ""] ?? interface
      return [
        interface["name"]?.string ?? "", interface["open"]?.bool == true ? "open" : "gone",
        perSecond(interface["read"].count, was["read"].count),
        perSecond(interface["records"].count, was["records"].count),
        perSecond(interface["lost"].count, was["lost"].count), Words.count(interface["lost"].count),
      ]
    }
    return (["Interface", "State", "frames/s", "packets/s", "lost/s", "lost"], rows)
  }

  /// Of a live run with several.
  private var workers: Table {
    let (all, old) = (now.live("workers"), before.live("workers"))
    let rows = all.indices.map { worker -> [String] in
      let packets = all[worker]["packets"].count
      let was = old.indices.contains(worker) ? old[worker]["packets"].count : packets
      return ["\(worker + 1)", perSecond(packets, was), Words.count(packets)]
    }
    return (["Worker", "packets/s", "packets"], rows.count > 1 ? rows : [])
  }

  // MARK: Rates

  private func rate(_ now: UInt64, _ before: UInt64) -> Double {
    seconds > 0 && now >= before ? Double(now - before) / seconds : 0
  }

  private func perSecond(_ now: UInt64, _ before: UInt64) -> String { Self.short(rate(now, before)) }

  /// `950`, `24.1 k`, `1.97 M`
  private static func short(_ rate: Double) -> String {
    if rate >= 1e6 { return Words.fixed(rate / 1e6, 2) + " M" }
    return rate >= 1e4 ? Words.fixed(rate / 1e3, 1) + " k" : Words.fixed(rate, rate > 0 && rate < 10 ? 1 : 0)
  }

  private static func bytes(_ rate: Double) -> String { Words.bytes(UInt64(rate)) }
}
