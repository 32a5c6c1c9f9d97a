internal import CLuaShims

/// Checks at start that the interpreter is the one this program was made for and that its limits hold. Takes about 1 ms.
public enum LuaSelfTest {
  public struct Finding: Equatable, Sendable {
    /// False: a warning; scripts may run.
    public var isFatal: Bool
    public var message: String
  }

  /// Version, strict name list, one limit of each kind, and known faults of the installed library. Empty: all is well.
  public static func run() -> [Finding] {
    var findings: [Finding] = []
    if mt_lua_version_number() != 504 {
      findings.append(Finding(isFatal: true, message: "the Lua library is \(release), made for 5.4"))
    }
    do throws(LuaError) {
      findings += try checkNames()
      for limit in limits { findings += try check(limit) }
      findings += try checkKnownFaults()
    } catch {
      findings.append(Finding(isFatal: true, message: "the interpreter's self-test failed: \(error)"))
    }
    return findings
  }

  /// `Lua 5.4.4`, as the library's header says.
  public static var release: String { unsafe String(cString: mt_lua_release()) }

  private static func checkNames() throws(LuaError) -> [Finding] {
    let found = try LuaState(library: HostLibrary()).reachableNames()
    if found == StrictNames.all { return [] }
    let difference = Set(found).symmetricDifference(StrictNames.all).sorted().joined(separator: ", ")
    return [Finding(isFatal: true, message: "the strict environment's names differ: \(difference)")]
  }

  private struct Limit {
    var expected: LuaError.Kind
    var source: String
    var limits = LuaLimits(steps: 10_000, wallNanoseconds: 100_000_000, allocatedBytesPerCall: 1 << 20)
  }

  private static let limits = [
    Limit(expected: .cpu, source: "while true do pcall(function() while true do end end) end"),
    Limit(
      expected: .wall, source: "while true do end",
      limits: LuaLimits(wallNanoseconds: 100_000)),
    Limit(expected: .memory, source: "local t = {} for i = 1, math.huge do t[i] = i end", limits: .none),
    Limit(expected: .memory, source: "local s = ('x'):rep(9999) while true do local _ = s .. 1 end"),
    Limit(expected: .syntax, source: "\u{1B}Lua"),
  ]

  private static func check(_ limit: Limit) throws(LuaError) -> [Finding] {
    let state = try LuaState(library: HostLibrary(), memory: 256 << 10)
    do throws(LuaError) {
      try state.load(source: limit.source, chunkName: "self-test", limits: limit.limits)
    } catch {
      if error.kind == limit.expected { return [] }
      return [Finding(isFatal: true, message: "the \(limit.expected) limit does not hold: \(error)")]
    }
    return [Finding(isFatal: true, message: "the \(limit.expected) limit does not hold")]
  }

  /// The library gives wrong answers for `1 ~ (2 or 3)` in functions with more than 256 constants, as 5.4.0 to 5.4.4 do.
  public static let miscompilesBitOperators: Bool = {
    do throws(LuaError) {
      let state = try LuaState(library: HostLibrary())
      var miscompiles = false
      try unsafe state.check(mt_miscompiles_bit_operators(state.c, &miscompiles))
      return miscompiles
    } catch {
      return true
    }
  }()

  /// Known faults that a script's author must know of.
  private static func checkKnownFaults() throws(LuaError) -> [Finding] {
    guard miscompilesBitOperators else { return [] }
    return [
      Finding(
        isFatal: false,
        message: "\(release) miscompiles `1 ~ (2 or 3)` in functions with more than 256 constants (mended in 5.4.5)")
    ]
  }
}
