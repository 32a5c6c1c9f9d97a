import Control
import Foundation
import JSONText
import Testing

/// A server with clients that mean well and with others.
struct ControlServerTests {
  @Test func answersInOrderNowAndLater() throws {
    let server = try TestServer()
    let client = try server.client()
    for number in 0..<3 {
      #expect(try client.ask(["request": "echo", "text": .integer(number)])["echo"]?.integer == number)
      #expect(try client.ask(["request": "later"])["later"]?.bool == true)
    }
    let refused = ControlError.refused(code: "control.request", sentence: "no such request", hint: nil)
    #expect(throws: refused) { try client.ask(["request": "x"]) }
  }

  @Test func refusesWhatComesBeforeAnAnswerButInterrupts() throws {
    let server = try TestServer()
    let client = try server.client()
    try client.send(["request": "never"])
    #expect(throws: ControlError.self) { try client.ask(["request": "echo"]) }
    #expect(try client.ask(["request": "interrupt"])["interrupted"]?.bool == true)
    #expect(try client.ask(["request": "echo", "text": "again"])["echo"]?.string == "again")
  }

  /// Sends bytes by the control socket and reads to the end.
  private func raw(_ server: TestServer, _ bytes: [UInt8]) throws -> String? {
    let descriptor = try rawConnection(server)
    return server.exchange(bytes, on: descriptor)
  }

  private func rawConnection(_ server: TestServer) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(server.folder.socket.utf8)) }
    let code = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(code == 0)
    return descriptor
  }

  @Test func endsWithWhoSpeaksNoJSON() throws {
    let server = try TestServer()
    let said = try #require(try raw(server, Array("GET / HTTP/1.1\r\n\r\n".utf8)))
    #expect(said.contains("a request is one line of JSON"))
    let long = try #require(try raw(server, [UInt8](repeating: 0x20, count: 600 << 10)))
    #expect(long.contains("a request has at most 256 KiB"))
    #expect(try server.client().ask(["request": "echo", "text": 1])["echo"]?.integer == 1)
  }

  /// Those who never read, who say nothing, and too many of them: others are answered meanwhile.
  @Test func isNotHeldUpByHostileClients() throws {
    let server = try TestServer()
    let good = try server.client()
    var silent = try (0..<20).map { _ in try rawConnection(server) }
    let greedy = try rawConnection(server)
    let request = Array(#"{"request":"much"}"#.utf8) + [10]
    for _ in 0..<64 { unsafe _ = send(greedy, request, request.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
    silent.append(greedy)
    for number in 0..<50 {
      #expect(try good.ask(["request": "echo", "text": .integer(number)])["echo"]?.integer == number)
    }
    // More than there is room for.
    silent += try (0..<1000).map { _ in try rawConnection(server) }
    #expect(try good.ask(["request": "echo", "text": "still"])["echo"]?.string == "still")
    let busy = ControlError.refused(code: "control.busy", sentence: "32 others are connected", hint: nil)
    #expect(throws: busy) { try server.client() }
    for descriptor in silent { close(descriptor) }
    #expect(try good.ask(["request": "echo", "text": "then"])["echo"]?.string == "then")
    var isLetIn = false
    for _ in 0..<500 where !isLetIn {
      isLetIn = (try? server.client()) != nil
      if !isLetIn { usleep(10_000) }
    }
    #expect(isLetIn)
  }

  // MARK: Metrics

  private func page(_ request: String) throws -> String {
    let server = try TestServer()
    return try #require(server.exchange(Array(request.utf8), on: server.web()))
  }

  @Test func servesOnePage() throws {
    let whole = try page("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(
      whole.hasPrefix("HTTP/1.1 200 OK\r\n")
        && whole.hasSuffix("\r\nContent-Length: 5\r\nConnection: close\r\n\r\npage\n"))
    let head = try page("HEAD /metrics HTTP/1.0\r\n\r\n")
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("Connection: close\r\n\r\n"))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", "404"), ("POST /metrics HTTP/1.1\r\n\r\n", "405"), ("GET /metrics\r\n\r\n", "400"),
    ("GET http://x/ HTTP/1.1\r\n\r\n", "400"), ("GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", "400"),
    ("GET /\u{1} HTTP/1.1\r\n\r\n", "400"), ("\u{16}\u{3}\u{1}", "400"),
    ("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 9000) + "\r\n\r\n", "431"),
    ("GET /" + String(repeating: "x", count: 100_000), "431"),
  ])
  func refusesOtherRequests(request: String, status: String) throws {
    #expect(try page(request).hasPrefix("HTTP/1.1 \(status) "))
  }

  @Test func servesWhileOthersDawdle() throws {
    let server = try TestServer()
    let dawdlers = try (0..<31).map { _ in try server.web() }
    for descriptor in dawdlers { unsafe _ = send(descriptor, "GET", 3, Int32(MSG_NOSIGNAL)) }
    let request = Array("GET /metrics HTTP/1.1\r\n\r\n".utf8)
    #expect(try server.exchange(request, on: server.web())?.hasPrefix("HTTP/1.1 200") == true)
    let more = try (0..<200).map { _ in try server.web() }
    #expect(try server.client().ask(["request": "echo", "text": 1])["echo"]?.integer == 1)
    for descriptor in dawdlers + more { close(descriptor) }
    var isServed = false
    for _ in 0..<500 where !isServed {
      isServed = try server.exchange(request, on: server.web())?.hasPrefix("HTTP/1.1 200") == true
    }
    #expect(isServed)
  }

  /// Any piece of a request, and any byte in it changed, is answered or awaited, never a trap.
  @Test func survivesDamagedRequests() throws {
    let server = try TestServer()
    let request = Array("GET /metrics HTTP/1.1\r\nAccept: text/plain\r\n\r\n".utf8)
    for position in stride(from: 0, to: request.count, by: 3) {
      var damaged = request
      damaged[position] = UInt8.random(in: 0 ... .max)
      let descriptor = try server.web()
      unsafe _ = send(descriptor, damaged, damaged.count, Int32(MSG_NOSIGNAL))
      shutdown(descriptor, Int32(SHUT_WR))
      #expect(server.drain(descriptor) != nil)
      close(descriptor)
    }
    #expect(try server.exchange(request, on: server.web())?.hasPrefix("HTTP/1.1 200") == true)
  }
}
