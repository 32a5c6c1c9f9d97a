/// The head of a request of HTTP/1 (RFC 9112), as far as the first bytes of a client go.
public struct HTTPRequest: Sendable, Hashable {
  public var method: String
  public var target: String
  /// `HTTP/1.1`
  public var version: String
  public var host: String?
  /// The scheme of `Authorization`, as it was sent: `Basic`. Its credentials are not kept.
  public var authorization: String?
  public var userAgent: String?

  private static let methods: Set<String> = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL",
    "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT",
  ]

  /// - Returns: nil unless the bytes begin with a whole request line of a known method.
  public init?(_ payload: [UInt8]) {
    // Most payloads are none: told by their first word.
    let word = payload.prefix(10).prefix { $0 != 0x20 }
    guard Self.methods.contains(String(decoding: word, as: UTF8.self)) else { return nil }
    var lines = payload.split(separator: 0x0a, omittingEmptySubsequences: false)[...]
    guard let first = lines.popFirst(), first.endIndex < payload.endIndex else { return nil }
    let words = Self.text(first).split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, Self.methods.contains(String(words[0])), words[2].hasPrefix("HTTP/") else { return nil }
    (method, target, version) = (String(words[0]), String(words[1]), String(words[2]))
    for line in lines {
      let text = Self.text(line)
      guard !text.isEmpty, let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { break }
      let value = Self.trimmed(text[text.index(after: colon)...])
      read(text[..<colon].lowercased(), value)
    }
  }

  private mutating func read(_ name: String, _ value: String) {
    switch name {
    case "host": host = host ?? value
    case "user-agent": userAgent = userAgent ?? value
    case "authorization": authorization = authorization ?? value.split(separator: " ").first.map(String.init)
    default: break
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    let start = text.drop { $0 == " " || $0 == "\t" }
    return String(start)
  }

  private static func text(_ line: ArraySlice<UInt8>) -> String {
    String(decoding: line.last == 0x0d ? line.dropLast() : line, as: UTF8.self)
  }
}
