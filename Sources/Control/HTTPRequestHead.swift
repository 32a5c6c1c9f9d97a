/// The head of an HTTP/1.1 request (RFC 9112), as far as one page needs it.
struct HTTPRequestHead: Equatable {
  /// Bytes of a head at most.
  static let limit = 8192

  var method: String
  var path: String
  var accept: String

  enum Failure: Error { case bad, tooLong }

  /// - Returns: nil: the head is not whole yet.
  static func parse(_ bytes: ArraySlice<UInt8>) -> Result<HTTPRequestHead, Failure>? {
    guard let end = end(of: bytes) else {
      // Whoever speaks something else must not wait for its time to run out.
      if let first = bytes.first, !(0x41...0x5a).contains(first) { return .failure(.bad) }
      return bytes.count > limit ? .failure(.tooLong) : nil
    }
    guard end - bytes.startIndex <= limit else { return .failure(.tooLong) }
    return read(bytes[..<end])
  }

  private static func end(of bytes: ArraySlice<UInt8>) -> Int? {
    var position = bytes.startIndex
    while position < bytes.endIndex {
      if bytes[position...].starts(with: [13, 10, 13, 10]) { return position }
      position += 1
    }
    return nil
  }

  private static func read(_ head: ArraySlice<UInt8>) -> Result<HTTPRequestHead, Failure> {
    guard head.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 || $0 == 13 || $0 == 10 }) else {
      return .failure(.bad)
    }
    // A line break is one character of Swift's.
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, words[1].hasPrefix("/"), words[2].hasPrefix("HTTP/1.") else {
      return .failure(.bad)
    }
    var accept = ""
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else { return .failure(.bad) }
      if line[..<colon].lowercased() == "accept" { accept += line[line.index(after: colon)...] + "," }
    }
    let path = words[1].prefix { $0 != "?" }
    return .success(HTTPRequestHead(method: String(words[0]), path: String(path), accept: accept))
  }
}

/// What is answered to a request.
public struct HTTPAnswer: Sendable, Equatable {
  public var status: Int
  public var type: String
  public var body: [UInt8]

  public init(status: Int, type: String = "text/plain; charset=utf-8", body: [UInt8]) {
    self.status = status
    self.type = type
    self.body = body
  }

  static func failure(_ status: Int, _ words: String) -> HTTPAnswer {
    HTTPAnswer(status: status, body: Array((words + "\n").utf8))
  }

  /// - Parameter isHead: HEAD: all but the body.
  func bytes(isHead: Bool) -> [UInt8] {
    let reasons = [
      200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
      431: "Request Header Fields Too Large", 503: "Service Unavailable",
    ]
    var head = "HTTP/1.1 \(status) \(reasons[status] ?? "Unknown")\r\nContent-Type: \(type)\r\n"
    if status == 405 { head += "Allow: GET, HEAD\r\n" }
    head += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
    return Array(head.utf8) + (isHead ? [] : body)
  }
}
