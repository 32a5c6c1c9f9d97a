import LuaRuntime

/// Runs a command's body where scripts have the stack they may need, once the interpreter has shown that its limits hold.
func onScriptStack<Success>(_ body: () throws -> Success) throws -> Success {
  try withLuaStack { () throws in
    let faults = LuaSelfTest.run().filter(\.isFatal)
    guard faults.isEmpty else {
      throw Problems(list: faults.map { Problem(code: "lua.self-test", sentence: $0.message, exit: .failed) })
    }
    return try body()
  }
}
