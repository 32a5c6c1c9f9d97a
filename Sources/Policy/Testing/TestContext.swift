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
  var verdicts: [TestVerdict] = []
  /// The first expectation that did not hold: it stays, whatever the script's `pcall` does.
  var failure: TestFailure?
  /// The pipeline is at work: what runs now is the policy, not its test.
  var isJudging = false
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

  func verdict(_ call: HostCall, _ position: Int) throws(HostFailure) -> TestVerdict {
    guard let testing, let index = call.handle(position, of: types.handle(.verdict)),
      testing.verdicts.indices.contains(index)
    else { throw HostFailure(argument: position + 1, "a verdict expected") }
    return testing.verdicts[index]
  }

  /// `mirror:judge(packet)`: the packet goes the whole way, while the test's own call waits.
  func judge(_ call: HostCall) throws(HostFailure) {
    let testing = try runningTest("mirror:judge")
    let mirror = call.handle(0, of: types.handle(.mirror)) ?? 0
    let made = try madePacket(call, 1)
    var answer = Result<TestVerdict, TestRefusal>.failure(TestRefusal("nobody judges here"))
    let ran = call.aside {
      testing.isJudging = true
      defer { testing.isJudging = false }
      if let judge = testing.judge {
        answer = Result { () throws(TestRefusal) in try judge(mirror, made.frame) }
      }
    }
    guard ran else { throw HostFailure("too many calls inside each other") }
    do throws(TestRefusal) {
      testing.verdicts.append(try answer.get())
    } catch {
      throw HostFailure(argument: 1, error.reason)
    }
    call.push(LuaHandle(types.handle(.verdict), testing.verdicts.count - 1))
  }
}
