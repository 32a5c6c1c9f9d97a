internal import CLuaShims

extension LuaState {
  /// From now on it is noted which fields of records scripts read, or not any more.
  public func noteReads(_ on: Bool) throws(LuaError) { try unsafe check(mt_note_reads(c, on)) }

  /// The fields that were read since the last time, each once, in no order.
  public func takeReads() -> [(record: String, field: String)] {
    var reads: [(record: String, field: String)] = []
    unsafe withUnsafeMutablePointer(to: &reads) { reads in
      unsafe mt_take_reads(c, reads) { context, record, field in
        guard let reads = unsafe context?.assumingMemoryBound(to: [(record: String, field: String)].self) else {
          return
        }
        unsafe reads.pointee.append((String(cString: record), String(cString: field)))
      }
    }
    return reads
  }
}
