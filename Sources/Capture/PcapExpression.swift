/// A pcap-filter(7) expression, taken apart and put together again before libpcap sees it.
///
/// libpcap looks up every word it does not know: hosts at the name server, ports and protocols in the files of the system.
/// And its compiler takes seconds for a few hundred tests. An expression comes from a policy, which may do neither.
///
/// 1. What `text` holds is made here, never copied: words of the table, numbers, addresses, signs, between blanks. So
///    nothing that libpcap would look up is in it, however libpcap's scanner divides what was written.
/// 2. It has at most `maximumTests` tests and `maximumPieces` pieces.
struct PcapExpression {
  /// Why an expression is refused: what is wrong and what would be right.
  struct Refusal: Error {
    var what: String
  }

  static let maximumTests = 64
  static let maximumPieces = 768
  static let maximumLength = 16 << 10

  /// Equal to what was written, in the form that libpcap gets.
  let text: String
  /// libpcap's optimiser pays for few tests; for many it takes a hundred times as long as all the rest.
  let isSmall: Bool

  private static let smallTests = 24
  private static let smallPieces = 256

  init(_ written: String) throws(Refusal) {
    guard written.utf8.count <= Self.maximumLength else {
      throw Refusal(what: "it has \(written.utf8.count) bytes, at most \(Self.maximumLength) are read")
    }
    var scanner = PcapScanner(written)
    var pieces: [String] = []
    var joins = 0
    while let piece = try scanner.next() {
      pieces.append(piece)
      guard pieces.count <= Self.maximumPieces else {
        throw Refusal(what: "it has more than \(Self.maximumPieces) words, numbers and signs: \(Self.advice)")
      }
      if ["and", "or", "&&", "||"].contains(piece) { joins += 1 }
    }
    guard !pieces.isEmpty else {
      throw Refusal(what: "it is empty; filter.any() matches everything")
    }
    guard joins < Self.maximumTests else {
      throw Refusal(what: "it joins \(joins + 1) tests, at most \(Self.maximumTests): \(Self.advice)")
    }
    text = pieces.joined(separator: " ")
    isSmall = joins < Self.smallTests && pieces.count <= Self.smallPieces
  }

  private static let advice = "use set.cidrs or set.ports, or join several filters with |"
}
