import Foundation
import LuaRuntime
import Testing

@testable import Interactive

/// What is typed, and what is answered.
struct SessionTests {
  @Test func expressionsPrintAndStatementsDoNot() throws {
    let desk = try Desk()
    #expect(desk.answer("x = 2") == [])
    #expect(desk.answer("x + 40") == ["42"])
    #expect(desk.answer("_ * 2, 'a', nil, 1.5, 3.0, true") == ["84", "\"a\"", "nil", "1.5", "3.0", "true"])
    #expect(desk.answer("print('a', 1)") == [])
    #expect(desk.printed == ["a\t1"])
  }

  @Test func commandsOfOtherPromptsAreMetByOurs() throws {
    let desk = try Desk()
    #expect(desk.answer("help") == ["note: :help tells what there is"])
    for word in ["exit", "quit;"] { #expect(desk.answer(word) == ["note: :quit leaves, and so does Ctrl-D"]) }
    #expect(desk.answer("exit()").first?.hasSuffix("(global 'exit'); :quit leaves, and so does Ctrl-D") == true)
    desk.answer("help = 1")
    #expect(desk.answer("help") == ["1"])
    #expect(desk.answer("missing") == ["nil"])
  }

  @Test func linesAreAskedForUntilTheInputIsWhole() throws {
    let desk = try Desk()
    #expect(desk.answer("function twice(n)") == ["…"])
    #expect(desk.answer("function twice(n)\n  return 2 * n\nend") == [])
    #expect(desk.answer("twice(21)") == ["42"])
  }

  @Test func anErrorShowsItsLineAMarkAndTheCalls() throws {
    let desk = try Desk()
    #expect(
      desk.answer("x = 1 + missing.field") == [
        "! input 1:1: attempt to index a nil value (global 'missing')", "!     x = 1 + missing.field",
        "!             ^",
      ])
    desk.answer("function check(packet)\n  local n = packet.lenght + 1\nend")
    #expect(
      desk.answer("y = check({})") == [
        "! input 2:2: attempt to perform arithmetic on a nil value (field 'lenght')",
        "!     local n = packet.lenght + 1", "!                      ^",
        "!   hint: fields that a packet does not have are nil: test them first, as in packet.destination_port and packet.destination_port < 1024",
        "!   at input 2:2: in check",
        "!   at input 3:1: in main chunk",
      ])
    #expect(desk.answer("1 + + 2") == ["! input 4:1: unexpected symbol near '+'", "!     1 + + 2", "!       ^"])
  }

  @Test func theErrorIsThatOfTheStatementOrOfTheExpression() throws {
    let desk = try Desk()
    for (text, place) in [
      ("function f() x = ) end", "unexpected symbol near ')'"), ("local y = ]", "unexpected symbol near ']'"),
      ("for i = 1 1 do end", "',' expected near '1'"), ("x = )", "unexpected symbol near ')'"),
      ("foo bar", "syntax error near 'bar'"), ("1 +* 2", "unexpected symbol near '*'"),
    ] {
      #expect(desk.answer(text).first?.hasSuffix(":1: " + place) == true, "\(text)")
    }
  }

  @Test func misspelledNamesAreCorrected() throws {
    #expect(
      try Desk().answer("mirorr {}").first
        == "! input 1:1: attempt to call a nil value (global 'mirorr'); did you mean 'mirror'?")
  }

  @Test func aRefusedMirrorListsItsRules() throws {
    let desk = try Desk()
    let lines = desk.answer(
      #"mirror { name = "x", vpc = "vpc-nowhere", source = source.vpc(), target = target.receivers "1.2.3" }"#)
    #expect(lines.first == "! input 1:1: mirror \"x\" breaks 2 rules")
    #expect(lines.contains { $0.hasPrefix("!   network.unknown: ") })
    #expect(lines.contains { $0.hasPrefix("!   receivers.syntax: ") })
  }

  @Test func mirrorsAreDeclaredAtAnyTimeAndWarningsAreSaidOnce() throws {
    let desk = try Desk()
    let both = #"filter.quintuple({ protocol = "tcp" }, { protocol = "udp" })"#
    let lines = desk.answer(
      #"mirror { name = "web", vpc = "vpc-shop", source = source.vpc(), filter = \#(both), target = target.receivers "10.20.9.10" }"#
    )
    #expect(lines.prefix(2) == ["mirror", "  name         \"web\""])
    #expect(lines.contains { $0.hasPrefix("warning: mirror \"web\": filter.unsatisfiable: ") })
    #expect(desk.answer("mirrors.web:disable()") == [])
    #expect(desk.answer("mirrors.web.state") == ["\"disabled\""])
  }

  @Test func anInterruptedInputLeavesTheSessionAsItWas() throws {
    let desk = try Desk()
    let thread = Thread { [interrupt = desk.session.interrupt] in
      Thread.sleep(forTimeInterval: 0.02)
      interrupt.request()
    }
    thread.start()
    #expect(desk.answer("n = 0 while true do n = n + 1 end") == ["interrupted"])
    desk.session.interrupt.clear()
    #expect(desk.answer("n > 0") == ["true"])
  }

  @Test func aLocalThatEndsAtOnceIsExplained() throws {
    #expect(try Desk().answer("local x = 1") == ["note: a local ends with its input; without `local` it stays"])
  }

  @Test func theSandboxHolds() throws {
    let desk = try Desk()
    #expect(desk.answer("io") == ["nil"])
    #expect(desk.answer("load") == ["nil"])
    #expect(desk.text("setmetatable({}, {})").contains("there are no metatables"))
  }
}

struct PipedPromptTests {
  private func run(_ text: String, keepsGoing: Bool = false) throws -> (PipedPrompt.Ending, [String]) {
    let desk = try Desk()
    var printed: [String] = []
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let ending = PipedPrompt(
      desk.session, keepsGoing: keepsGoing, output: { printed.append($0) }, errors: { printed.append("! " + $0) }
    ).run { lines.isEmpty ? nil : lines.removeFirst() }
    return (ending, printed)
  }

  @Test func itStopsAtTheFirstError() throws {
    let (ending, printed) = try run("1 + 1\nerror('no')\n3")
    #expect(ending == .failed)
    #expect(printed.first == "2")
    #expect(!printed.contains("3"))
  }

  @Test func itGoesOnIfToldAndStillFails() throws {
    let (ending, printed) = try run("error('no')\n3", keepsGoing: true)
    #expect(ending == .failed)
    #expect(printed.last == "3")
  }

  @Test func severalLinesAreOneInput() throws {
    let (ending, printed) = try run("for i = 1, 2 do\n  x = i\nend\nx")
    #expect(ending == .done)
    #expect(printed == ["2"])
  }

  @Test func aLongInputIsAskedAboutOnlyWhereNothingIsOpen() throws {
    let body = (1...200).map { "  t = t + \($0) -- if (function [[" } + ["  s = [[", "end ]] .. \"end\" .. 'do'"]
    let long = ["function sum()", "local t = 0"] + body + ["  if t > 0 then return t end", "end", "sum()"]
    #expect(try run(long.joined(separator: "\n")).1 == ["20100"])
    var pending = PendingInput()
    for line in long.prefix(100) { pending.add(line) }
    #expect(!pending.isWorthAsking)
    #expect(try run((long.prefix(100) + ["+ +"]).joined(separator: "\n")).1.first?.hasPrefix("! input 1:101: ") == true)
  }

  @Test func inputThatEndsTooEarlyFails() throws {
    #expect(try run("for i = 1, 2 do").0 == .failed)
  }
}
