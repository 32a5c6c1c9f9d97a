internal import JSONText
internal import LuaRuntime
internal import Mirroring

/// What a matcher found: `expected "filtered", got "collected"`.
struct TestFinding {
  var holds: Bool
  /// What was asked for, without the word `expected`.
  var wanted: String
  /// What there was instead.
  var got: String
  var details: [String] = []
}

extension PolicyContext {
  private var values: ValueText { ValueText(types: types) }

  // MARK: Expectations

  func push(_ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) {
    let testing = try runningTest("expect")
    guard testing.expectations.count < TestContext.expectationLimit else {
      throw HostFailure("a test may have at most \(TestContext.expectationLimit) expectations")
    }
    var expectation = expectation
    expectation.isUsed = false
    testing.expectations.append(expectation)
    call.push(LuaHandle(types.handle(.expectation), testing.expectations.count - 1))
  }

  /// The expectation that is argument 0; it counts as used from now on.
  func take(_ call: HostCall) throws(HostFailure) -> TestContext.Expectation {
    let testing = try runningTest("an expectation")
    guard let index = call.handle(0, of: types.handle(.expectation)), testing.expectations.indices.contains(index)
    else { throw HostFailure("an expectation expected") }
    testing.expectations[index].isUsed = true
    return testing.expectations[index]
  }

  /// `expect(x).key`: what is expected of a member.
  func pushExpectation(ofMember call: HostCall) throws(HostFailure) {
    var expectation = try take(call)
    let (key, step): (LuaValue, String) =
      if call.typeName(1) == "number", let index = call.integer(1) {
        (.integer(index), "[\(index)]")
      } else {
        (call[1], ValueText.step(call.string(1) ?? ""))
      }
    expectation.subject = try member(key, of: expectation.subject)
    expectation.path += expectation.path.isEmpty && step.hasPrefix(".") ? String(step.dropFirst()) : step
    try push(expectation, call)
  }

  private func member(_ key: LuaValue, of subject: LuaValue) throws(HostFailure) -> LuaValue {
    switch (subject, key) {
    case (.table(let table), .string(let name)): return table[name]
    case (.table(let table), .integer(let index)):
      let position = index >= 1 && index <= Int64(table.items.count) ? Int(index) - 1 : nil
      return position.map { table.items[$0] } ?? table.sparse[index] ?? .nil
    case (.handle(let handle), .string(let name)) where handle.type == types.handle(.verdict):
      guard let testing else { throw HostFailure("a verdict is looked at in tests only") }
      return try testing.member(name, ofVerdict: handle.index)
    default:
      throw HostFailure("expect(...).key is for verdicts and tables, this is \(values.text(subject))")
    }
  }

  /// Fails the test, unless it is as expected; the first failure stays.
  func settle(_ finding: TestFinding, _ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) {
    guard finding.holds == expectation.isNegated else { return }
    let subject = expectation.path.isEmpty ? "" : expectation.path + ": "
    let message =
      expectation.isNegated
      ? "\(subject)expected anything but \(finding.wanted)"
      : "\(subject)expected \(finding.wanted), got \(finding.got)"
    let location = location(call)
    if let testing, testing.failure == nil {
      testing.failure = TestFailure(
        kind: .expectation, file: location.file, line: location.line, message: message.cleanLine(limit: 900),
        details: expectation.isNegated ? [] : finding.details)
    }
    throw HostFailure(message)
  }

  func state(_ wanted: String, _ holds: Bool, _ expectation: TestContext.Expectation) -> TestFinding {
    TestFinding(holds: holds, wanted: wanted, got: values.text(expectation.subject))
  }

  // MARK: Matchers

  func equals(_ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) -> TestFinding {
    guard call.count > 1 else { throw HostFailure(argument: 1, "the value expected; nil is is_nil()") }
    let (wanted, got) = (call[1], expectation.subject)
    guard !wanted.holdsPacket, !got.holdsPacket else {
      throw HostFailure("packets cannot be compared: compare their fields, or what hex() gives")
    }
    let difference = ValueText.difference(wanted, got)
    var finding = TestFinding(holds: difference == nil, wanted: values.text(wanted), got: values.text(got))
    if let difference { finding.details = details(difference, finding) }
    return finding
  }

  /// Where long values differ first; short ones show it themselves.
  private func details(_ difference: ValueText.Difference, _ finding: TestFinding) -> [String] {
    let place = difference.path.isEmpty ? "" : "at \(difference.path)"
    if let a = difference.expected.stringBytes, let b = difference.got.stringBytes,
      let parting = ValueText.parting(a, b)
    {
      return ["first difference \(place.isEmpty ? "" : place + ", ")at \(parting)"]
    }
    guard !place.isEmpty else { return [] }
    return [
      "first difference \(place): expected \(values.text(difference.expected)), got \(values.text(difference.got))"
    ]
  }

  func isNear(_ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) -> TestFinding {
    let (number, tolerance) = (call.number(1) ?? .nan, call.number(2) ?? .nan)
    guard tolerance >= 0 else { throw HostFailure(argument: 2, "a tolerance of 0 or more expected") }
    let holds = expectation.subject.numberValue.map { abs($0 - number) <= tolerance } ?? false
    return state("\(values.text(call[1])) ± \(values.text(call[2]))", holds, expectation)
  }

  func contains(_ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) -> TestFinding {
    let wanted = call[1]
    let holds: Bool
    if let text = expectation.subject.stringBytes {
      guard let part = wanted.stringBytes else {
        throw HostFailure(argument: 1, "a string can contain a string only, got \(call.typeName(1))")
      }
      call.charge((text.count + part.count) / 8)
      holds = Self.has(text, part)
    } else if case .table(let table) = expectation.subject {
      let members = table.items + table.sparse.values + table.fields.map(\.value)
      holds = members.contains { ValueText.difference(wanted, $0) == nil }
    } else {
      throw HostFailure("contains is for strings and tables, this is \(values.text(expectation.subject))")
    }
    return state("something that contains \(values.text(wanted))", holds, expectation)
  }

  /// Whether the bytes occur; the first byte is looked for first, texts in tests are short.
  private static func has(_ text: [UInt8], _ part: [UInt8]) -> Bool {
    guard let first = part.first else { return true }
    guard text.count >= part.count else { return false }
    return (0...(text.count - part.count)).contains {
      text[$0] == first && text[$0..<$0 + part.count].elementsEqual(part)
    }
  }

  /// Lua's own `string.find`, which counts its steps, is called when this has returned.
  func matches(_ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) {
    guard expectation.subject.stringBytes != nil else {
      let found = values.text(expectation.subject)
      return try settle(
        TestFinding(holds: false, wanted: "a string like \(values.text(call[1]))", got: found), expectation, call)
    }
    let pattern = call[1]
    call.next(source: "return string.find", chunkName: TestContext.patternChunk) { found throws(HostFailure) in
      guard let find = found.function(0) else { throw HostFailure("string.find is not there") }
      found.next(find, [expectation.subject, pattern]) { answer throws(HostFailure) in
        let holds = answer.typeName(0) == "number"
        let finding = self.state("something like \(self.values.text(pattern))", holds, expectation)
        try self.settle(finding, expectation, answer)
      }
    }
  }

  func raises(_ expectation: TestContext.Expectation, _ call: HostCall) throws(HostFailure) -> TestFinding {
    guard case .function(let function) = expectation.subject, let testing else {
      throw HostFailure("raises is for functions, this is \(values.text(expectation.subject))")
    }
    let text = call.count > 1 ? call.string(1) : nil
    let failures = testing.failure == nil
    var error: LuaError?
    guard call.aside({ error = testing.call?(function) }) else { throw HostFailure("too many calls inside each other") }
    // What failed inside is the test's own failure, not the error that it waits for; nor is a limit.
    if failures, testing.failure != nil { throw HostFailure("an expectation inside the function failed") }
    if let error, [.cpu, .wall, .memory].contains(error.kind) {
      testing.failure = TestFailure(
        kind: .limit, file: error.place?.chunk ?? "", line: error.place?.line ?? 0, message: error.message, details: [])
      throw HostFailure(error.message)
    }
    let wanted = text.map { "an error that says \(ValueText.quoted(Array($0.utf8)))" } ?? "an error"
    guard let error else { return TestFinding(holds: false, wanted: wanted, got: "none") }
    let says = text.map { Self.has(Array(error.message.utf8), Array($0.utf8)) } ?? true
    return TestFinding(holds: says, wanted: wanted, got: ValueText.quoted(Array(error.message.utf8)))
  }
}
