internal import LuaRuntime

/// Why a mirror would, or would not, copy a packet: the answer of `mirror:explain`.
public struct PacketExplanation: Sendable, Hashable {
  public var verdict: TestVerdict
  /// Each stage's answer, as `moontap explain` prints it.
  public var lines: [String]

  public init(verdict: TestVerdict, lines: [String]) {
    self.verdict = verdict
    self.lines = lines
  }
}

extension APIEntry {
  static let explainEntries: [APIEntry] = [
    APIEntry(
      owner: .type(.mirror), name: "explain",
      parameters: [APIParameter("packet", .object(.packet), "made by packet.tcp and its like")], returns: "table",
      doc: "Why the mirror would, or would not, copy the packet, were it the first of its conversation: a list of "
        + "lines, each stage's answer, with reason, collected, receiver, eni and direction. Nothing is copied and "
        + "nothing counted, counters of the policy included. In timers and in tests.",
      example: """
        local probe = packet.tcp { source = "10.20.1.11", destination = "192.0.2.7", destination_port = 443 }
        every(60, function()
          for _, line in ipairs(mirrors.web:explain(probe)) do log.info(line) end
        end)
        """,
      binding: .method { context, call throws(HostFailure) in try context.explain(call) })
  ]
}

extension PolicyContext {
  /// Steps that one explanation counts as: a pipeline is made for it.
  private static let explanationCharge = 20_000

  fileprivate func explain(_ call: HostCall) throws(HostFailure) {
    guard isInTimer || isAtTest else {
      throw HostFailure(
        "mirror:explain can be used in timers and in tests, not while the policy loads or judges a packet")
    }
    let made = try madePacket(call, 1)
    let subject = subject(call)
    call.charge(Self.explanationCharge)
    var answer = Result<PacketExplanation, TestRefusal>.failure(TestRefusal("nothing is running"))
    let (wasInTimer, counted) = (isInTimer, metrics)
    let ran = call.aside {
      // What runs now judges a packet: it may change nothing.
      isInTimer = false
      testing?.isJudging = true
      if let told = explain(subject, made.frame) { answer = told }
      testing?.isJudging = false
      isInTimer = wasInTimer
    }
    for index in counted.indices { metrics[index] = counted[index] }
    guard ran else { throw HostFailure("too many calls inside each other") }
    do throws(TestRefusal) {
      call.push(.table(try answer.get().table))
    } catch {
      throw HostFailure(argument: 1, error.reason)
    }
  }

  /// nil: nothing is running.
  private func explain(_ subject: MirrorSubject, _ frame: MadeFrame) -> Result<PacketExplanation, TestRefusal>? {
    switch subject {
    case .own(let number):
      explainer.map { explainer in Result { () throws(TestRefusal) in try explainer(number, frame) } }
    case .stored(let position):
      storedRun.map { run in
        let number = stored.items[position].definition.number
        return Result { () throws(TestRefusal) in try run.explain(number, frame) }
      }
    }
  }

  /// The packet that a script made, by its record.
  func madePacket(_ call: HostCall, _ position: Int) throws(HostFailure) -> MadePacket {
    let base = unsafe call.record(position, of: types.record(.packet))
    guard let made = madePackets.first(where: { unsafe UnsafeRawPointer($0.record) == base }) else {
      throw HostFailure(
        argument: position, "a packet made by packet.tcp and its like expected, not one inside of another")
    }
    return made
  }
}

extension PacketExplanation {
  var table: LuaTable {
    func text(_ value: String?) -> LuaValue { value.map { .string($0) } ?? .nil }
    return LuaTable(
      items: lines.map { .string($0) },
      fields: [
        .init("reason", .string(verdict.reason)), .init("collected", .boolean(verdict.isCollected)),
        .init("receiver", text(verdict.receiver)), .init("eni", text(verdict.eni)),
        .init("direction", text(verdict.direction)),
      ])
  }
}
