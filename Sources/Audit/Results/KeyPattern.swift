/// A pattern of keys: `*` stands for any text, everything else for itself.
struct KeyPattern: Sendable {
  let text: String
  /// What is between the stars, the first and the last being what a key begins and ends with.
  private let pieces: [Piece]
  /// Of the shortest key that can match.
  private let length: Int

  init(_ text: String) {
    self.text = text
    pieces = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map { Piece(Array($0)) }
    length = pieces.reduce(0) { $0 + $1.bytes.count }
  }

  /// Each piece is looked for behind the one before it; where it comes first leaves most room for the others. Takes about as
  /// many steps as pattern and key have bytes.
  func matches(_ key: [UInt8]) -> Bool {
    guard key.count >= length, key.starts(with: pieces[0].bytes) else { return false }
    guard let last = pieces.dropFirst().last else { return key.count == length }
    guard key.suffix(last.bytes.count).elementsEqual(last.bytes) else { return false }
    var rest = key[pieces[0].bytes.count..<(key.count - last.bytes.count)]
    for piece in pieces.dropFirst().dropLast() {
      guard let end = piece.firstEnd(in: rest) else { return false }
      rest = rest[end...]
    }
    return true
  }

  /// A text that is looked for: Knuth, Morris and Pratt's way (SIAM J. Comput. 6, 1977), since patterns may be chosen to be slow.
  private struct Piece: Sendable {
    let bytes: [UInt8]
    /// How long the longest beginning is that each beginning also ends with.
    private let borders: [Int]

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
      var borders = [Int](repeating: 0, count: bytes.count)
      var border = 0
      for position in bytes.indices.dropFirst() {
        while border > 0, bytes[position] != bytes[border] { border = borders[border - 1] }
        if bytes[position] == bytes[border] { border += 1 }
        borders[position] = border
      }
      self.borders = borders
    }

    /// Behind where it comes first; nil: nowhere.
    func firstEnd(in text: ArraySlice<UInt8>) -> Int? {
      guard !bytes.isEmpty else { return text.startIndex }
      var matched = 0
      for position in text.indices {
        while matched > 0, text[position] != bytes[matched] { matched = borders[matched - 1] }
        if text[position] == bytes[matched] { matched += 1 }
        if matched == bytes.count { return position + 1 }
      }
      return nil
    }
  }
}
