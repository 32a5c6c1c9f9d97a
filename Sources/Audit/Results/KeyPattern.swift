/// A pattern of keys: `*` stands for any text, everything else for itself.
struct KeyPattern: Sendable {
  let text: String
  /// What a key begins with, and what it ends with; without a star the key is the first.
  private let first: [UInt8]
  private let last: [UInt8]?
  /// What is between the stars.
  private let middle: [Piece]
  /// Of the shortest key that can match.
  private let length: Int

  init(_ text: String) {
    self.text = text
    let pieces = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
    first = pieces[0]
    last = pieces.count > 1 ? pieces[pieces.count - 1] : nil
    middle = pieces.dropFirst().dropLast().filter { !$0.isEmpty }.map(Piece.init)
    length = pieces.reduce(0) { $0 + $1.count }
  }

  /// Each piece is looked for behind the one before it; where it comes first leaves most room for the others. Takes about as
  /// many steps as pattern and key have bytes.
  func matches(_ key: [UInt8]) -> Bool {
    guard key.count >= length, key.starts(with: first) else { return false }
    guard let last else { return key.count == length }
    guard key.suffix(last.count).elementsEqual(last) else { return false }
    var rest = key[first.count..<(key.count - last.count)]
    for piece in middle {
      guard let end = piece.firstEnd(in: rest) else { return false }
      rest = rest[end...]
    }
    return true
  }

  /// A text that is looked for: Knuth, Morris and Pratt's way (SIAM J. Comput. 6, 1977), since patterns may be chosen to be slow.
  private struct Piece: Sendable {
    /// At least one.
    private let bytes: [UInt8]
    /// How long the longest beginning is that each beginning also ends with.
    private let borders: [UInt32]

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
      var borders = [UInt32](repeating: 0, count: bytes.count)
      var border = 0
      for position in bytes.indices.dropFirst() {
        while border > 0, bytes[position] != bytes[border] { border = Int(borders[border - 1]) }
        if bytes[position] == bytes[border] { border += 1 }
        borders[position] = UInt32(border)
      }
      self.borders = borders
    }

    /// Behind where it comes first; nil: nowhere.
    func firstEnd(in text: ArraySlice<UInt8>) -> Int? {
      var matched = 0
      for position in text.indices {
        while matched > 0, text[position] != bytes[matched] { matched = Int(borders[matched - 1]) }
        if text[position] == bytes[matched] { matched += 1 }
        if matched == bytes.count { return position + 1 }
      }
      return nil
    }
  }
}
