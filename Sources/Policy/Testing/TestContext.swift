internal import JSONText
internal import LuaRuntime
internal import Mirroring

/// What a policy's test file declared, and how the test that runs goes. Only in a policy that is tested.
final class TestContext {
  enum Phase { case idle, declaring, running }

  static let limit = 1000
  /// The chunk that hands Lua's own `string.find` over.
  static let patternChunk = "(matches)"
  static let expectationLimit = 100_000

  var phase = Phase.idle
  /// The test file, as it was given.
  var path = ""
  var cases: [Case] = []
  var expectations: [Expectation] = []
  var verdicts: [Judged] = []
  /// The first failure of each mirror's scripts, and that of a timer.
  var scriptFailures: [ScriptFailure] = []
  /// The first expectation that did not hold: it stays, whatever the script's `pcall` does.
  var failure: TestFailure?
  /// The pipeline is at work: what runs now is the policy, not its test.
  var isJudging = false
  /// The mirror that a test asks about, and what its scripts failed with meanwhile.
  var judgedMirror = -1
  var scriptError: String?
  var judge: ((_ mirror: Int, _ frame: MadeFrame) throws(TestRefusal) -> TestVerdict)?
  /// Runs the audit that is tested.
  var audit: ((AuditedTraffic) throws(TestRefusal) -> [TestedFinding])?
  /// Calls a function of the test and gives the error that it ended with.
  var call: ((LuaFunctionReference) -> LuaError?)?

  struct Case {
    var name: String
    var function: LuaFunctionReference
    var location: SourceLocation
  }

  /// What became of a packet at a mirror.
  struct Judged {
    var mirror: Int
    var verdict: TestVerdict
  }

  /// A script of the policy failed while the test ran.
  struct ScriptFailure {
    /// nil: of a timer.
    var mirror: Int?
    var failure: TestFailure
    /// The test looked at a verdict that says so: it expects it.
    var isExpected = false
  }

  /// `expect(x)`, or a member of it.
  struct Expectation {
    var subject: LuaValue
    /// How it is reached: empty, `reason`, `receivers[2]`.
    var path: String
    var isNegated = false
    var location: SourceLocation
    /// A matcher was asked, or a member was taken.
    var isUsed = false
  }
}

extension PolicyContext {
  /// A test file loads or a test runs; not the policy that it asks.
  var isAtTest: Bool { testing.map { $0.phase != .idle && !$0.isJudging } ?? false }

  /// The state of the test that runs.
  func runningTest(_ name: String) throws(HostFailure) -> TestContext {
    guard let testing, testing.phase == .running, !testing.isJudging else {
      throw HostFailure("\(name) can be used only inside the function of a test")
    }
    return testing
  }

  func addTest(_ call: HostCall) throws(HostFailure) {
    guard let testing, testing.phase == .declaring else {
      throw HostFailure("test can be used only in a test file, NAME_test.lua, outside of other tests")
    }
    let name = call.string(0) ?? ""
    guard !name.isEmpty, name.cleanLine(limit: 200) == name else {
      throw HostFailure(argument: 1, "a name has 1 to 200 bytes, none of them a control character")
    }
    guard !testing.cases.contains(where: { $0.name == name }) else {
      throw HostFailure(argument: 1, "there is already a test \(ValueSetBuilder.shown(Array(name.utf8)))")
    }
    try reserve(testing.cases.count, limit: TestContext.limit, "tests")
    testing.cases.append(
      TestContext.Case(name: name, function: try call.requireFunction(1), location: location(call)))
  }

  // MARK: Verdicts

  /// A verdict that is the first argument: its position, and the test's state that has it.
  private func verdictIndex(_ call: HostCall) throws(HostFailure) -> (TestContext, Int) {
    guard let testing, let index = call.handle(0, of: types.handle(.verdict)), testing.verdicts.indices.contains(index)
    else { throw HostFailure(argument: 1, "a verdict expected") }
    return (testing, index)
  }

  func verdict(_ call: HostCall) throws(HostFailure) -> TestVerdict {
    let (testing, index) = try verdictIndex(call)
    return testing.verdicts[index].verdict
  }

  func member(_ name: String, ofVerdict call: HostCall) throws(HostFailure) -> LuaValue {
    let (testing, index) = try verdictIndex(call)
    return try testing.member(name, ofVerdict: index)
  }

  /// `mirror:judge(packet)`: the packet goes the whole way, while the test's own call waits.
  func judge(_ call: HostCall) throws(HostFailure) {
    let testing = try runningTest("mirror:judge")
    let mirror = call.handle(0, of: types.handle(.mirror)) ?? 0
    let made = try madePacket(call, 1)
    var answer = Result<TestVerdict, TestRefusal>.failure(TestRefusal("nobody judges here"))
    let ran = call.aside {
      (testing.isJudging, testing.judgedMirror, testing.scriptError) = (true, mirror, nil)
      defer { testing.isJudging = false }
      if let judge = testing.judge {
        answer = Result { () throws(TestRefusal) in try judge(mirror, made.frame) }
      }
    }
    guard ran else { throw HostFailure("too many calls inside each other") }
    do throws(TestRefusal) {
      var verdict = try answer.get()
      verdict.error = testing.scriptError
      testing.verdicts.append(TestContext.Judged(mirror: mirror, verdict: verdict))
    } catch {
      throw HostFailure(argument: 1, error.reason)
    }
    call.push(LuaHandle(types.handle(.verdict), testing.verdicts.count - 1))
  }
}

// Scripts that fail while a test runs: a test does not pass over them, unless it asks for them.
extension TestContext {
  /// - Parameter mirror: whose script failed; nil: a timer did.
  func note(_ error: LuaError, saying message: String, mirror: Int?) {
    guard phase == .running else { return }
    if mirror == judgedMirror, scriptError == nil { scriptError = message }
    guard !scriptFailures.contains(where: { $0.mirror == mirror }) else { return }
    let failure = TestFailure(
      kind: .error, file: error.place?.chunk ?? "", line: error.place?.line ?? 0,
      message: "a script of the policy failed: \(error.message)".cleanLine(limit: 900),
      details: mirror == nil ? [] : ["a test that wants this looks at the verdict's reason, \"script-error\", or error"]
    )
    scriptFailures.append(ScriptFailure(mirror: mirror, failure: failure))
  }

  var unexpectedScriptFailure: TestFailure? { scriptFailures.first { !$0.isExpected }?.failure }

  /// A member of a verdict. Who looks at one that tells of a failed script expects that.
  func member(_ name: String, ofVerdict index: Int) throws(HostFailure) -> LuaValue {
    let (mirror, verdict) = (verdicts[index].mirror, verdicts[index].verdict)
    let tells = name == "reason" && verdict.reason == "script-error" || name == "error" && verdict.error != nil
    if tells, let known = scriptFailures.firstIndex(where: { $0.mirror == mirror }) {
      scriptFailures[known].isExpected = true
    }
    return try APIEntry.member(name, of: verdict)
  }
}
