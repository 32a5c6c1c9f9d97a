import Capture
import DataPath
import Foundation
import LuaRuntime
import Mirroring
import Policy

extension APIEntry {
  static let packetsEntries: [APIEntry] = [
    method(
      .packets, "where",
      [APIParameter("filter", .either([.object(.filter), .function]), "of filter.*, or fun(packet: packet): boolean")],
      returns: "packets", "Those that pass: a sequence again, made when it is needed.",
      #"packets:where(filter.bpf "udp port 53"):take(10)"#
    ) { session, call throws(HostFailure) in try session.pushFiltered(call) },
    method(
      .packets, "take", [APIParameter("n", .integer, "0 or more")], returns: "packets", "The first n of them.",
      "packets:take(100)"
    ) { session, call throws(HostFailure) in
      guard let count = call.integer(1), count >= 0 else { throw HostFailure(argument: 1, "0 or more expected") }
      let sequence = try session.sequence(call)
      try session.push(sequence.adding(.take(Int(clamping: count)), "first \(count)"), call)
    },
    method(.packets, "count", returns: "integer", "How many there are.", "packets:count()") {
      session, call throws(HostFailure) in try session.pushCount(call)
    },
    APIEntry(
      owner: .type(.packets), name: "#", returns: "integer", doc: "How many there are.", example: "#packets",
      binding: .operation(.length, body { session, call throws(HostFailure) in try session.pushCount(call) })),
    method(
      .packets, "each", [APIParameter("fn", .function, "fun(packet: packet)")], returns: nil,
      "Calls the function with one after the other; false ends it.", "packets:each(function(p) print(p) end)"
    ) { session, call throws(HostFailure) in try session.each(call) },
    method(
      .packets, "group_by", [field], returns: "table[]",
      "Packets and bytes for each value of a field, the most packets first.", #"packets:group_by("protocol")"#
    ) { session, call throws(HostFailure) in try session.group(call, most: ValueCounts.mostRows, withShare: false) },
    method(
      .packets, "top", [field, APIParameter("n", .integer, "10 if not given", optional: true)], returns: "table[]",
      "The values of a field that most packets have, with their share in percent.", #"packets:top("source", 5)"#
    ) { session, call throws(HostFailure) in
      let most = call.integer(2) ?? 10
      guard most >= 1, most <= ValueCounts.mostRows else {
        throw HostFailure(argument: 2, "1 to \(ValueCounts.mostRows) expected")
      }
      try session.group(call, most: Int(most), withShare: true)
    },
    method(
      .packets, "conversations", [APIParameter("n", .integer, "20 if not given", optional: true)], returns: "table[]",
      "The conversations with the most bytes: who began, packets and bytes of both directions, how long.",
      "packets:conversations(5)"
    ) { session, call throws(HostFailure) in try session.conversations(call) },
    method(
      .packets, "timeline",
      [APIParameter("interval", .string, #""100ms", "1s", "5m", "1h"; a fitting one if not given"#, optional: true)],
      returns: "string", "A chart of packets by time (UTC).", #"packets:timeline("1s")"#
    ) { session, call throws(HostFailure) in try session.timeline(call) },
    method(
      .packets, "save", [APIParameter("path", .string, "ends in .pcap for pcap; else pcapng is written")],
      returns: "integer", "Writes them into a capture, and says how many.", #"packets:take(100):save("first.pcapng")"#
    ) { session, call throws(HostFailure) in
      try session.refuseFiles("packets:save")
      try call.requireTyped("packets:save")
      try session.save(call)
    },
  ]

  private static let field = APIParameter(
    "field", .either([.string, .function]), #"a field's name, as "source" or "tcp.syn", or fun(packet: packet): any"#)
}

extension Session {
  // MARK: Tests

  fileprivate func pushFiltered(_ call: HostCall) throws(HostFailure) {
    let sequence = try sequence(call)
    if let function = call.function(1) {
      try context.refuse(library: function, as: "filter")
      return try push(sequence.adding(.function(function), "where \(function.name)"), call)
    }
    guard let index = call.handle(1, of: context.types.handle(.filter)) else { throw HostFailure("a filter expected") }
    let (expression, violations) = context.validator.filter(context.filters[index].draft)
    guard let expression else {
      throw HostFailure(argument: 1, violations.first { !$0.isWarning }?.sentence ?? "not a filter")
    }
    do {
      try push(sequence.adding(.filter(try FrameFilter(expression, compiler: bpf)), "where a filter"), call)
    } catch let error as FrameFilter.Unanswerable {
      throw HostFailure(
        argument: 1,
        "\(error.filter) asks at which ENI and in which direction a packet was seen, which only a mirror knows: use mirror:dry_run(packets)"
      )
    } catch let error as HostFailure {
      throw error
    } catch {
      throw HostFailure("\(error)")
    }
  }

  // MARK: Counting

  fileprivate func pushCount(_ call: HostCall) throws(HostFailure) {
    let sequence = try sequence(call)
    if sequence.stages.isEmpty { waitForIndex(sequence, call) }
    if let known = sequence.count ?? sequence.indexedCount { return call.push(Int64(known)) }
    var count = 0
    try run(sequence, call) { _, _ throws(HostFailure) in
      count += 1
      return .next
    } finish: { call throws(HostFailure) in
      if sequence.isNative { sequence.count = count }
      call.push(Int64(count))
    }
  }

  /// It reads what there is to count anyway.
  private func waitForIndex(_ sequence: PacketSequence, _ call: HostCall) {
    while !sequence.isIndexed, !call.isInterrupted {
      usleep(2000)
      let counts = sequence.captures.map(\.index)
      progress(
        counts.reduce(0) { $0 + Int($1.frames) },
        (counts.reduce(0) { $0 + $1.consumed }, counts.reduce(UInt64(0)) { $0 + ($1.total ?? 0) }))
    }
    onProgress?(nil)
  }

  fileprivate func each(_ call: HostCall) throws(HostFailure) {
    let function = try call.requireFunction(1)
    try run(try sequence(call), call) { _, _ throws(HostFailure) in
      .ask(function) { answer throws(HostFailure) in
        answer.typeName(0) == "boolean" && answer.boolean(0) == false ? .stop : .next
      }
    } finish: { _ throws(HostFailure) in
    }
  }

  fileprivate func group(_ call: HostCall, most: Int, withShare: Bool) throws(HostFailure) {
    var counts = ValueCounts()
    let finish: HostFunction = { call throws(HostFailure) in
      call.push(counts.table(most: most, withShare: withShare))
    }
    if let function = call.function(1) {
      return try run(
        try sequence(call), call,
        visit: { scan, _ throws(HostFailure) in
          let length = scan.frame.original
          return .ask(function) { answer throws(HostFailure) in
            try counts.count(answer[0], length)
            return .next
          }
        }, finish: finish)
    }
    let name = call.string(1) ?? ""
    guard let field = PacketField(name, context) else {
      throw HostFailure(
        argument: 1, "no field \(LuaText.quoted(Array(name.utf8.prefix(60)))); " + nearest(name, PacketField.names))
    }
    let scratch = PacketScratch()
    try run(
      try sequence(call), call,
      visit: { scan, _ throws(HostFailure) in
        try counts.count(unsafe field.value(at: scratch.place(scan.observed)), scan.frame.original)
        return .next
      }, finish: finish)
  }

  func nearest(_ name: String, _ known: [String]) -> String {
    Nearest.name(to: name, among: known).map { "did you mean \"\($0)\"?" }
      ?? "known are \(known.joined(separator: ", "))"
  }

  fileprivate func conversations(_ call: HostCall) throws(HostFailure) {
    let most = call.integer(1) ?? 20
    guard most >= 1, most <= ValueCounts.mostRows else {
      throw HostFailure(argument: 1, "1 to \(ValueCounts.mostRows) expected")
    }
    var talks = ConversationCounts()
    try run(try sequence(call), call) { scan, _ throws(HostFailure) in
      try talks.count(scan.summary, scan.frame.original, scan.frame.time)
      return .next
    } finish: { call throws(HostFailure) in
      call.push(talks.table(most: Int(most)))
    }
  }

  fileprivate func timeline(_ call: HostCall) throws(HostFailure) {
    var interval: Int64?
    if let text = call.string(1) {
      guard let given = Timeline.interval(text) else {
        throw HostFailure(argument: 1, #"an interval such as "100ms", "1s", "5m" or "1h" expected"#)
      }
      interval = given
    }
    var timeline = Timeline(interval: interval)
    try run(try sequence(call), call) { scan, _ throws(HostFailure) in
      timeline.count(scan.frame.time, scan.frame.original)
      return timeline.isHopeless ? .stop : .next
    } finish: { call throws(HostFailure) in
      if let rows = timeline.excess {
        throw HostFailure(
          argument: 1, "that makes \(timeline.isHopeless ? "more than " : "")\(rows) rows: a longer interval is needed")
      }
      call.push(timeline.text())
    }
  }

  // MARK: Writing

  fileprivate func save(_ call: HostCall) throws(HostFailure) {
    let sequence = try sequence(call)
    let path = call.string(1) ?? ""
    guard !sequence.captures.contains(where: { $0.isFile(at: path) }) else {
      throw HostFailure(argument: 1, "\(path) is one of the captures that are read")
    }
    let writer = try Self.writing { () throws(CaptureError) in try CaptureFileWriter(path: path) }
    try run(sequence, call) { scan, _ throws(HostFailure) in
      try Self.writing { () throws(CaptureError) in try writer.write(scan.frame, scan.interface) }
      return .next
    } finish: { call throws(HostFailure) in
      try Self.writing { () throws(CaptureError) in try writer.finish() }
      call.push(Int64(writer.count))
    }
  }

  private static func writing<Value>(_ body: () throws(CaptureError) -> Value) throws(HostFailure) -> Value {
    do throws(CaptureError) {
      return try body()
    } catch {
      throw HostFailure(error.description)
    }
  }
}
