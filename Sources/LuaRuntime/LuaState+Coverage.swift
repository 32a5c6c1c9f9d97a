internal import CLuaShims

extension LuaState {
  /// From now on the lines of what is loaded are counted. It costs a call a line; limits stay as they are.
  public func coverLines() { unsafe mt_cover(c) }

  /// How often each line began that has code, by chunk and line; 0: never.
  public var coverage: [String: [Int: Int]] {
    var counted: [String: [Int: Int]] = [:]
    unsafe withUnsafeMutablePointer(to: &counted) { counted in
      unsafe mt_visit_coverage(c, counted) { context, chunk, line, hits in
        guard let counted = unsafe context?.assumingMemoryBound(to: [String: [Int: Int]].self) else { return }
        unsafe counted.pointee[String(cString: chunk), default: [:]][Int(line), default: 0] += Int(hits)
      }
    }
    return counted
  }
}
