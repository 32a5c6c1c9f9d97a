/// Reads numbers and pieces off bytes that a stranger wrote; nil beyond their end, and then for good.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private(set) var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var left: Int { bytes.endIndex - position }
  var rest: ArraySlice<UInt8> { bytes[position...] }

  /// A big-endian number of up to eight bytes.
  mutating func number(_ width: Int) -> Int? {
    guard let piece = take(width) else { return nil }
    return piece.reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= left else { return nil }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// A piece behind its length of `width` bytes.
  mutating func counted(_ width: Int) -> ArraySlice<UInt8>? {
    guard let count = number(width) else { return nil }
    return take(count)
  }

  /// What is there of a piece behind its length: less, where the bytes were cut.
  mutating func countedAsFarAsItGoes(_ width: Int) -> ArraySlice<UInt8>? {
    guard let count = number(width) else { return nil }
    return take(min(count, left))
  }
}
