internal import LuaRuntime

// The clock of audits is their captures': the same run says the same, whenever it is made.
extension APIEntry {
  static let auditClockEntries: [APIEntry] = [
    APIEntry(
      owner: .namespace("os"), name: "time", returns: "integer",
      doc: "Seconds since 1970 by the capture's clock: the latest time that the audit was shown; in finish that of the "
        + "capture's last packet. An error where there is no capture: while the script loads, and in config.",
      example: "os.time()",
      binding: .function { context, call throws(HostFailure) in
        call.push(Int64(try context.auditTime("os.time").rounded(.down)))
      }),
    APIEntry(
      owner: .namespace("os"), name: "clock", returns: "number",
      doc: "Seconds by the capture's clock from the earliest to the latest time that the audit was shown.",
      example: "os.clock()",
      binding: .function { context, call throws(HostFailure) in
        let now = try context.auditTime("os.clock")
        call.push(now - Double(context.auditing?.earliest ?? 0) / 1e9)
      }),
    APIEntry(
      owner: .namespace("os"), name: "date", parameters: ClockText.parameters, returns: "string",
      doc: "A time as text; without one, that of os.time().", example: #"os.date("%H:%M:%S", 1767225600)"#,
      binding: .function { context, call throws(HostFailure) in
        call.push(try ClockText.text(call, now: try context.auditTime("os.date")))
      }),
  ]
}

extension PolicyContext {
  /// Seconds since 1970.
  fileprivate func auditTime(_ name: String) throws(HostFailure) -> Double {
    guard let latest = auditing?.latest else {
      throw HostFailure("\(name): the clock of an audit is its capture's, and no packet was seen yet")
    }
    return Double(latest) / 1e9
  }
}
