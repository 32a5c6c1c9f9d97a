internal import CLuaShims

/// A table of the script that the host may look into, one level at a time. Views last until the next `evaluate` or
/// `forgetViews`; the same table is the same view, by which cycles are known.
public struct LuaView: Hashable, Sendable {
  let number: UInt32

  public static let globals = LuaView(number: 0)
}

/// What is seen of a value inside a view.
@safe public enum LuaSight {
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  /// Its first bytes, at most 64 KiB, and how many there are.
  case string([UInt8], length: Int)
  /// A table and the length of its sequence.
  case table(LuaView, length: Int)
  case handle(LuaHandle)
  /// `web.lua:8`, or of native ones the name that scripts know.
  case function(String, isNative: Bool)
  /// Valid until the next call into the state.
  case record(RecordTypeID, at: UnsafeRawPointer)
  /// Anything else, in words.
  case other(String)
}

extension LuaState {
  /// What became of a chunk that somebody typed.
  public enum Evaluation {
    /// The text ends where more is expected.
    case incomplete
    /// The results stand in `view` under 1 to `count`.
    case done(LuaView, count: Int, isExpression: Bool)
  }

  /// Evaluates a text in the globals of the state: as an expression, or as statements if it is none. The first result,
  /// unless it is nil, becomes the global `_`.
  ///
  /// - Parameter apart: with globals of its own, for helpers of the host.
  public func evaluate(
    _ source: String, chunkName: String, apart: Bool = false, limits: LuaLimits = .none
  ) throws(LuaError) -> Evaluation {
    var source = source
    var limits = limits.c
    var (view, count) = (UInt32(0), UInt32(0))
    let status = source.withUTF8 { text in
      unsafe mt_evaluate(c, text.baseAddress, text.count, chunkName, apart, &limits, &view, &count)
    }
    if status == Int32(MT_INCOMPLETE.rawValue) { return .incomplete }
    try check(status)
    return unsafe .done(LuaView(number: view), count: Int(count), isExpression: mt_was_expression(c))
  }

  /// Calls a function and keeps all of its results.
  public func callForView(
    _ function: LuaFunctionReference, arguments: [LuaValue] = [], limits: LuaLimits = .none
  ) throws(LuaError) -> (view: LuaView, count: Int) {
    try beginOutside()
    for argument in arguments { unsafe push(argument, to: c) }
    var limits = limits.c
    var (view, count) = (UInt32(0), UInt32(0))
    try unsafe check(mt_call_for_view(c, function.id, &limits, &view, &count))
    return (LuaView(number: view), Int(count))
  }

  /// The pairs of a table, in no order: at most 131,072 of them, and how many there are.
  public func look(into view: LuaView) throws(LuaError) -> (pairs: [(key: LuaSight, value: LuaSight)], total: Int) {
    var pairs: UnsafePointer<mt_value>?
    var (count, total) = (UInt32(0), UInt64(0))
    try unsafe check(mt_view(c, view.number, &pairs, &count, &total))
    guard let pairs = unsafe pairs else { return ([], 0) }
    var seen: [(key: LuaSight, value: LuaSight)] = []
    seen.reserveCapacity(Int(count))
    for pair in 0..<Int(count) {
      unsafe seen.append((LuaSight(pairs[2 * pair]), LuaSight(pairs[2 * pair + 1])))
    }
    return (seen, Int(total))
  }

  /// The function that stands in a view under a number.
  public func function(in view: LuaView, at key: Int) throws(LuaError) -> LuaFunctionReference {
    var reference: Int32 = 0
    try unsafe check(mt_view_function(c, view.number, Int64(key), &reference))
    return LuaFunctionReference(id: reference, name: "", isNative: false)
  }

  public func forgetViews() { unsafe _ = mt_forget_views(c) }
}

extension LuaSight {
  private static let longestString = 64 << 10

  fileprivate init(_ value: mt_value) {
    switch UInt32(value.kind) {
    case MT_NIL.rawValue: self = .nil
    case MT_BOOLEAN.rawValue: self = .boolean(value.integer != 0)
    case MT_INTEGER.rawValue: self = .integer(value.integer)
    case MT_NUMBER.rawValue: self = .number(value.number)
    case MT_STRING.rawValue:
      let bytes = unsafe UnsafeRawBufferPointer(start: value.bytes, count: min(value.length, Self.longestString))
      self = unsafe .string(Array(bytes), length: value.length)
    case MT_TABLE.rawValue:
      self = .table(LuaView(number: UInt32(truncatingIfNeeded: value.integer)), length: Int(value.count))
    case MT_HANDLE.rawValue: self = .handle(value.handle)
    case MT_FUNCTION.rawValue:
      let reference = value.functionReference
      self = .function(reference.name, isNative: reference.isNative)
    case MT_RECORD.rawValue:
      guard let base = unsafe value.base else {
        self = .other("record")
        return
      }
      self = unsafe .record(RecordTypeID(index: value.type), at: base)
    default: self = .other(value.text)
    }
  }
}
