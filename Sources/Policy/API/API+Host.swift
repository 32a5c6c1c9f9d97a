internal import JSONText
internal import LuaRuntime
internal import Mirroring

// Timers, what is kept between packets, numbers, the log, the policy itself.
extension APIEntry {
  static let hostEntries: [APIEntry] = [
    APIEntry(
      owner: .global, name: "every",
      parameters: [APIParameter("seconds", .number, "0.001 or more"), APIParameter("fn", .function, "fun()")],
      doc:
        "Calls the function again and again on the engine's clock, which in a capture file is packet time. Periods without packets are not made up for.",
      example: #"every(60, function() log.info("still here") end)"#, isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in try context.addTimer(call) }),
    metric(
      "counter", "A number that grows, by name: in metrics and in the summary.", #"counter("dns_queries"):add(1)"#),
    metric(
      "gauge", "A number that goes up and down, by name: in metrics and in the summary.", #"gauge("open"):set(3)"#),
    metricMethod(
      .counter, "add", [APIParameter("n", .number, "0 or more; 1 if not given", optional: true)], "Adds to it.",
      #"counter("dns_queries"):add()"#
    ) { context, call, metric throws(HostFailure) in
      let amount = call.number(1) ?? 1
      guard amount >= 0, amount.isFinite else {
        throw HostFailure(argument: 1, "a counter only grows: 0 or more expected")
      }
      let value = context.metrics[metric].value + amount
      guard value.isFinite else { throw HostFailure(argument: 1, "the sum is not finite") }
      context.metrics[metric].value = value
    },
    metricMethod(.gauge, "set", [APIParameter("value", .number, "finite")], "Sets it.", #"gauge("open"):set(3)"#) {
      context, call, metric throws(HostFailure) in
      let value = call.number(1) ?? 0
      guard value.isFinite else { throw HostFailure(argument: 1, "a finite number expected") }
      context.metrics[metric].value = value
      context.metrics[metric].isSet = true
    },
    metricMethod(
      .gauge, "add", [APIParameter("n", .number, "may be negative")], "Adds to it.", #"gauge("open"):add(-1)"#
    ) {
      context, call, metric throws(HostFailure) in
      let value = context.metrics[metric].value + (call.number(1) ?? 0)
      guard value.isFinite else { throw HostFailure(argument: 1, "the sum is not finite") }
      context.metrics[metric].value = value
    },
    metricValue(.counter), metricValue(.gauge),
    APIEntry(
      owner: .global, name: "shared", returns: "shared",
      doc:
        "A small table that callbacks and workers share: text keys up to 256 bytes; strings up to 4 KiB, numbers and booleans.",
      example: #"shared:set("maintenance", true, 3600)"#, binding: .value { $0.types.value(.shared, 0) }),
    sharedMethod(
      "get", [APIParameter("key", .string, "")], "string|number|boolean|nil",
      "The value, or nil when there is none or it is over.", #"shared:get("blocked") == true"#
    ) {
      context, call, key throws(HostFailure) in
      guard let value = context.sharedValue(key) else { return call.pushNil() }
      value.push(to: call)
    },
    sharedMethod(
      "set",
      [
        APIParameter("key", .string, ""), APIParameter("value", .any, "a string, a number, a boolean; nil removes"),
        APIParameter("seconds", .number, "until it is forgotten; for good if not given", optional: true),
      ], nil, "Sets a value.", #"shared:set("blocked", true, 600)"#
    ) { context, call, key throws(HostFailure) in
      guard let value = SharedStore.Value(call, 2) else {
        guard call.typeName(2) == "nil" else {
          throw HostFailure(argument: 2, "a string, number or boolean expected, got \(call.typeName(2))")
        }
        return context.removeShared(key)
      }
      try SharedStore.check(context.setShared(key, value, lifetime: try context.lifetime(call, 3)))
    },
    sharedMethod(
      "add",
      [
        APIParameter("key", .string, ""), APIParameter("n", .number, ""),
        APIParameter("seconds", .number, "until it is forgotten, counted from when it is made", optional: true),
      ], "number", "Adds to a number, made as 0, and returns the sum; one step for all workers.",
      #"shared:add("logins", 1, 60) > 5"#
    ) { context, call, key throws(HostFailure) in
      guard let amount = SharedStore.Value(call, 2) else { return call.pushNil() }
      let result = context.addShared(key, amount, lifetime: try context.lifetime(call, 3))
      try SharedStore.check(result).push(to: call)
    },
    log(.debug), log(.info), log(.warn), log(.error),
    APIEntry(
      owner: .namespace("policy"), name: "name", returns: "string", doc: "The policy's name: its file's, without .lua.",
      example: #"log.info(policy.name .. " is loaded")"#,
      binding: .value { .string($0.name) }),
    APIEntry(
      owner: .namespace("policy"), name: "args", returns: "table<string, string>", doc: "What --set key=value gave.",
      example: #"local limit = tonumber(policy.args.limit or "10")"#,
      binding: .value { .table(LuaTable(strings: $0.options.arguments)) }),
  ]

  private static func metric(_ name: String, _ doc: String, _ example: String) -> APIEntry {
    APIEntry(
      owner: .global, name: name, parameters: [APIParameter("name", .string, "a-z, 0-9, _; up to 60 characters")],
      returns: name, doc: doc, example: example, isDeclaration: true, inTests: .too,
      binding: .function { context, call throws(HostFailure) in
        try context.pushMetric(call, isCounter: name == "counter")
      })
  }

  private typealias MetricCall = @Sendable (PolicyContext, HostCall, Int) throws(HostFailure) -> Void

  private static func metricMethod(
    _ type: APITypeName, _ name: String, _ parameters: [APIParameter], _ doc: String, _ example: String,
    _ body: @escaping MetricCall
  ) -> APIEntry {
    APIEntry(
      owner: .type(type), name: name, parameters: parameters, doc: doc, example: example,
      binding: .method { context, call throws(HostFailure) in
        try body(context, call, call.handle(0, of: context.types.handle(type)) ?? 0)
      })
  }

  private static func metricValue(_ type: APITypeName) -> APIEntry {
    APIEntry(
      owner: .type(type), name: "value", returns: "number", doc: "What it is now.",
      example: type == .counter ? #"counter("dns_queries").value"# : #"gauge("open").value"#,
      binding: .property { context, call throws(HostFailure) in
        let value = context.metrics[call.handle(0, of: context.types.handle(type)) ?? 0].value
        // What is whole prints as such: 3, not 3.0.
        if let whole = Int64(exactly: value) { call.push(whole) } else { call.push(value) }
      })
  }

  private typealias SharedCall = @Sendable (PolicyContext, HostCall, [UInt8]) throws(HostFailure) -> Void

  private static func sharedMethod(
    _ name: String, _ parameters: [APIParameter], _ returns: String?, _ doc: String, _ example: String,
    _ body: @escaping SharedCall
  ) -> APIEntry {
    APIEntry(
      owner: .type(.shared), name: name, parameters: parameters, returns: returns, doc: doc, example: example,
      binding: .method { context, call throws(HostFailure) in
        let key = unsafe call.bytes(1).map { unsafe Array($0) } ?? []
        guard !key.isEmpty, key.count <= SharedStore.keyLimit else {
          throw HostFailure(argument: 1, "a key has 1 to \(SharedStore.keyLimit) bytes")
        }
        call.charge(16 + key.count / 16)
        try body(context, call, key)
      })
  }

  private static func log(_ level: PolicyLogLine.Level) -> APIEntry {
    APIEntry(
      owner: .namespace("log"), name: level.rawValue,
      parameters: [APIParameter("text", .any, "joined by blanks", variadic: true)],
      doc:
        "Writes a line to the log (\(level.rawValue)); at most \(RateLimitedLog.linesPerSecond) a second of the engine's clock after the first \(RateLimitedLog.burst).",
      example: #"log.\#(level.rawValue)("unexpected:", 42, "packets")"#,
      binding: .function { context, call throws(HostFailure) in
        let text = context.line(call)
        call.charge(16 + text.utf8.count / 16)
        context.log.write(level, context.location(call).description, text, at: context.clock)
      })
  }
}

extension PolicyContext {
  fileprivate func addTimer(_ call: HostCall) throws(HostFailure) {
    let seconds = call.number(0) ?? 0
    guard seconds >= 0.001, seconds <= 1e9 else {
      throw HostFailure(argument: 1, "seconds between 0.001 and 1,000,000,000 expected")
    }
    try reserve(timers.count, limit: Limit.timers, "timers")
    let reference = try call.requireFunction(1)
    let function = try register(reference, name: reference.name, as: .timer)
    timers.append(TimerObject(function: function, period: Int64(seconds * 1e9), due: .max))
  }

  fileprivate func pushMetric(_ call: HostCall, isCounter: Bool) throws(HostFailure) {
    let name = call.string(0) ?? ""
    let type = types.handle(isCounter ? .counter : .gauge)
    if let known = metrics.firstIndex(where: { $0.name == name }) {
      guard metrics[known].isCounter == isCounter else {
        throw HostFailure(argument: 1, "\(name) is already a \(isCounter ? "gauge" : "counter")")
      }
      return call.push(LuaHandle(type, known))
    }
    guard isLoading else {
      let near = Spelling.nearest(to: name, among: metrics.map(\.name)).map { ": did you mean \($0)?" } ?? ""
      throw HostFailure(argument: 1, "the policy has no such \(isCounter ? "counter" : "gauge")" + near)
    }
    let letters = Array(name.utf8)
    guard !letters.isEmpty, letters.count <= 60, !(0x30...0x39).contains(letters[0]),
      letters.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f })
    else {
      throw HostFailure(
        argument: 1, "a name of a-z, 0-9 and _, not starting with a digit, up to 60 characters expected")
    }
    try reserve(metrics.count, limit: Limit.metrics, "counters and gauges")
    metrics.append(MetricObject(name: name, isCounter: isCounter, value: 0))
    call.push(LuaHandle(type, metrics.count - 1))
  }

  /// Nanoseconds on the engine's clock until something set now is over; `Int64.max`: never.
  fileprivate func lifetime(_ call: HostCall, _ position: Int) throws(HostFailure) -> Int64 {
    guard call.typeName(position) == "number", let seconds = call.number(position) else { return .max }
    guard seconds > 0, seconds <= 1e9 else {
      throw HostFailure(argument: position, "seconds above 0, at most 1,000,000,000, expected")
    }
    return Int64(seconds * 1e9)
  }

  /// The arguments as one line; no more of it is made than `RateLimitedLog` would write.
  fileprivate func line(_ call: HostCall) -> String {
    var line = ""
    for position in 0..<call.count where line.utf8.count <= RateLimitedLog.lineLimit {
      line += (position > 0 ? " " : "") + text(call, position)
    }
    return line
  }

  /// A value as `log` writes it.
  private func text(_ call: HostCall, _ position: Int) -> String {
    if let bytes = unsafe call.bytes(position) {
      return unsafe String(decoding: bytes.prefix(RateLimitedLog.lineLimit + 4), as: UTF8.self)
    }
    return switch call[position] {
    case .nil: "nil"
    case .boolean(let flag): String(flag)
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .string(let text): text
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    case .record: unsafe call.record(position, of: types.record(.packet)).map { unsafe PacketLine.text($0) } ?? "packet"
    case .handle(let handle): types.name(of: handle.type) ?? "userdata"
    case .table: "table"
    case .function(let function): "function " + function.name
    }
  }
}
