internal import CLuaShims

// What C calls. None of these throws, traps, keeps a pointer or calls into Lua.

private func state(_ context: UnsafeMutableRawPointer) -> LuaState {
  unsafe Unmanaged<LuaState>.fromOpaque(context).takeUnretainedValue()
}

func hostCall(
  _ context: UnsafeMutableRawPointer, _ function: UInt32, _ token: UInt32, _ arguments: UnsafePointer<mt_value>?,
  _ count: UInt32
) -> Int32 {
  unsafe state(context).answer(function, token, arguments, Int(count))
}

func hostText(
  _ context: UnsafeMutableRawPointer, _ type: UInt32, _ field: UInt32, _ base: UnsafeRawPointer,
  _ buffer: UnsafeMutablePointer<CChar>
) -> Int32 {
  let field = unsafe state(context).library.recordTypes[Int(type)].fields[Int(field)]
  guard case .text(let make) = field.kind else { return -1 }
  let room = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: MT_TEXT_SIZE)
  guard let length = unsafe make(base, room) else { return -1 }
  return Int32(min(max(0, length), room.count))
}

func hostElsewhere(
  _ context: UnsafeMutableRawPointer, _ type: UInt32, _ field: UInt32, _ base: UnsafeRawPointer
) -> UnsafeRawPointer? {
  let field = unsafe state(context).library.recordTypes[Int(type)].fields[Int(field)]
  guard case .recordElsewhere(_, let find) = field.kind else { return nil }
  return unsafe find(base)
}

func hostPrint(_ context: UnsafeMutableRawPointer, _ line: UnsafePointer<CChar>, _ length: UInt32) {
  let bytes = unsafe UnsafeRawBufferPointer(start: line, count: Int(length))
  unsafe state(context).print(String(decoding: bytes, as: UTF8.self))
}

extension LuaState {
  fileprivate func answer(
    _ function: UInt32, _ token: UInt32, _ arguments: UnsafePointer<mt_value>?, _ count: Int
  ) -> Int32 {
    nextToken = 0
    do throws(HostFailure) {
      try unsafe body(function, token)(HostCall(state: self, values: arguments, count: count))
    } catch {
      var message = error.message
      message.withUTF8 { text in
        unsafe text.withMemoryRebound(to: CChar.self) { text in
          unsafe mt_fail(c, UInt32(clamping: error.argument ?? 0), text.baseAddress, text.count)
        }
      }
      return Int32(MT_RAISE.rawValue)
    }
    return Int32(nextToken == 0 ? MT_RETURN.rawValue : MT_NEXT.rawValue)
  }

  /// A function of the library, or what was to follow a `next`. Later ones that never came (Lua raised) are forgotten.
  private func body(_ function: UInt32, _ token: UInt32) -> HostFunction {
    if token == 0 { return functions[Int(function)] }
    let body = pending[Int(token) - 1]
    pending.removeLast(pending.count - Int(token) + 1)
    return body
  }
}
