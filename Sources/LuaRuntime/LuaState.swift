internal import CLuaShims

/// One sandboxed interpreter: a script's globals, heap and functions. Not thread-safe; never closed inside a call.
///
/// Scripts need stack: use it on a thread with 8 MiB, see `withLuaStack(_:)`.
@safe public final class LuaState {
  let library: HostLibrary

  /// Makes the strict environment and adds the library's names.
  /// - Parameters:
  ///   - memory: the most live bytes the heap may have.
  ///   - print: gets each line that the script prints.
  public init(
    library: HostLibrary, memory: Int = 8 << 20, print: @escaping (String) -> Void = { _ in }
  ) throws(LuaError) {
    self.library = library
  }

  /// Loads a chunk of text and runs it. `chunkName` is what errors call it, normally the file's name.
  @discardableResult
  public func load(source: String, chunkName: String, limits: LuaLimits = .load) throws(LuaError) -> LuaResult { .nil }

  /// Calls a script function with values.
  public func call(
    _ function: LuaFunctionReference, arguments: [LuaValue] = [], limits: LuaLimits = .callback
  ) throws(LuaError) -> LuaResult { .nil }

  /// Calls a script function with a record, lent for the length of the call, and perhaps one pinned value after it.
  public func call(
    _ function: LuaFunctionReference, record type: RecordTypeID, at base: UnsafeRawPointer, pinned: LuaPinned? = nil,
    limits: LuaLimits = .callback
  ) throws(LuaError) -> LuaResult { .nil }

  /// Builds a value inside Lua and keeps it there.
  public func pin(_ value: LuaValue) throws(LuaError) -> LuaPinned { LuaPinned(id: 0) }

  public func release(_ function: LuaFunctionReference) {}
  public func release(_ pinned: LuaPinned) {}

  /// Forgets the script's table that belongs to `id`; nothing happens if there is none.
  public func dropTable(_ id: UInt32) {}

  public struct Memory: Equatable, Sendable {
    /// Bytes that the heap has now, had at most, and may have.
    public var live, peak, limit: Int
    /// Allocations since the state was made.
    public var allocations: Int
  }

  public var memory: Memory { Memory(live: 0, peak: 0, limit: 0, allocations: 0) }

  /// Lines of print beyond the quota (1 MiB of text a state), which were counted and dropped.
  public var droppedPrintLines: Int { 0 }

  /// Every name that a script can reach from its globals, sorted: `string.rep`.
  public func reachableNames() throws(LuaError) -> [String] { [] }
}
