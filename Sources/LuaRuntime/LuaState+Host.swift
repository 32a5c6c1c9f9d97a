internal import CLuaShims

// What C calls. None of these throws, traps, keeps a pointer or calls into Lua.

@inline(__always)
private func state(_ context: UnsafeMutableRawPointer?) -> LuaState {
  guard let context = unsafe context else { preconditionFailure("a script runs before its state is made") }
  return unsafe Unmanaged<LuaState>.fromOpaque(context).takeUnretainedValue()
}

func hostCall(
  _ context: UnsafeMutableRawPointer?, _ function: UInt32, _ token: UInt32, _ arguments: UnsafePointer<mt_value>?,
  _ count: UInt32
) -> Int32 {
  unsafe state(context).answer(function, token, arguments, Int(count))
}

func hostText(
  _ context: UnsafeMutableRawPointer?, _ function: UInt32, _ base: UnsafeRawPointer,
  _ buffer: UnsafeMutablePointer<CChar>
) -> Int32 {
  let room = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: MT_TEXT_SIZE)
  guard let length = unsafe state(context).host.texts[Int(function)](base, room) else { return -1 }
  return Int32(truncatingIfNeeded: min(max(0, length), MT_TEXT_SIZE))
}

func hostElsewhere(
  _ context: UnsafeMutableRawPointer?, _ function: UInt32, _ base: UnsafeRawPointer
) -> UnsafeRawPointer? {
  unsafe state(context).host.elsewheres[Int(function)](base)
}

func hostPredicate(
  _ context: UnsafeMutableRawPointer?, _ predicate: UInt32, _ base: UnsafeRawPointer, _ handle: Int64
) -> Int32 {
  guard let answer = unsafe state(context).host.predicates[Int(predicate)](base, Int(handle)) else { return -1 }
  return answer ? 1 : 0
}

func hostSettle(_ context: UnsafeMutableRawPointer?, _ type: UInt32, _ base: UnsafeMutableRawPointer, _ size: Int) {
  let type = unsafe state(context).library.recordTypes[Int(type)]
  unsafe type.settle?(UnsafeMutableRawBufferPointer(start: base, count: size))
}

func hostPrint(_ context: UnsafeMutableRawPointer?, _ line: UnsafePointer<CChar>, _ length: UInt32) {
  let bytes = unsafe UnsafeRawBufferPointer(start: line, count: Int(length))
  unsafe state(context).print(String(decoding: bytes, as: UTF8.self))
}

extension LuaState {
  fileprivate func answer(
    _ function: UInt32, _ token: UInt32, _ arguments: UnsafePointer<mt_value>?, _ count: Int
  ) -> Int32 {
    let call = unsafe HostCall(state: self, c: c, values: arguments, count: count)
    do throws(HostFailure) {
      if token == 0 { try host.functions[Int(function)](call) } else { try following(token)(call) }
    } catch {
      fail(error)
      return Int32(MT_RAISE.rawValue)
    }
    return Int32(MT_RETURN.rawValue)
  }

  /// What was to follow a `next`. Later ones that never came (Lua raised) are forgotten.
  private func following(_ token: UInt32) -> HostFunction {
    let body = pending[Int(token) - 1]
    pending.removeLast(pending.count - Int(token) + 1)
    return body
  }

  private func fail(_ failure: HostFailure) {
    var message = failure.message
    message.withUTF8 { text in
      unsafe text.withMemoryRebound(to: CChar.self) { text in
        unsafe mt_fail(c, UInt32(clamping: failure.argument ?? 0), text.baseAddress, text.count)
      }
    }
  }
}
