import Foundation
import Testing

@testable import LuaRuntime

/// Chunks that are typed one after the other.
struct SessionTests {
  /// What an input yields, shallow, in words.
  private func results(_ bench: Bench, _ source: String) throws -> [String] {
    guard case .done(let view, let count, _) = try bench.state.evaluate(source, chunkName: "input") else {
      return ["incomplete"]
    }
    var byPosition: [Int64: String] = [:]
    for pair in try bench.state.look(into: view).pairs {
      if case .integer(let position) = pair.key { byPosition[position] = words(pair.value) }
    }
    return (0..<count).map { byPosition[Int64($0 + 1)] ?? "nil" }
  }

  private func words(_ sight: LuaSight) -> String {
    switch sight {
    case .nil: "nil"
    case .boolean(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .string(let bytes, let length): "'\(String(decoding: bytes, as: UTF8.self))' \(length)"
    case .table(_, let length): "table \(length)"
    case .handle(let handle): "handle \(handle.index)"
    case .function(let name, let isNative): (isNative ? "native " : "function ") + name
    case .record: "record"
    case .other(let text): text
    }
  }

  @Test func globalsPersistFromInputToInput() throws {
    let bench = try Bench()
    #expect(try results(bench, "x = 40") == [])
    #expect(try results(bench, "function double(n) return 2 * n end") == [])
    #expect(try results(bench, "double(x) + 2") == ["82"])
  }

  @Test func anExpressionNeedsNoReturnAndBecomesTheUnderscore() throws {
    let bench = try Bench()
    #expect(try results(bench, "6 * 7") == ["42"])
    #expect(try results(bench, "_ + 1, 'a', nil, {1, 2}") == ["43", "'a' 1", "nil", "table 2"])
    #expect(try results(bench, "y = 1") == [])
    #expect(try results(bench, "_") == ["43"])
    #expect(try results(bench, "nil") == ["nil"])
    #expect(try results(bench, "_") == ["43"])
  }

  @Test(arguments: [
    "for i = 1, 2 do", "x = {", "1 +", "f(", "if true then", "s = [[a", "function f()", "--[[ open", "'a' ..", "repeat",
  ])
  func anUnfinishedInputWantsMore(_ source: String) throws {
    #expect(try results(Bench(), source) == ["incomplete"])
  }

  @Test(arguments: [
    ("x = = 1", "unexpected symbol near '='"), ("1 + + 2", "unexpected symbol near '+'"),
    ("s = 'a", "unfinished string"),
    ("end", "<eof> expected near 'end'"), ("foo bar(", "syntax error near 'bar'"),
  ])
  func aWrongInputIsAnErrorAtOnce(_ source: String, _ message: String) throws {
    let bench = try Bench()
    #expect { try results(bench, source) } throws: { error in
      guard let error = error as? LuaError else { return false }
      return error.kind == .syntax && error.message.contains(message) && error.place?.line == 1
    }
  }

  @Test func errorsNameTheInputThatTheyStandIn() throws {
    let bench = try Bench()
    _ = try bench.state.evaluate("function fail()\n  error('no')\nend", chunkName: "input 1")
    #expect { try bench.state.evaluate("fail()", chunkName: "input 2") } throws: { error in
      (error as? LuaError)?.place == LuaPlace(chunk: "input 1", line: 2)
        && (error as? LuaError)?.message == "no"
    }
  }

  @Test func commentsAndNothingYieldNothing() throws {
    #expect(try results(Bench(), "") == [])
    #expect(try results(Bench(), "-- only a comment") == [])
  }

  @Test func helpersOfTheHostDoNotSeeWhatScriptsDidToTheGlobals() throws {
    let bench = try Bench()
    _ = try bench.state.evaluate("pairs = nil; evil = 1", chunkName: "input")
    guard case .done(let view, 2, _) = try bench.state.evaluate("type(pairs), evil == nil", chunkName: "h", apart: true)
    else {
      Issue.record("no results")
      return
    }
    let seen = try bench.state.look(into: view).pairs.map { words($0.value) }.sorted()
    #expect(seen == ["'function' 8", "true"])
    #expect(try results(bench, "pairs") == ["nil"])
  }

  @Test func aCycleIsTheSameViewAgain() throws {
    let bench = try Bench()
    guard
      case .done(let results, 1, _) = try bench.state.evaluate(
        "(function() local t = {} t.self = t return t end)()", chunkName: "input"),
      case .table(let table, _)? = try bench.state.look(into: results).pairs.first?.value,
      case .table(let inner, _)? = try bench.state.look(into: table).pairs.first?.value
    else {
      Issue.record("no table")
      return
    }
    #expect(inner == table)
    bench.state.forgetViews()
    #expect(throws: LuaError.self) { try bench.state.look(into: table) }
  }

  @Test func ofAGreatTableTheFirstPairsAreSeenAndAllAreCounted() throws {
    let bench = try Bench(memory: 64 << 20)
    guard
      case .done(let results, 1, _) = try bench.state.evaluate(
        "(function() local t = {} for i = 1, 300000 do t[i] = i end return t end)()", chunkName: "input"),
      case .table(let table, 300_000)? = try bench.state.look(into: results).pairs.first?.value
    else {
      Issue.record("no table")
      return
    }
    let seen = try bench.state.look(into: table)
    #expect(seen.pairs.count == 131_072)
    #expect(seen.total == 300_000)
  }

  @Test(arguments: [
    "while true do end", "repeat pcall(function() while true do end end) until false",
    "while true do string.rep('a', 1000) end", "string.find(string.rep('a', 200000), '.-.-.-.-b')",
  ])
  func anInterruptEndsWhatRuns(_ source: String) throws {
    let bench = try Bench()
    let interrupt = LuaInterrupt()
    bench.state.watch(interrupt)
    let thread = Thread {
      Thread.sleep(forTimeInterval: 0.02)
      interrupt.request()
    }
    thread.start()
    #expect { try bench.state.evaluate(source, chunkName: "input") } throws: { ($0 as? LuaError)?.kind == .interrupted }
    interrupt.clear()
    #expect(try results(bench, "1 + 1") == ["2"])
  }

  @Test func memoryIsTheOneLimitAndTheStateGoesOn() throws {
    let bench = try Bench(memory: 4 << 20)
    #expect { try bench.state.evaluate("t = {} for i = 1, 1e9 do t[i] = i end", chunkName: "input") } throws: {
      ($0 as? LuaError)?.kind == .memory
    }
    _ = try bench.state.evaluate("t = nil", chunkName: "input")
    #expect(try results(bench, "1 + 1") == ["2"])
  }
}

// MARK: - Records of their own

@safe private struct Note {
  var number: UInt32 = 7
  var inner: UnsafePointer<Note>?
}

/// A record copied into Lua's heap with what it points at behind it.
struct CopiedRecordTests {
  private func bench() throws -> Bench {
    try Bench { library in
      let note = library.declareRecordType("note")
      var type = RecordType("note")
      type.fields = [
        RecordField("number", .unsigned32(offset: 0)),
        unsafe RecordField(
          "inner",
          .recordElsewhere(note) { base in
            unsafe base.assumingMemoryBound(to: Note.self).pointee.inner.map { unsafe UnsafeRawPointer($0) }
          }),
      ]
      unsafe type.settle = { room in
        let notes = unsafe room.assumingMemoryBound(to: Note.self)
        unsafe notes[0].inner = UnsafePointer(notes.baseAddress! + 1)
      }
      library.define(note, as: type)
      library.add("make") { call throws(HostFailure) in
        let number = UInt32(call.integer(0) ?? 0)
        unsafe [Note(number: number), Note(number: number + 1)].withUnsafeBytes { bytes in
          unsafe call.push(copyOf: bytes, type: note)
        }
      }
      library.add("each") { call throws(HostFailure) in
        guard let function = call.function(0) else { throw HostFailure("a function") }
        call.next(
          function,
          pushing: { call in
            unsafe [Note(number: 1), Note(number: 2)].withUnsafeBytes { unsafe call.push(copyOf: $0, type: note) }
          },
          then: { answer throws(HostFailure) in answer.push(answer[0]) })
      }
    }
  }

  @Test func aCopyLivesAsLongAsTheScriptHoldsIt() throws {
    let bench = try bench()
    _ = try bench.state.evaluate("a = make(1); b = make(5)", chunkName: "input")
    try bench.run("print(a.number, a.inner.number, b.number, b.inner.number)")
    #expect(bench.lines == ["1\t2\t5\t6"])
  }

  @Test func aPartKeepsTheWholeAlive() throws {
    let bench = try bench()
    _ = try bench.state.evaluate("part = make(8).inner", chunkName: "input")
    _ = try bench.state.evaluate("for i = 1, 20000 do local junk = make(i) end", chunkName: "input")
    try bench.run("print(part.number)")
    #expect(bench.lines == ["9"])
  }

  @Test func copiesAreCollectedAndCounted() throws {
    let bench = try bench()
    _ = try bench.state.evaluate("for i = 1, 200000 do local junk = make(i) end", chunkName: "input")
    #expect { try bench.state.evaluate("t = {} for i = 1, 1e7 do t[i] = make(i) end", chunkName: "input") } throws: {
      ($0 as? LuaError)?.kind == .memory
    }
  }

  @Test func aFunctionMayBeCalledWithACopyAndKeepIt() throws {
    let bench = try bench()
    try bench.run("print(each(function(note) kept = note return note.number end))")
    try bench.run("print(kept.inner.number)")
    #expect(bench.lines == ["1", "2"])
  }
}
