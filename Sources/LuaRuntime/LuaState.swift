internal import CLuaShims

/// One sandboxed interpreter: a script's globals, heap and functions. Not thread-safe; never closed inside a call.
///
/// Scripts need stack: use it on a thread with 8 MiB, see `withLuaStack(_:)`.
@safe public final class LuaState {
  let library: HostLibrary
  let print: (String) -> Void
  /// What C knows by number.
  let host: HostTables
  /// What follows when Lua has called a function for the host, see `HostCall.next`; the token is the position plus one.
  /// Empty between calls.
  var pending: [HostFunction] = []
  let c: OpaquePointer
  /// Kept because C looks at its flag.
  private var interrupt: LuaInterrupt?

  /// Makes the strict environment and adds the library's names.
  /// - Parameters:
  ///   - memory: the most live bytes the heap may have.
  ///   - print: gets each line that the script prints, clean and at most 1 KiB.
  public convenience init(
    library: HostLibrary, memory: Int = LuaHeap.policy, print: @escaping (String) -> Void = { _ in }
  ) throws(LuaError) {
    try self.init(library: library, memory: memory, failingFrom: 0, print: print)
  }

  /// For tests: the `failingFrom`th allocation and all later ones fail.
  package init(
    library: HostLibrary, memory: Int, failingFrom: UInt64, print: @escaping (String) -> Void
  ) throws(LuaError) {
    var callbacks = unsafe mt_host(
      context: nil, call: hostCall, text: hostText, elsewhere: hostElsewhere, predicate: hostPredicate,
      settle: hostSettle, print: hostPrint)
    guard let opened = unsafe mt_open(&callbacks, max(0, memory), failingFrom) else {
      throw LuaError(.memory, "not enough memory for an interpreter")
    }
    var tables = HostTables(library)
    do throws(LuaError) {
      try unsafe tables.register(library, in: opened)
    } catch {
      unsafe mt_close(opened)
      throw error
    }
    self.library = library
    self.print = print
    host = tables
    unsafe c = opened
    unsafe mt_set_context(opened, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { unsafe mt_close(c) }

  /// Loads a chunk of text and runs it. `chunkName` is what errors call it, normally the file's name.
  @discardableResult
  public func load(source: String, chunkName: String, limits: LuaLimits = .load) throws(LuaError) -> LuaResult {
    var source = source
    var result = mt_value()
    var limits = limits.c
    let status = source.withUTF8 { text in
      unsafe mt_load(c, text.baseAddress, text.count, chunkName, &limits, &result)
    }
    try check(status)
    return LuaResult(result)
  }

  /// Loads a chunk of bytes that need not be UTF-8, as Lua allows in strings.
  @discardableResult
  public func load(source: [UInt8], chunkName: String, limits: LuaLimits = .load) throws(LuaError) -> LuaResult {
    var result = mt_value()
    var limits = limits.c
    let status = unsafe source.withUnsafeBufferPointer { text in
      unsafe mt_load(c, text.baseAddress, text.count, chunkName, &limits, &result)
    }
    try check(status)
    return LuaResult(result)
  }

  /// Calls a script function with values.
  public func call(
    _ function: LuaFunctionReference, arguments: [LuaValue] = [], limits: LuaLimits = .callback
  ) throws(LuaError) -> LuaResult {
    try beginOutside()
    for argument in arguments { unsafe push(argument, to: c) }
    var result = mt_value()
    var limits = limits.c
    try unsafe check(mt_call(c, function.id, &limits, &result))
    return LuaResult(result)
  }

  /// Calls a script function with a record, lent for the length of the call, and perhaps one pinned value after it.
  ///
  /// The quick way in: about 35 ns beside the script's own instructions; 75 more for a function that stores, calls or
  /// makes closures, since it gets a record of its own, which goes stale with the call.
  public func call(
    _ function: LuaFunctionReference, record type: RecordTypeID, at base: UnsafeRawPointer, pinned: LuaPinned? = nil,
    limits: LuaLimits = .callback
  ) throws(LuaError) -> LuaResult {
    try unsafe call(function.id, record: type, at: base, pinned: pinned, limits: limits)
  }

  /// The same by `LuaFunctionReference.id`: a reference's name would be retained for each call.
  @inline(__always)
  package func call(
    _ function: Int32, record type: RecordTypeID, at base: UnsafeRawPointer, pinned: LuaPinned?, limits: LuaLimits
  ) throws(LuaError) -> LuaResult {
    var result = mt_value()
    var limits = limits.c
    let status = unsafe mt_call_record(
      c, function, UInt32(type.index), base, pinned?.id ?? 0, &limits, &result)
    if status != 0 { throw failure(status) }
    return LuaResult(result)
  }

  /// Builds a value inside Lua and keeps it there.
  public func pin(_ value: LuaValue) throws(LuaError) -> LuaPinned {
    try beginOutside()
    unsafe push(value, to: c)
    var reference: Int32 = 0
    try unsafe check(mt_pin(c, &reference))
    return LuaPinned(id: reference)
  }

  /// Lets go of a function; its reference must not be used again.
  public func release(_ function: LuaFunctionReference) { unsafe _ = mt_release(c, function.id) }
  public func release(_ pinned: LuaPinned) { unsafe _ = mt_release(c, pinned.id) }

  /// Forgets the script's table that belongs to `id`; nothing happens if there is none.
  public func dropTable(_ id: UInt32) { unsafe _ = mt_drop_id_table(c, id) }

  /// Tables that gave way to those of numbers asked for later: at most 16,384 are kept, and the last 8,192 for certain.
  public var forgottenTables: Int { Int(unsafe mt_forgotten_id_tables(c)) }

  /// The first function of what was loaded that the installed Lua may have compiled wrongly: bit operators beside more than
  /// 256 constants, in 5.4.4 and before. Line 0: the main part of the file. nil: none.
  public var miscompiled: LuaPlace? {
    var line: Int32 = 0
    guard LuaSelfTest.miscompilesBitOperators, let chunk = unsafe mt_risk(c, &line) else { return nil }
    return unsafe LuaPlace(chunk: String(cString: chunk), line: Int(line))
  }

  public struct Memory: Equatable, Sendable {
    /// Bytes that the heap has now, had at most, and may have.
    public var live, peak, limit: Int
    /// Allocations since the state was made.
    public var allocations: Int
  }

  public var memory: Memory {
    let m = unsafe mt_memory_statistics(c)
    return Memory(live: Int(m.live), peak: Int(m.peak), limit: Int(m.limit), allocations: Int(m.allocations))
  }

  /// Lines of print beyond the quota (1 MiB of text a state), which were counted and dropped.
  public var droppedPrintLines: Int { Int(unsafe mt_dropped_print_lines(c)) }

  /// Every name that a script can reach from its globals, sorted: `string.rep`; what strings answer to as `(string):rep`.
  public func reachableNames() throws(LuaError) -> [String] {
    var names: [String] = []
    let status = unsafe withUnsafeMutablePointer(to: &names) { names in
      unsafe mt_reachable_names(c, names) { context, name, length in
        let names = unsafe context.assumingMemoryBound(to: [String].self)
        unsafe names.pointee.append(
          String(decoding: UnsafeRawBufferPointer(start: name, count: length), as: UTF8.self))
      }
    }
    try check(status)
    return names.sorted()
  }

  /// Running calls end soon after the interrupt is requested, with `LuaError.Kind.interrupted`.
  public func watch(_ interrupt: LuaInterrupt) {
    self.interrupt = interrupt
    unsafe mt_watch(c, interrupt.flag)
  }

  /// For tests: `count` allocations from the `n`th from now on fail; 0: none. Lua collects garbage and asks once more: one
  /// failure is an emergency collection, two are out of memory.
  package func failAllocations(from n: UInt64, count: UInt64 = .max) { unsafe mt_fail_allocations(c, n, count) }

  func check(_ status: Int32) throws(LuaError) {
    if status != 0 { throw failure(status) }
  }

  func failure(_ status: Int32) -> LuaError {
    let error = unsafe LuaError(status, mt_last_error(c))
    if error != .reentered { pending.removeAll() }  // what was to follow never comes
    return error
  }

  /// Before values are collected for a call; refused inside a call, whose values they would overwrite.
  func beginOutside() throws(LuaError) {
    if unsafe mt_is_running(c) { throw .reentered }
    unsafe mt_begin(c)
  }
}
