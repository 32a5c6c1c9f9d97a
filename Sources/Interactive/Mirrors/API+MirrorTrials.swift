import DataPath
import LuaRuntime
import Mirroring
import Policy

extension APIEntry {
  /// What mirrors can do besides in a session.
  static let mirrorTrialEntries: [APIEntry] = [
    method(
      .mirror, "dry_run", [packets], returns: "table[]",
      "What the mirror would do with the packets: how many it would observe and copy, to which receiver, and why not.",
      "mirrors.web:dry_run(packets)"
    ) { session, call throws(HostFailure) in try session.dryRun(call) },
    method(
      .mirror, "explain",
      [APIParameter("packet", .object(.packet), "of a capture, or made by packet.tcp and its like")], returns: "table",
      "Why the mirror would, or would not, copy the packet, were it the first of its conversation: each stage's answer.",
      "mirrors.web:explain(packets[12])"
    ) { session, call throws(HostFailure) in try session.explain(call) },
    method(
      .mirror, "cost", [packets], returns: "table[]",
      "Processor time for each packet in nanoseconds, and which tests are asked once a conversation (cached) and which for every packet.",
      "mirrors.web:cost(packets)"
    ) { session, call throws(HostFailure) in try session.cost(call) },
    method(
      .mirrors, "save_policy", [APIParameter("path", .string, "of a file that is not there yet")], returns: "string",
      "Writes what was declared in this session as a policy, if that passes the check.",
      #"mirrors:save_policy("hunt.lua")"#
    ) { session, call throws(HostFailure) in
      try session.refuseFiles("mirrors:save_policy")
      try call.requireTyped("mirrors:save_policy")
      switch session.savePolicy(call.string(1) ?? "") {
      case .done(let lines): call.push(lines.joined(separator: "\n"))
      case .failed(let lines): throw HostFailure(lines.joined(separator: "; "))
      default: call.pushNil()
      }
    },
  ]

  private static let packets = APIParameter(
    "packets", .object(.packets), "the captures of --read if not given", optional: true)
}

extension Session {
  /// The packets of argument 1, or those of the start.
  private func packets(_ call: HostCall) throws(HostFailure) -> PacketSequence {
    if call.handle(1) != nil { return try sequence(call, 1) }
    guard let given else { throw HostFailure(argument: 1, "packets expected, such as capture.open \"web.pcap\"") }
    return given
  }

  private func mirrorNumber(_ call: HostCall) throws(HostFailure) -> Int {
    guard let number = context.mirrorNumber(call) else { throw HostFailure("a mirror expected") }
    guard !isTrying else { throw HostFailure("a mirror is tried already") }
    if isAttached, context.mirrors[number].mirror.asksScripts {
      throw HostFailure("its Lua functions are the engine's: try its policy in moontap repl without --attach")
    }
    return number
  }

  // MARK: dry_run

  fileprivate func dryRun(_ call: HostCall) throws(HostFailure) {
    let run = try MirrorRun(self, try mirrorNumber(call))
    let room = FrameRoom(bytes: FrameRoom.batchSize, frames: FrameBatch.capacity)
    let trace = isTracing ? TraceLines(style) : nil
    func judge(_ call: HostCall) throws(HostFailure) {
      isTrying = true
      defer { isTrying = false }
      if let trace {
        try run.judgeOpenly(room, call) { output(trace.line($0, $1, $2, run)) }
      } else {
        try run.judge(room, call)
      }
      room.removeAll()
    }
    try self.run(try packets(call), call) { scan, call throws(HostFailure) in
      if room.append(scan) { return .next }
      try judge(call)
      _ = room.append(scan)
      return .next
    } finish: { call throws(HostFailure) in
      try judge(call)
      try run.finish(call)
      call.push(DryRunTable(run).value)
    }
  }

  // MARK: explain

  fileprivate func explain(_ call: HostCall) throws(HostFailure) {
    guard let tools = options.tools else { throw HostFailure("nothing explains here") }
    let number = try mirrorNumber(call)
    let frame = try context.frame(call, 1)
    let run = try MirrorRun(self, number)
    var told: Result<(Explanation, MirrorRun.Look?), HostFailure>?
    isTrying = true
    let ran = call.aside { told = Result { () throws(HostFailure) in try run.explain(frame, at: 0) } }
    isTrying = false
    guard ran, let told else { throw HostFailure("too many calls inside each other") }
    let (explanation, look) = try told.get()
    try run.finish(call)
    let verdict = VerdictOfOne(explanation, run).verdict
    let state = run.isEnabled ? [] : ["disabled; were it enabled:"]
    let lines =
      state + tools.stages(run.plan.enabled[run.entry], explanation, run.plan)
      + (!isTracing ? [] : ["  " + TraceLines.words(look)])
    PacketExplanation(verdict: verdict, lines: lines).push(to: call)
  }

  // MARK: cost

  fileprivate func cost(_ call: HostCall) throws(HostFailure) {
    let number = try mirrorNumber(call)
    let room = FrameRoom(bytes: MirrorCost.mostBytes, frames: MirrorCost.mostPackets)
    try run(try packets(call), call) { scan, _ throws(HostFailure) in
      room.append(scan) ? .next : .stop
    } finish: { [unowned self] call throws(HostFailure) in
      guard !room.frames.isEmpty else { throw HostFailure(argument: 1, "there are no packets") }
      isTrying = true
      defer { isTrying = false }
      call.push(try MirrorCost(self, number, room, call).value)
    }
  }
}
