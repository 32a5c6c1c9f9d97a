internal import JSONText
internal import LuaRuntime
public import Mirroring
internal import Wire

// What the pipeline asks, in the order in which it asks. Nothing here throws or traps, whatever a script does.
extension Policy {
  public func judge(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer {
    unsafe ask(function, .filter, mirror, packet).map { $0 == 1 ? .yes : .no } ?? .failed
  }

  public func choose(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice {
    unsafe ask(function, .balancer, mirror, packet).map { ScriptChoice($0) } ?? .failed
  }

  /// From memory, else from the function itself; nil: it failed.
  private func ask(
    _ function: Int, _ kind: FunctionObject.Kind, _ mirror: Int, _ packet: UnsafePointer<ObservedPacket>
  ) -> UInt32? {
    isRecallable = false
    guard isCallable(function, kind, mirror) else { return nil }
    unsafe advanceClock(packet.pointee.clock)
    let record = unsafe context.arena.place(packet, isObserved: true)
    guard isCounted else { return unsafe askUncounted(function, mirror, record) }
    let use = use(function, mirror)
    var isTracked = remembers(function)
    if isTracked {
      if let answer = unsafe known(use, record), unsafe give(answer, use, mirror, record) { return answer.code }
      isTracked = remembers(function)
    }
    lastAsked = (function, false)
    if isTracked {
      state.trackNext()
      use.misses += 1
    }
    use.calls += 1
    do throws(LuaError) {
      let answer = try unsafe timedCode(function, use, mirror, record)
      breakers[mirror].succeed()
      if isTracked { unsafe learn(answer, use, record) }
      return answer
    } catch {
      fail(function, error, mirror)
      return nil
    }
  }

  private func askUncounted(_ function: Int, _ mirror: Int, _ record: UnsafePointer<PacketRecord>) -> UInt32? {
    do throws(LuaError) {
      return try unsafe code(function, mirror, record)
    } catch {
      _ = note(function, error)
      return nil
    }
  }

  private func timedCode(
    _ function: Int, _ use: ScriptUse, _ mirror: Int, _ record: UnsafePointer<PacketRecord>
  ) throws(LuaError) -> UInt32 {
    guard use.calls % ScriptUse.timedEvery == 1 else { return try unsafe code(function, mirror, record) }
    let start = ContinuousClock.now
    let answer = try unsafe code(function, mirror, record)
    use.timed += 1
    use.nanoseconds += UInt64(clamping: (ContinuousClock.now - start).components.attoseconds / 1_000_000_000)
    return answer
  }

  /// Calls the function: what it answered, as `RememberedAnswer.code`.
  func code(
    _ function: Int, _ mirror: Int, _ record: UnsafePointer<PacketRecord>
  ) throws(LuaError) -> UInt32 {
    let context = context
    let isBalancer = context.functions[function].kind == .balancer
    context.isJudging = true
    defer { context.isJudging = false }
    let receivers = isBalancer ? try receivers(mirror) : nil
    let result = try unsafe state.call(
      context.functions[function].reference.id, record: context.types.record(.packet), at: UnsafeRawPointer(record),
      pinned: receivers, limits: context.options.callback)
    if isBalancer { return try choice(result, mirror, context.functions[function]).code }
    guard case .boolean(let answer) = result else {
      throw LuaError(
        .verdict, "a filter must return true or false, got \(result.words)", at: context.functions[function].place)
    }
    return answer ? 1 : 0
  }

  /// Whether the function is one of that kind and its mirror's scripts have not failed too often.
  func isCallable(_ function: Int, _ kind: FunctionObject.Kind, _ mirror: Int) -> Bool {
    guard context.functions.indices.contains(function), context.functions[function].kind == kind, mirror >= 0 else {
      return false
    }
    while mirror >= breakers.count {
      breakers.append(Breaker())
      entries.append(PlanEntry())
    }
    return !breakers[mirror].isFaulted
  }

  private func advanceClock(_ time: Int64) {
    context.clock = max(context.clock, time)
    if context.sharedDraft != nil { context.commitShared(at: context.clock) }
  }

  // MARK: Balancers

  private func receivers(_ entry: Int) throws(LuaError) -> LuaPinned {
    if let known = entries[entry].receivers { return known }
    let mirror = entries[entry].mirror ?? -1
    let count = context.mirrors.indices.contains(mirror) ? context.mirrorInForce(mirror).receivers.count : 0
    let list = (0..<count).map { context.types.value(.receiver, mirror * PolicyContext.receiverStride + $0) }
    let pinned = try state.pin(.table(LuaTable(items: list)))
    entries[entry].receivers = pinned
    return pinned
  }

  private func choice(_ result: LuaResult, _ entry: Int, _ script: FunctionObject) throws(LuaError) -> ScriptChoice {
    let mirror = entries[entry].mirror ?? -1
    let receivers = context.mirrors.indices.contains(mirror) ? context.mirrorInForce(mirror).receivers : []
    // A float that is a whole number indexes as in Lua's own tables.
    var result = result
    if case .number(let number) = result, let index = Int64(exactly: number) { result = .integer(index) }
    switch result {
    case .nil: return .none
    case .integer(let index) where index >= 1 && index <= Int64(receivers.count): return .receiver(Int(index) - 1)
    case .integer(let index):
      throw LuaError(.verdict, "index \(index) is not among the receivers 1 to \(receivers.count)", at: script.place)
    case .handle(let handle) where handle.type == context.types.handle(.receiver):
      let (owner, position) = handle.index.quotientAndRemainder(dividingBy: PolicyContext.receiverStride)
      if owner == mirror, position < receivers.count { return .receiver(position) }
      throw LuaError(.verdict, "the receiver is another mirror's", at: script.place)
    case .string(let text):
      if let address = IPAddress(text), let position = receivers.firstIndex(of: address) { return .receiver(position) }
      throw LuaError(
        .verdict, "\(ValueSetBuilder.shown(Array(text.utf8))) is not a receiver's address", at: script.place)
    default:
      throw LuaError(
        .verdict, "a balancer must return a receiver, its address, its index or nil, got \(result.words)",
        at: script.place)
    }
  }

  // MARK: Failures

  private func fail(_ function: Int, _ error: LuaError, _ entry: Int) {
    let message = note(function, error)
    tell(error, message, mirror: entries[entry].mirror)
    beforeFailure?()
    guard breakers[entry].fail((message, FailureHint.hint(for: error))), let first = breakers[entry].first else {
      return
    }
    generationNow += 1
    let mirror = entries[entry].mirror.flatMap { context.mirrors[$0].mirror.name } ?? "\(entry)"
    context.options.log(
      PolicyLogLine(
        level: .error, place: context.functions[function].name,
        text:
          "mirror \(mirror.cleanLine(limit: 80)) is faulted: its scripts failed too often and are not called any more; "
          + "the first failure: \(first.message)" + (first.hint.map { " (\($0))" } ?? "")))
  }

  /// - Returns: what went wrong, with its place.
  private func note(_ function: Int, _ fault: LuaError) -> String {
    var error = fault
    error.message = MissingGlobal.explained(fault.message)
    let place = error.place?.description ?? context.functions[function].name
    let message = "\(place): \(error.message)".cleanLine(limit: 900)
    if let line = failureLog.record(function, error, as: message, at: context.clock) { log(function, line, at: place) }
    return message
  }

  /// The test that runs, if one does, hears of it.
  private func tell(_ error: LuaError, _ message: String, mirror: Int?) {
    guard let testing = context.testing else { return }
    var error = error
    error.message = MissingGlobal.explained(error.message)
    testing.note(error, saying: message, mirror: mirror)
  }

  /// A function that has a name of its own is called by it: the place says the rest.
  private func log(_ function: Int, _ line: String, at place: String) {
    let function = context.functions[function]
    let text = function.name == function.reference.name || function.name == place ? line : "\(function.name): \(line)"
    context.options.log(PolicyLogLine(level: .error, place: place, text: text.cleanLine(limit: 1000)))
  }

  /// Says at the end of a run what the log held back.
  public func finishLog() {
    for (function, line) in failureLog.finish() { log(function, line, at: context.functions[function].reference.name) }
    if state.forgottenTables > 0 {
      context.options.log(
        PolicyLogLine(
          level: .warn, place: context.file,
          text:
            "flow.state of \(state.forgottenTables) conversations forgotten for room: 8,192 to 16,384 are kept, those used last"
        ))
    }
    context.log.finish()
  }

  // MARK: Timers

  public var nextTimer: Int64 { context.timers.map(\.due).min() ?? .max }

  public func start(at time: Int64) {
    context.clock = time
    context.commitShared(at: time)
    for index in context.timers.indices { context.timers[index].due = time &+ context.timers[index].period }
  }

  public func runTimers(at time: Int64) {
    advanceClock(time)
    for index in context.timers.indices where context.timers[index].due <= time {
      let timer = context.timers[index]
      // Periods that passed without packets are left out: one call, and the next at the next whole period.
      context.timers[index].due = timer.due &+ ((time &- timer.due) / timer.period &+ 1) &* timer.period
      run(timer, index)
    }
  }

  private func run(_ timer: TimerObject, _ index: Int) {
    context.isInTimer = true
    defer { context.isInTimer = false }
    do throws(LuaError) {
      _ = try state.call(context.functions[timer.function].reference, limits: context.options.timer)
      context.timers[index].failures = 0
    } catch {
      let message = note(timer.function, error)
      tell(error, message, mirror: nil)
      context.timers[index].failures += 1
      if context.timers[index].failures >= Breaker.consecutiveLimit { context.timers[index].due = .max }
    }
  }

  public func conversationEnded(_ id: UInt32) { state.dropTable(id) }
}

extension FunctionObject {
  /// Where the function stands, as far as its name says: `web.lua:8`.
  var place: LuaPlace? {
    let parts = reference.name.split(separator: ":")
    guard let last = parts.last, parts.count > 1, let line = Int(last) else { return nil }
    return LuaPlace(chunk: parts.dropLast().joined(separator: ":"), line: line)
  }
}

extension LuaResult {
  /// For messages: the value where it is short, else its type.
  fileprivate var words: String {
    switch self {
    case .nil: "nil (forgotten return?)"
    case .boolean(let flag): String(flag)
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .string(let text): "the string " + ValueSetBuilder.shown(Array(text.utf8))
    case .handle: "a host object"
    case .other(let type): "a \(type)"
    }
  }
}
