/// What one call into Lua may use. Live memory is limited by the state, see `LuaState.init`.
@frozen public struct LuaLimits: Equatable, Sendable {
  /// VM instructions (counted in steps of 256) plus the charges of functions written in C.
  public var steps: Int64
  /// Wall time in nanoseconds. Time in which the thread did not run does not count against the script:
  /// a script cannot wait, so that time was taken by the machine, and answers must not depend on the machine's load.
  public var wallNanoseconds: Int64
  /// Bytes allocated in one call, freed or not.
  public var allocatedBytesPerCall: Int64

  @inlinable public init(
    steps: Int64 = .max, wallNanoseconds: Int64 = .max, allocatedBytesPerCall: Int64 = .max
  ) {
    self.steps = steps
    self.wallNanoseconds = wallNanoseconds
    self.allocatedBytesPerCall = allocatedBytesPerCall
  }

  public static let load = LuaLimits(
    steps: 10_000_000, wallNanoseconds: 1_000_000_000, allocatedBytesPerCall: 256 << 20)
  public static let callback = LuaLimits(
    steps: 50_000, wallNanoseconds: 20_000_000, allocatedBytesPerCall: 2 << 20)
  public static let timer = LuaLimits(
    steps: 1_000_000, wallNanoseconds: 50_000_000, allocatedBytesPerCall: 16 << 20)
  public static let audit = LuaLimits(wallNanoseconds: 60_000_000_000)
  /// Until a `LuaInterrupt` is requested.
  public static let repl = LuaLimits()
  public static let none = LuaLimits()
}

/// Live bytes that a state's heap may have.
public enum LuaHeap {
  public static let policy = 8 << 20
  public static let audit = 256 << 20
  public static let repl = 64 << 20
}
