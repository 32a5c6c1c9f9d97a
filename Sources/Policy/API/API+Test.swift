internal import JSONText
internal import LuaRuntime

// What test files have besides: tests, expectations, verdicts.
extension APIEntry {
  static let testEntries: [APIEntry] = [
    APIEntry(
      owner: .global, name: "test",
      parameters: [APIParameter("name", .string, "said when it fails"), APIParameter("fn", .function, "fun()")],
      doc: "Declares a test. Each runs in a state of its own, with the policy freshly loaded and a fresh pipeline.",
      example: #"test("HTTPS is HTTPS", function() expect(packet.tcp(syn).destination_port):equals(443) end)"#,
      inTests: .only,
      binding: .function { context, call throws(HostFailure) in try context.addTest(call) }),
    APIEntry(
      owner: .global, name: "expect", parameters: [APIParameter("value", .any, "what a matcher is asked about")],
      returns: "expectation",
      doc:
        "What is expected of a value, by one of the matchers; of a member of a verdict or table: `expect(v).reason`.",
      example: #"expect(mirrors.web:judge(packet.tcp(syn))).reason:equals("collected")"#, inTests: .only,
      binding: .function { context, call throws(HostFailure) in
        let subject = call.count > 0 ? call[0] : .nil
        try context.push(
          TestContext.Expectation(subject: subject, path: "", location: context.location(call)), call)
      }),
    APIEntry(
      owner: .type(.expectation), name: "never", returns: "expectation",
      doc: "The contrary of the matcher that follows.",
      example: #"expect("collected").never:equals("filtered")"#, inTests: .only,
      binding: .property { context, call throws(HostFailure) in
        var expectation = try context.take(call)
        expectation.isNegated.toggle()
        try context.push(expectation, call)
      }),
    matcher(
      "equals", [APIParameter("value", .any, "tables: member by member")], "The values are equal, as `==` says.",
      #"expect({ 80, 443 }):equals({ 80, 443 })"#
    ) { context, call, expectation throws(HostFailure) in try context.equals(expectation, call) },
    matcher("is_true", [], "It is `true`, no other value.", "expect(2 > 1):is_true()") { context, _, expectation in
      context.state("true", expectation.subject == .boolean(true), expectation)
    },
    matcher("is_false", [], "It is `false`, not nil.", "expect(2 < 1):is_false()") { context, _, expectation in
      context.state("false", expectation.subject == .boolean(false), expectation)
    },
    matcher("is_nil", [], "It is `nil`.", #"expect(mirrors.nobody):is_nil()"#) { context, _, expectation in
      context.state("nil", expectation.subject == .nil, expectation)
    },
    matcher(
      "is_near", [APIParameter("number", .number, ""), APIParameter("tolerance", .number, "0 or more")],
      "A number that is no further from the other than the tolerance.", "expect(0.1 + 0.2):is_near(0.3, 1e-9)"
    ) { context, call, expectation throws(HostFailure) in try context.isNear(expectation, call) },
    matcher(
      "contains", [APIParameter("value", .any, "of a string these bytes, of a table a member that equals it")],
      "It has the value in it.", #"expect({ "tcp", "udp" }):contains("udp")"#
    ) { context, call, expectation throws(HostFailure) in try context.contains(expectation, call) },
    matcher(
      "matches", [APIParameter("pattern", .string, "as string.find takes it")],
      "A string in which the pattern is found.",
      #"expect("10.20.1.11"):matches("^10%.20%.")"#
    ) { context, call, expectation throws(HostFailure) in
      try context.matches(expectation, call)
      return nil
    },
    matcher(
      "raises", [APIParameter("text", .string, "that the message contains", optional: true)],
      "A function that raises an error when it is called.",
      #"expect(function() error("no route") end):raises("route")"#
    ) { context, call, expectation throws(HostFailure) in try context.raises(expectation, call) },
    APIEntry(
      owner: .type(.mirror), name: "judge",
      parameters: [APIParameter("packet", .object(.packet), "made by packet.tcp and its like")], returns: "verdict",
      doc: "Sends the packet through the pipeline, as one of a capture: every mirror of the policy sees it, "
        + "conversations, counters and timers go on. Gives this mirror's verdict.",
      example: #"mirrors.web:judge(packet.tcp(syn)).collected"#, inTests: .only,
      binding: .method { context, call throws(HostFailure) in try context.judge(call) }),
    verdict("reason", "string", #""collected", or why not: "filtered", "receiver", ...; "unattributed": at no ENI."#),
    verdict("collected", "boolean", "Whether it was copied."),
    verdict("receiver", "string?", "The address that the copy went to."),
    verdict("eni", "string?", "Where it was seen, by id; an unlisted ENI by its address."),
    verdict("direction", "string?", #""in" or "out" of that ENI."#),
    verdict(
      "error", "string?",
      "What the mirror's filter or balancer failed with. A test in which a script fails fails, unless it looks here, "
        + #"or at a `reason` that is "script-error", of a verdict of that mirror."#),
  ]

  /// What a matcher found, or nil when it says so itself.
  fileprivate typealias Match =
    @Sendable (PolicyContext, HostCall, TestContext.Expectation) throws(HostFailure) ->
    TestFinding?

  private static func matcher(
    _ name: String, _ parameters: [APIParameter], _ doc: String, _ example: String, match: @escaping Match
  ) -> APIEntry {
    APIEntry(
      owner: .type(.expectation), name: name, parameters: parameters, doc: doc, example: example, inTests: .only,
      binding: .method { context, call throws(HostFailure) in
        let expectation = try context.take(call)
        if let finding = try match(context, call, expectation) { try context.settle(finding, expectation, call) }
      })
  }

  private static func verdict(_ name: String, _ returns: String, _ doc: String) -> APIEntry {
    APIEntry(
      owner: .type(.verdict), name: name, returns: returns, doc: doc,
      example: "mirrors.web:judge(packet.tcp(syn)).\(name)",
      inTests: .only,
      binding: .property { context, call throws(HostFailure) in
        call.push(try context.member(name, ofVerdict: call))
      })
  }

  /// A member of a verdict by its name.
  static func member(_ name: String, of verdict: TestVerdict) throws(HostFailure) -> LuaValue {
    switch name {
    case "reason": return .string(verdict.reason)
    case "collected": return .boolean(verdict.isCollected)
    case "receiver": return verdict.receiver.map { .string($0) } ?? .nil
    case "eni": return verdict.eni.map { .string($0) } ?? .nil
    case "direction": return verdict.direction.map { .string($0) } ?? .nil
    case "error": return verdict.error.map { .string($0) } ?? .nil
    default:
      let known = testEntries.filter { $0.owner == .type(.verdict) }.map(\.name)
      let near = Spelling.nearest(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
      throw HostFailure("no field '\(name.cleanLine(limit: 60))' in verdict" + near)
    }
  }
}
