import Foundation
import LuaRuntime
import Policy
import Testing

/// Policies under test, without a pipeline: tests, expectations, made packets.
@Suite struct TestingTests {
  /// What became of the only test of a test file; nil: it passed.
  private func outcome(
    _ body: String, policy source: String = "", judge: TestVerdict? = nil, captures: Bool = false
  ) throws -> TestFailure? {
    try withLuaStack {
      let policy = try load("test('it', function() \(body) end)", policy: source)
      do throws(TestFailure) {
        try policy.run(test: 0) { (_, _) throws(TestRefusal) in
          guard let judge else { throw TestRefusal("nobody judges") }
          return judge
        }
        return nil
      } catch {
        return error
      }
    }
  }

  /// A policy with its test file loaded.
  private func load(_ tests: String, policy source: String = "") throws -> Policy {
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "x_test.lua")
    try Data(tests.utf8).write(to: file)
    var options = PolicyOptions()
    options.isTested = true
    let policy = try Policy(source: source, file: folder.path + "/x.lua", host: 0, inventory: shop, options: options)
    try policy.loadTests(path: file.path)
    return policy
  }

  private func message(_ body: String, policy: String = "") throws -> String? {
    try outcome(body, policy: policy)?.message
  }

  // MARK: Matchers

  @Test(arguments: [
    "expect(1):equals(1)", "expect(1):equals(1.0)", "expect('a'):equals('a')", "expect(nil):is_nil()",
    "expect({ 1, { x = 'y' } }):equals({ 1, { x = 'y' } })", "expect({ [3] = 1 }):equals({ [3] = 1 })",
    "expect(true):is_true()", "expect(false):is_false()", "expect(0.1 + 0.2):is_near(0.3, 1e-9)",
    "expect('abc'):contains('b')", "expect({ 1, { 2 } }):contains({ 2 })", "expect({ a = 1 }):contains(1)",
    "expect('10.20.1.11'):matches('^10%.')", "expect(function() error('boom') end):raises()",
    "expect(function() error('boom') end):raises('oo')", "expect(1).never:equals(2)",
    "expect(function() end).never:raises()", "expect(1).never.never:equals(1)", "expect({ a = { 5 } }).a[1]:equals(5)",
    "expect({}).b:is_nil()", "expect(print):equals(print)", "expect('\\xff'):equals('\\xff')",
    "expect(0/0).never:equals(0/0)", "expect(''):contains('')", "expect({}):equals({})",
    "expect(inventory.eni('eni-web1')):equals(inventory.eni('eni-web1'))",
  ])
  func passes(_ body: String) throws { #expect(try outcome(body) == nil) }

  @Test(arguments: [
    ("expect(1):equals(2)", "expected 2, got 1"), ("expect(1):equals('1')", "expected \"1\", got 1"),
    ("expect(nil):equals(false)", "expected false, got nil"), ("expect(1):is_true()", "expected true, got 1"),
    ("expect(nil):is_false()", "expected false, got nil"), ("expect(false):is_nil()", "expected nil, got false"),
    ("expect(1):is_near(2, 0.5)", "expected 2 ± 0.5, got 1"),
    ("expect('x'):is_near(1, 1)", "expected 1 ± 1, got \"x\""),
    ("expect('abc'):contains('z')", "expected something that contains \"z\", got \"abc\""),
    ("expect('abc'):matches('^b')", "expected something like \"^b\", got \"abc\""),
    ("expect(7):matches('7')", "expected a string like \"7\", got 7"),
    ("expect(function() end):raises()", "expected an error, got none"),
    ("expect(function() error('a', 0) end):raises('b')", "expected an error that says \"b\", got \"a\""),
    ("expect(1).never:equals(1)", "expected anything but 1"),
    ("expect({ a = 1 }).a:equals(2)", "a: expected 2, got 1"),
    ("expect('\\xff\\0'):equals('\\xfe')", #"expected "\xfe", got "\xff\x00""#),
    ("expect({ 1 }):equals({ 1, 2 })", "expected { 1, 2 }, got { 1 }"),
    ("expect(2^53):equals(2^53 | 1)", "expected 9007199254740993, got 9007199254740992.0"),
  ])
  func fails(_ body: String, _ wanted: String) throws {
    let failure = try #require(try outcome(body))
    #expect(failure.message == wanted)
    #expect(failure.kind == .expectation)
    #expect(failure.line == 1)
    #expect(failure.file.hasSuffix("/x_test.lua"))
  }

  @Test func saysWhereTablesAndLongTextsDiffer() throws {
    let tables = try outcome("expect({ a = { 1, x = { 'y' } } }):equals({ a = { 1, x = { 'z' } } })")
    #expect(tables?.details == [#"first difference at .a.x[1]: expected "z", got "y""#])
    let texts = try outcome("expect(('k'):rep(40) .. 'a'):equals(('k'):rep(40) .. 'b')")
    #expect(texts?.details == [#"first difference at byte 41: expected "kkkkkkkkkkb", got "kkkkkkkkkka""#])
    let shorter = try outcome("expect(('k'):rep(40)):equals(('k'):rep(41))")
    #expect(shorter?.details == [#"first difference at byte 41: expected "kkkkkkkkkkk", got "kkkkkkkkkk""#])
  }

  @Test(arguments: [
    ("expect(packet.tcp { source = '1.1.1.1', destination = '2.2.2.2' }):equals(1)", "packets cannot be compared"),
    ("expect(1):equals()", "the value expected; nil is is_nil()"), ("expect(1):contains(1)", "for strings and tables"),
    ("expect(1):raises()", "raises is for functions"), ("expect(1).reason:equals(1)", "is for verdicts and tables"),
    ("expect('a'):matches('(')", "unfinished capture"), ("expect(1):equal(1)", "is for verdicts and tables"),
    ("expect(1):is_near(1, -1)", "a tolerance of 0 or more"), ("error('boom')", "boom"),
    ("filter.any()", "only while the policy loads"), ("counter('n')", "the policy has no such counter"),
    ("test('x', function() end)", "only in a test file"),
  ])
  func isAnError(_ body: String, _ part: String) throws {
    let failure = try #require(try outcome(body))
    #expect(failure.message.contains(part), "\(failure.message)")
    #expect(failure.kind == .error)
  }

  // MARK: What is no pass

  @Test func aTestThatExpectsNothingFails() throws {
    #expect(try message("") == "expects nothing: use expect(...)")
    #expect(try message("expect(1)")?.hasPrefix("expect(...) without a matcher") == true)
    #expect(try message("local a = expect({ a = 1 }).a")?.hasPrefix("expect(...) without a matcher") == true)
  }

  @Test func aFailureCannotBeCaught() throws {
    #expect(try message("pcall(function() expect(1):equals(2) end)") == "expected 2, got 1")
    #expect(try message("expect(function() expect(1):equals(2) end):raises()") == "expected 2, got 1")
  }

  @Test(arguments: [
    "while true do end", "pcall(function() while true do end end)", "expect(function() while true do end end):raises()",
    "local t = {} for i = 1, 1e9 do t[i] = i end", "expect(('a'):rep(1000000)):matches('.-.-.-b')",
  ])
  func whatNeverEndsFails(_ body: String) throws { #expect(try outcome(body)?.kind == .limit) }

  @Test func aFileThatCannotBeRunIsRefused() throws {
    #expect(throws: PolicyError.self) { try withLuaStack { try load("test('a', 1)") } }
    #expect(throws: PolicyError.self) { try withLuaStack { try load("test('a', print) test('a', print)") } }
    #expect(throws: PolicyError.self) { try withLuaStack { try load("expect(1):equals(1)") } }
    #expect(throws: PolicyError.self) { try withLuaStack { try load("mirror {}") } }
    #expect(throws: PolicyError.self) { try withLuaStack { try load("", policy: "test('a', function() end)") } }
  }

  // MARK: The policy's own state

  @Test func seesTheGlobalsOfThePolicy() throws {
    let policy =
      "limit = 10 function is_small(packet) return packet.length < limit end hits = counter 'hits' hits:add(3)"
    #expect(
      try outcome(
        "expect(is_small(packet.udp { source = '1.1.1.1', destination = '2.2.2.2' })):is_false() "
          + "expect(counter('hits').value):equals(3)", policy: policy) == nil)
  }

  @Test func policiesThatRunHaveNoNamesOfTests() {
    #expect(loadError("test('a', function() end)") != nil)
    #expect(loadError("expect(1)") != nil)
    #expect(loadError(mirror() + "local j = mirrors.m.judge") != nil)
    #expect(loadError("packet.from_capture('a', 1)") != nil)
  }

  @Test func verdictsHaveTheirFields() throws {
    let verdict = TestVerdict(reason: "collected", receiver: "10.20.9.10", eni: "eni-web1", isOutbound: false)
    let body = """
      local v = mirrors.m:judge(packet.udp { source = '1.1.1.1', destination = '10.20.1.11' })
      expect(v).reason:equals('collected') expect(v).collected:is_true() expect(v.receiver):equals('10.20.9.10')
      expect(v).eni:equals('eni-web1') expect(v).direction:equals('in')
      expect(tostring(v)):equals('collected by 10.20.9.10, into eni-web1')
      expect(function() return v.reson end):raises("did you mean 'reason'")
      expect(function() expect(v).reson:equals(1) end):raises("did you mean 'reason'")
      """
    #expect(try outcome(body, policy: mirror(), judge: verdict) == nil)
  }

  @Test func whatCannotBeJudgedIsAnError() throws {
    let made = "packet.udp { source = '1.1.1.1', destination = '10.20.1.11' }"
    #expect(try message("mirrors.m:judge(\(made))", policy: mirror())?.contains("nobody judges") == true)
    #expect(try message("mirrors.m:judge(1)", policy: mirror())?.contains("packet expected, got number") == true)
  }

  // MARK: Made packets

  @Test func payloadsMayBeAnyBytes() throws {
    let body = """
      local p = packet.udp { source = '1.1.1.1', destination = '2.2.2.2', payload = '\\x16\\x03\\xff\\x00' }
      expect(p.payload:sub(1, -1)):equals('\\x16\\x03\\xff\\x00')
      """
    #expect(try outcome(body) == nil)
  }

  @Test func anENISaysWhereAndWhichWay() throws {
    let body = """
      local own = packet.udp { source = '10.20.1.11', destination = '192.0.2.7', eni = 'eni-web1' }
      expect(own.direction):equals('out') expect(own.eni):equals('eni-web1')
      expect(own.source_mac):equals('02:00:0a:14:01:0b') expect(own.next_hop):equals('nat-egress')
      local foreign = packet.udp { source = '192.0.2.7', destination = '192.0.2.8', eni = 'eni-web1', time = 1.5 }
      expect(foreign.direction):equals('in') expect(foreign.destination_mac):equals('02:00:0a:14:01:0b')
      expect(foreign.time):equals(1.5)
      local out = packet.udp { source = '10.20.1.12', destination = '192.0.2.8', direction = 'out' }
      expect(out.eni):equals('eni-web2') expect(out.source_mac):is_nil()
      local tap = packet.udp { source = '10.20.1.12', destination = '192.0.2.8' }
      expect(tap.eni):is_nil() expect(tap.direction):is_nil()
      local hex = packet.from_hex(out:hex(), 'raw', { direction = 'out', time = 2 })
      expect(hex.eni):equals('eni-web2') expect(hex.time):equals(2)
      """
    #expect(try outcome(body) == nil)
  }

  @Test(arguments: [
    ("eni = 'eni-wep1'", "did you mean eni-web1?"), ("direction = 'up'", #""in" or "out""#),
    ("time = -1", "seconds from 0"), ("tiem = 1", "did you mean time?"), ("payload = 1", "a string expected"),
  ])
  func refusesFields(_ field: String, _ part: String) throws {
    let found = try message("packet.udp { source = '1.1.1.1', destination = '2.2.2.2', \(field) }")
    #expect(found?.contains(part) == true, "\(found ?? "")")
  }
}
