import Foundation
import LuaRuntime
import Policy

extension APIEntry {
  static let captureEntries: [APIEntry] = [
    APIEntry(
      owner: .namespace("capture"), name: "open",
      parameters: [APIParameter("path", .string, "pcap or pcapng, plain or gzip'ed", variadic: true)],
      returns: "packets",
      doc: "The packets of one or more captures, one after the other. Nothing is read until somebody asks.",
      example: #"packets = capture.open "web.pcap""#,
      binding: .function(
        body { session, call throws(HostFailure) in
          try session.refuseFiles("capture.open")
          try call.requireTyped("capture.open")
          let paths = (0..<call.count).compactMap { call.string($0) }
          try session.push(try session.open(paths), call)
        }))
  ]

  static let clockEntries: [APIEntry] = [
    clock("time", "number", "Seconds since 1970, now.", "os.time()") { call in call.push(Int64(time(nil))) },
    clock("clock", "number", "Seconds of processor time that the session took.", "os.clock()") { call in
      call.push(SessionClock.processor)
    },
    APIEntry(
      owner: .namespace("os"), name: "date", parameters: ClockText.parameters, returns: "string",
      doc: "A time as text.", example: #"os.date("%H:%M:%S", packets[1].time)"#,
      binding: .function { _, call throws(HostFailure) in
        call.push(try ClockText.text(call, now: Double(time(nil))))
      }),
  ]

  private static func clock(
    _ name: String, _ returns: String, _ doc: String, _ example: String, _ body: @escaping @Sendable (HostCall) -> Void
  ) -> APIEntry {
    APIEntry(
      owner: .namespace("os"), name: name, returns: returns, doc: doc, example: example,
      binding: .function { _, call throws(HostFailure) in body(call) })
  }
}

enum SessionClock {
  /// clock(3) in seconds.
  static var processor: Double { Double(clock()) / 1_000_000 }
}

extension Session {
  func open(_ paths: [String]) throws(HostFailure) -> PacketSequence {
    var captures: [IndexedCapture] = []
    for path in paths { captures.append(try IndexedCapture(path)) }
    let names = paths.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
    return PacketSequence(captures: captures, title: "packets of " + names.joined(separator: ", "))
  }
}
