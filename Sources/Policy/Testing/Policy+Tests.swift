// A policy under test: its test file runs in the policy's own state, after it has loaded, and so sees its globals,
// mirrors and counters. Whoever runs tests makes a new policy for each, so that none depends on another.

internal import Inventory
internal import LuaRuntime
internal import Mirroring

/// One `test(name, fn)`.
public struct PolicyTest: Sendable, Hashable {
  public var name: String
  public var line: Int
}

/// What became of a packet at one mirror, as `mirror:judge` gives it.
public struct TestVerdict: Sendable, Hashable {
  /// `collected`, or why not: `filtered`; `unattributed`: no ENI of the mirror's VPC; `disabled`.
  public var reason: String
  /// The receiver's address, if it was collected.
  public var receiver: String?
  /// Where it was seen, by id; an unlisted ENI by its address.
  public var eni: String?
  /// nil: nowhere.
  public var isOutbound: Bool?
  /// What a script of the mirror failed with; nil: none did.
  var error: String?

  public init(reason: String, receiver: String? = nil, eni: String? = nil, isOutbound: Bool? = nil) {
    self.reason = reason
    self.receiver = receiver
    self.eni = eni
    self.isOutbound = isOutbound
  }

  var isCollected: Bool { reason == "collected" }
  var direction: String? { isOutbound.map { $0 ? "out" : "in" } }

  /// `filtered, out of eni-web1`
  var text: String {
    let place = eni.map { ", \(isOutbound == true ? "out of" : "into") \($0)" } ?? ""
    return reason + (receiver.map { " by \($0)" } ?? "") + place
  }
}

/// Why a packet cannot be judged.
public struct TestRefusal: Error {
  public var reason: String
  public init(_ reason: String) { self.reason = reason }
}

/// Why a test failed.
public struct TestFailure: Error, Sendable, Hashable {
  public enum Kind: String, Sendable {
    /// An expectation did not hold, or there was none.
    case expectation
    /// The script raised an error.
    case error
    /// A limit was reached.
    case limit
  }

  public var kind: Kind
  /// File as it was given, and line.
  public var file: String
  public var line: Int
  /// One line.
  public var message: String
  /// More lines: expected, got, first difference; or the calls that led there.
  public var details: [String]
}

extension Policy {
  /// Reads and runs a test file in the policy's state; the policy must have been loaded with `isTested`.
  public func loadTests(path: String) throws(PolicyError) {
    guard let testing = context.testing else { preconditionFailure("the policy is not one that is tested") }
    let bytes: [UInt8]
    do throws(PolicyFile.Failure) {
      bytes = try PolicyFile.read(path, limit: PolicyFile.sourceLimit)
    } catch {
      throw PolicyError(kind: .unreadable, file: path, line: 0, message: error.reason)
    }
    testing.path = path
    testing.phase = .declaring
    defer { testing.phase = .idle }
    do throws(LuaError) {
      try state.load(source: bytes, chunkName: PolicyFile.Place(path).base, limits: context.options.loading)
    } catch {
      var failure = PolicyError(error, context, path: self.path)
      failure.file = file(ofChunk: error.place?.chunk)
      throw failure
    }
  }

  /// What the test file declared, in its order.
  public var tests: [PolicyTest] {
    context.testing?.cases.map { PolicyTest(name: $0.name, line: $0.location.line) } ?? []
  }

  /// Runs one test, under the limits of loading.
  ///
  /// - Parameters:
  ///   - test: its position in `tests`.
  ///   - judge: takes a frame through the pipeline and says what one of `mirrors` made of it.
  ///   - audit: runs the script as an audit, elsewhere, and says what it found.
  /// - Throws: why it failed.
  public func run(
    test: Int, judge: ((_ mirror: Int, _ frame: MadeFrame) throws(TestRefusal) -> TestVerdict)? = nil,
    audit: ((AuditedTraffic) throws(TestRefusal) -> [TestedFinding])? = nil
  ) throws(TestFailure) {
    guard let testing = context.testing else { preconditionFailure("the policy is not one that is tested") }
    let limits = context.options.loading
    (testing.judge, testing.audit) = (judge, audit)
    testing.call = { [unowned self] function in
      do throws(LuaError) {
        _ = try state.call(function, limits: limits)
        return nil
      } catch {
        return error
      }
    }
    testing.phase = .running
    // The pipeline holds the policy: it must not be held by it for longer.
    defer { (testing.phase, testing.judge, testing.audit, testing.call) = (.idle, nil, nil, nil) }
    do throws(LuaError) {
      _ = try state.call(testing.cases[test].function, limits: limits)
    } catch {
      throw located(testing.failure ?? failure(error))
    }
    if let failure = testing.failure ?? testing.unused(testing.cases[test]) ?? testing.unexpectedScriptFailure {
      throw located(failure)
    }
  }

  private func failure(_ error: LuaError) -> TestFailure {
    let kind: TestFailure.Kind =
      switch error.kind {
      case .cpu, .wall, .memory: .limit
      case .runtime, .syntax, .verdict, .stale, .interrupted: .error
      }
    let calls = error.traceback.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("[host]") }
    return TestFailure(
      kind: kind, file: error.place?.chunk ?? "", line: error.place?.line ?? 0,
      message: MissingGlobal.explained(error.message, inAudit: context.auditing != nil),
      details: calls.count > 1 ? Array(calls.prefix(6)) : [])
  }

  /// With the file as it was given, where scripts know its name only.
  private func located(_ failure: TestFailure) -> TestFailure {
    var failure = failure
    failure.file = file(ofChunk: failure.file.isEmpty ? nil : failure.file)
    return failure
  }

  /// A chunk's file, as it was given; nil: the test file.
  private func file(ofChunk chunk: String?) -> String {
    guard let chunk else { return context.testing?.path ?? path }
    if let testing = context.testing, chunk == PolicyFile.Place(testing.path).base { return testing.path }
    return chunk == context.file ? path : context.modulePath(chunk, besides: path)
  }

  /// How often each line with code began, by file as it was given; test files and our own lines, whose chunks are called as
  /// `(inventory)`, are left out. Needs `coversLines`.
  public var coverage: [String: [Int: Int]] {
    let tests = context.testing.map { PolicyFile.Place($0.path).base }
    let chunks = state.coverage.filter { $0.key != tests && !($0.key.hasPrefix("(") && $0.key.hasSuffix(")")) }
    return Dictionary(uniqueKeysWithValues: chunks.map { (file(ofChunk: $0.key), $0.value) })
  }
}

extension TestContext {
  /// A test that expects nothing cannot fail: it is no test.
  fileprivate func unused(_ test: Case) -> TestFailure? {
    func failure(_ location: SourceLocation, _ message: String) -> TestFailure {
      TestFailure(kind: .expectation, file: location.file, line: location.line, message: message, details: [])
    }
    if let idle = expectations.first(where: { !$0.isUsed }) {
      return failure(idle.location, "expect(...) without a matcher, such as :equals(...), expects nothing")
    }
    return expectations.isEmpty ? failure(test.location, "expects nothing: use expect(...)") : nil
  }
}
