extension RawSpan {
  /// A number of a capture header; `swapped` when the file's byte order is not the machine's. Bounds are checked.
  func number16(at offset: Int, swapped: Bool) -> UInt16 {
    let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    return swapped ? value.byteSwapped : value
  }

  func number32(at offset: Int, swapped: Bool) -> UInt32 {
    let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    return swapped ? value.byteSwapped : value
  }

  func number64(at offset: Int, swapped: Bool) -> UInt64 {
    let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    return swapped ? value.byteSwapped : value
  }

  func byte(at offset: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}
