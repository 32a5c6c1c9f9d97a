public import Wire

/// Compiles pcap-filter(7) expressions: libpcap's part, seen from below.
public protocol BPFCompiler: AnyObject {
  /// - Throws: a `BPFRefusal` when the expression is wrong or has no meaning on the link type.
  func compile(_ text: String, linkType: LinkType) throws -> BPFProgram
}

/// Why an expression was not compiled.
public protocol BPFRefusal: Error {
  /// libpcap's words, without the expression.
  var words: String { get }
}
