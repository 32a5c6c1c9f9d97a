import Control
import Foundation
import JSONText
import Synchronization
import Testing

/// A folder that goes away with its last reference.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "mtc-" + String(UInt32.random(in: 0 ... .max), radix: 16)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var socket: String { path + "/s.sock" }
}

/// Answers `echo` with what it got, `later` from another thread, `much` with a lot.
final class EchoAnswering: RequestAnswering {
  private let held = Mutex<ControlServer?>(nil)

  var server: ControlServer? {
    get { held.withLock { $0 } }
    set { held.withLock { $0 = newValue } }
  }

  func answer(_ request: JSONValue, from client: Int) -> ControlReply {
    switch request["request"]?.string {
    case "echo": return .now(["echo": request["text"] ?? .null])
    case "much": return .now(["much": .string(String(repeating: "x", count: 1 << 20))])
    case "later":
      let server = server
      Thread.detachNewThread { server?.send(["later": true], to: client, isAnswer: true) }
      return .later
    case "never": return .later
    default: return .now(.refusal(code: "control.request", "no such request"))
    }
  }

  func interject(_ request: JSONValue, from client: Int) -> Bool {
    guard request["request"]?.string == "interrupt" else { return false }
    server?.send(["interrupted": true], to: client, isAnswer: true)
    return true
  }

  func closed(_ client: Int) {}

  func page(_ path: String, accept: String) -> HTTPAnswer {
    path == "/metrics" ? HTTPAnswer(status: 200, body: Array("page\n".utf8)) : HTTPAnswer(status: 404, body: [])
  }
}

/// A server with both doors, until it goes.
final class TestServer {
  let folder: ScratchFolder
  let server: ControlServer
  let port: UInt16
  private let answering = EchoAnswering()

  init() throws {
    folder = try ScratchFolder()
    let web = try TCPSocket(#require(TCPAddress("127.0.0.1:0")))
    port = web.address.port
    server = try ControlServer(
      socket: UnixSocket(path: folder.socket), web: web, greeting: ["moontap": .integer(ControlClient.version)])
    answering.server = server
    try server.start(answering)
  }

  deinit {
    server.stop()
    answering.server = nil
  }

  func client() throws -> ControlClient { try ControlClient(path: folder.socket) }

  /// A connection of bare bytes to the metrics port.
  func web() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(code == 0)
    return descriptor
  }

  /// Sends bytes, and reads until the other side ends; nil: it does not within 5 s.
  func exchange(_ bytes: [UInt8], on descriptor: Int32) -> String? {
    defer { close(descriptor) }
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { room in
        unsafe send(descriptor, room.baseAddress! + sent, room.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { break }
      sent += count
    }
    return drain(descriptor)
  }

  func drain(_ descriptor: Int32) -> String? {
    var all: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65536)
    while true {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&request, 1, 5000) > 0 else { return nil }
      let count = unsafe read(descriptor, &room, room.count)
      guard count > 0 else { return String(decoding: all, as: UTF8.self) }
      all += room[..<count]
    }
  }
}
