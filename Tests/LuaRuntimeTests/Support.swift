import Testing

@testable import LuaRuntime

/// A state with what a test adds to its library, and the functions and values that its script hands over.
final class Bench {
  var lines: [String] = []
  var kept: [LuaValue] = []
  private(set) var state: LuaState!

  init(memory: Int = 8 << 20, _ fill: (inout HostLibrary) -> Void = { _ in }) throws {
    var library = HostLibrary()
    library.add("keep") { [unowned self] call throws(HostFailure) in
      for i in 0..<call.count { self.kept.append(call[i]) }
    }
    fill(&library)
    state = try LuaState(library: library, memory: memory) { [unowned self] in self.lines.append($0) }
  }

  @discardableResult
  func run(_ source: String, limits: LuaLimits = .load) throws -> LuaResult {
    try state.load(source: source, chunkName: "test.lua", limits: limits)
  }

  /// What the script fails with; records an issue if it does not.
  func failure(_ source: String, limits: LuaLimits = .load, at location: SourceLocation = #_sourceLocation) -> LuaError
  {
    do throws(LuaError) {
      let result = try state.load(source: source, chunkName: "test.lua", limits: limits)
      Issue.record("no failure, but \(result)", sourceLocation: location)
      return LuaError(.runtime, "")
    } catch {
      return error
    }
  }

  /// The last function that the script kept.
  var function: LuaFunctionReference {
    get throws {
      guard case .function(let function)? = kept.last else { throw LuaError(.runtime, "nothing was kept") }
      return function
    }
  }
}

/// What `source`, an expression or several, yields as text.
func evaluate(_ source: String) throws -> String {
  let bench = try Bench()
  try bench.run("print(\(source))")
  return bench.lines.joined(separator: "\n")
}
