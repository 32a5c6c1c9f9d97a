internal import CLuaShims

/// What is known of a script's function before it runs.
public struct LuaExamination: Sendable, Equatable {
  /// It may change what outlives the call: its answers are never to be remembered. Why, with the line.
  public var obstacle: String?
  /// Some of its runs are not to be remembered: the first place that makes them so, with the line.
  public var unsteady: String?
  /// It reads more of Lua's memory than what its proof hangs on: what it answers may change whenever that memory does.
  public var isOpen: Bool
  /// Fields of the record that it may read.
  public var fields: [String]
  let facts: Int32
  let factCount: UInt32

  /// For functions that cannot be examined.
  public init(obstacle: String) {
    self.obstacle = obstacle
    unsteady = nil
    isOpen = true
    fields = []
    facts = Int32(MT_NO_FACTS)
    factCount = 0
  }

  fileprivate init(_ c: UnsafePointer<mt_examination>) {
    let unsteady = unsafe String(cString: mt_examination_unsteady(c))
    let fields = unsafe String(cString: mt_examination_fields(c))
    obstacle = unsafe c.pointee.writes ? String(cString: mt_examination_reason(c)) : nil
    self.unsteady = unsteady.isEmpty ? nil : unsteady
    isOpen = unsafe c.pointee.open
    self.fields = fields.split(separator: ",").map { String($0.drop { $0 == " " }) }
    facts = unsafe c.pointee.facts
    factCount = unsafe c.pointee.fact_count
  }
}

// Whether, and on what, an answer may be remembered; `examine.c` and `track.c` say why that is sound.
extension LuaState {
  /// Follows the function's bytecode, and all that it calls. Not from within a call.
  public func examine(_ function: LuaFunctionReference, record: RecordTypeID) -> LuaExamination {
    var result = mt_examination()
    let status = unsafe mt_examine(c, function.id, UInt32(record.index), &result)
    guard status != Int32(MT_BUSY.rawValue) else { return LuaExamination(obstacle: "was asked about while it ran") }
    return unsafe LuaExamination(&result)
  }

  /// Whether what the examination hangs on is as it was; if not, the function must be examined anew.
  public func holds(_ examination: LuaExamination, of function: LuaFunctionReference) -> Bool {
    guard examination.obstacle == nil else { return false }
    var known = mt_examination()
    known.facts = examination.facts
    known.fact_count = examination.factCount
    return unsafe mt_holds(c, function.id, &known)
  }

  public func forget(_ examination: LuaExamination) {
    if examination.facts >= 0 { unsafe mt_drop_facts(c, examination.facts) }
  }

  /// Whether the function is proved to change nothing, and nothing has run since that could have changed that.
  public func isProved(_ function: LuaFunctionReference) -> Bool { unsafe mt_is_proved(c, function.id) }

  /// Grows whenever Lua's memory may have changed.
  public var written: UInt64 { unsafe mt_written(c) }

  /// The next call with a record notes what it reads.
  public func trackNext() { unsafe mt_track_next(c) }

  /// What the tracked call read, in the order of first reading; nil: more than keys stand for. Valid until the next call.
  public var keysRead: UnsafeBufferPointer<UInt8>? {
    var keys: UnsafePointer<UInt8>?
    let count = unsafe mt_keys_read(c, &keys)
    return count < 0 ? nil : unsafe UnsafeBufferPointer(start: keys, count: Int(count))
  }

  /// The name that made the tracked call one that is not to be remembered; empty if there is none.
  public var unsteadyRead: String { unsafe String(cString: mt_unsteady_read(c)) }

  /// The body's draws from `math.random` are as if they had not been.
  public func keepingRandom<Result>(_ body: () -> Result) -> Result {
    let before = unsafe mt_random_state(c)
    defer { unsafe mt_set_random_state(c, before) }
    return body()
  }
}
