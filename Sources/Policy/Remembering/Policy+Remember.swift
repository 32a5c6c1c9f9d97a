internal import JSONText
internal import LuaRuntime
public import Mirroring

// Answers that are remembered in place of calls.
//
// Invariants; those of `examine.c`, `track.c` and `PacketKey` are what they rest on
// 1. An answer is remembered only if the function is proved to change nothing, the call ended well, and all that it read is
//    known by keys. It is given again for packets of equal keys as long as Lua's memory holds what the function may read.
// 2. Lua's memory may change only when something runs that is not proved to change nothing; `LuaState.written` tells. Before
//    the next answer is given the facts are compared: if they hold and the function reads no more than them, its answers
//    stay; else they are emptied.
// 3. A host is quiet if no filter or balancer of the policy may change Lua's memory. Only then are answers given for whole
//    paths: while a record is judged nothing can change what another of its answers hangs on. Timers run between records.
// 4. `generation` changes whenever an answer given for a path may have become another: memory emptied, a mirror faulted, a
//    host no longer quiet, a function distrusted.
// 5. An answer given from memory counts as a call that went well, and before every failure that came after it: so breakers
//    break at the packet at which they would without a memory.
// 6. A failure is never remembered, and a function is asked anew until it gives an answer.
extension Policy {
  // MARK: Looking at functions

  /// Examines every function that was handed over since; once all are known, tells whether the host is quiet.
  func examineFunctions() {
    while memories.count < context.functions.count {
      let function = context.functions[memories.count]
      let examination =
        function.kind == .timer
        ? LuaExamination(obstacle: "runs by the clock")
        : state.examine(function.reference, record: context.types.record(.packet))
      memories.append(FunctionMemory(examination: examination, checkedAt: state.written))
    }
    let wasQuiet = isQuiet
    isQuiet = context.functions.indices.allSatisfy { index in
      context.functions[index].kind == .timer || memories[index].examination.obstacle == nil
    }
    if isQuiet != wasQuiet { generationNow += 1 }
  }

  /// Whether the function's answers are remembered, for Lua's memory as it is now.
  @inline(__always)
  func remembers(_ function: Int) -> Bool {
    if function >= memories.count { examineFunctions() }
    if memories[function].checkedAt != state.written { lookAgain(function) }
    return memories[function].isRemembering && context.options.remembersVerdicts
  }

  /// Invariant 2.
  @inline(never)
  private func lookAgain(_ function: Int) {
    memories[function].checkedAt = state.written
    guard memories[function].examination.obstacle == nil else { return }
    let reference = context.functions[function].reference
    if state.holds(memories[function].examination, of: reference) {
      if memories[function].examination.isOpen { empty(function) }
      return
    }
    empty(function)
    state.forget(memories[function].examination)
    memories[function].examinations += 1
    memories[function].examination =
      memories[function].examinations > FunctionMemory.examinationLimit
      ? LuaExamination(obstacle: "is made of what changes too often")
      : state.examine(reference, record: context.types.record(.packet))
    examineFunctions()
  }

  private func empty(_ function: Int) {
    var wasFilled = false
    for uses in uses {
      for use in uses where use.function == function && !use.tree.isEmpty {
        use.tree.removeAll()
        wasFilled = true
      }
    }
    guard wasFilled else { return }
    memories[function].empty()
    generationNow += 1
  }

  /// Forgets every remembered answer: for whoever changes what scripts can see (a set, the inventory, a mirror).
  public func forgetVerdicts() {
    for uses in uses { for use in uses { use.tree.removeAll() } }
    generationNow += 1
  }

  // MARK: Giving answers from memory

  func use(_ function: Int, _ mirror: Int) -> ScriptUse {
    while uses.count <= mirror { uses.append([]) }
    for use in uses[mirror] where use.function == function { return use }
    uses[mirror].append(ScriptUse(function: function))
    return uses[mirror][uses[mirror].count - 1]
  }

  func known(_ use: ScriptUse, _ record: UnsafePointer<PacketRecord>) -> RememberedAnswer? {
    guard remembers(use.function) else { return nil }
    let context = context
    return use.tree.find { key in unsafe context.value(of: key, record) }
  }

  /// An answer of the memory is given: counted as a call, and one in 4,096 is asked again.
  ///
  /// - Returns: false if it is not to be given after all.
  func give(
    _ answer: RememberedAnswer, _ use: ScriptUse, _ mirror: Int, _ record: UnsafePointer<PacketRecord>
  ) -> Bool {
    use.untilVerified -= 1
    if use.untilVerified <= 0 {
      use.untilVerified = ScriptUse.verifiedEvery
      guard unsafe isConfirmed(answer, use, mirror, record) else { return false }
    }
    use.hits += 1
    memories[use.function].hits += 1
    breakers[mirror].succeed()
    isRecallable = answer.isOfPath && isQuiet
    lastAsked = (use.function, true)
    return true
  }

  /// Remembers what a tracked call answered.
  func learn(_ code: UInt32, _ use: ScriptUse, _ record: UnsafePointer<PacketRecord>) {
    guard let keys = unsafe state.keysRead, state.isProved(context.functions[use.function].reference) else { return }
    let context = context
    let isOfPath = unsafe keys.allSatisfy { unsafe context.isOfPath($0, record) }
    let isConsistent = unsafe use.tree.insert(keys, RememberedAnswer(code: code, isOfPath: isOfPath)) { key in
      unsafe context.value(of: key, record)
    }
    guard isConsistent else { return distrust(use.function) }
    isRecallable = isOfPath && isQuiet
  }

  public func recall(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer? {
    unsafe answerOfPath(function, .filter, mirror, packet).map { $0.code == 1 ? .yes : .no }
  }

  public func recallChoice(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice? {
    unsafe answerOfPath(function, .balancer, mirror, packet).map { ScriptChoice($0.code) }
  }

  private func answerOfPath(
    _ function: Int, _ kind: FunctionObject.Kind, _ mirror: Int, _ packet: UnsafePointer<ObservedPacket>
  ) -> RememberedAnswer? {
    guard isQuiet, isCallable(function, kind, mirror) else { return nil }
    let record = unsafe context.arena.place(packet, isObserved: true)
    guard let answer = unsafe known(use(function, mirror), record), answer.isOfPath, isQuiet else { return nil }
    lastAsked = (function, true)
    return answer
  }

  public func credit(function: Int, mirror: Int, count: Int) {
    guard count > 0, breakers.indices.contains(mirror), memories.indices.contains(function) else { return }
    use(function, mirror).hits += UInt64(count)
    memories[function].hits += count
    breakers[mirror].succeed(count)
  }

  public var generation: UInt64 {
    if isQuiet { for function in memories.indices { _ = remembers(function) } }
    return generationNow
  }

  public func describeMemory(of function: Int) -> String? {
    guard let report = caching(function: function) else { return nil }
    guard report.obstacle == nil, lastAsked.function == function else { return report.text }
    if lastAsked.isHit { return "remembered: " + report.text }
    let read = state.unsteadyRead
    guard read.isEmpty else {
      return "asked: it read \(read.cleanLine(limit: 80)), which differs from packet to packet"
    }
    return "asked now, remembered for packets alike: " + report.text
  }

  // MARK: The shadow check

  public func verify(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) {
    guard context.functions.indices.contains(function), mirror >= 0, mirror < breakers.count else { return }
    let record = unsafe context.arena.place(packet, isObserved: true)
    let use = use(function, mirror)
    guard let answer = unsafe known(use, record) else { return }
    _ = unsafe isConfirmed(answer, use, mirror, record)
  }

  /// Asks the function itself, as if it had not been asked. A call that ran into a limit says nothing.
  private func isConfirmed(
    _ answer: RememberedAnswer, _ use: ScriptUse, _ mirror: Int, _ record: UnsafePointer<PacketRecord>
  ) -> Bool {
    verified += 1
    let found: UInt32? = state.keepingRandom {
      do throws(LuaError) {
        return try unsafe code(use.function, mirror, record)
      } catch {
        switch error.kind {
        case .cpu, .wall, .memory: return answer.code
        default: return nil
        }
      }
    }
    if found == answer.code { return true }
    distrust(use.function)
    return false
  }

  private func distrust(_ function: Int) {
    guard !memories[function].isDistrusted else { return }
    memories[function].isDistrusted = true
    for uses in uses { for use in uses where use.function == function { use.tree.removeAll() } }
    generationNow += 1
    mismatches += 1
    isRecallable = false
    let name = context.functions[function].name
    context.options.log(
      PolicyLogLine(
        level: .error, place: context.functions[function].reference.name,
        text: "\(name.cleanLine(limit: 200)): bug: its remembered answer differs from a new one; "
          + "its answers are not remembered any more"))
  }

  // MARK: What is told

  /// Of each filter and balancer, in the order in which they were handed over.
  public var caching: [CachingReport] {
    context.functions.indices.filter { context.functions[$0].kind != .timer }.map(report)
  }

  /// The same of one function, by the number that the plan knows it by.
  public func caching(function: Int) -> CachingReport? {
    context.functions.indices.contains(function) ? report(function) : nil
  }

  private func report(_ function: Int) -> CachingReport {
    examineFunctions()
    let memory = memories[function]
    var obstacle = memory.examination.obstacle
    if memory.isGivenUp { obstacle = "what it reads changes too often" }
    if memory.isDistrusted { obstacle = "a remembered answer differed from a new one, which is a bug" }
    if !context.options.remembersVerdicts { obstacle = "turned off" }
    return CachingReport(
      function: context.functions[function].name, isBalancer: context.functions[function].kind == .balancer,
      obstacle: obstacle?.cleanLine(limit: 300), fields: memory.examination.fields.map { $0.cleanLine(limit: 80) },
      unsteady: memory.examination.unsteady?.cleanLine(limit: 300))
  }

  /// How the functions of one entry of the plan were asked.
  public func statistics(entry: Int) -> [ScriptStatistics] {
    guard uses.indices.contains(entry) else { return [] }
    return uses[entry].map { use in
      ScriptStatistics(
        function: context.functions[use.function].name, number: use.function, hits: use.hits, misses: use.misses,
        calls: use.calls, timed: use.timed, nanoseconds: use.nanoseconds)
    }
  }
}

extension Policy {
  public func nanoseconds(mirror: Int) -> UInt64 {
    uses.indices.contains(mirror) ? uses[mirror].reduce(0) { $0 + $1.estimate } : 0
  }
}

extension ScriptChoice {
  init(_ code: UInt32) { self = code == RememberedAnswer.none ? .none : .receiver(Int(code)) }

  /// Not of a failure.
  var code: UInt32 { if case .receiver(let position) = self { UInt32(position) } else { RememberedAnswer.none } }
}
