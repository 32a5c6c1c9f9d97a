internal import Foundation
public import JSONText
internal import Synchronization
internal import Threads

/// Who answers what clients ask. Called on the server's thread, one request at a time.
public protocol RequestAnswering: AnyObject, Sendable {
  func answer(_ request: JSONValue, from client: Int) -> ControlReply
  /// A request that came while the answer to another one is awaited; nil: it must wait its turn, which is an error.
  func interject(_ request: JSONValue, from client: Int) -> Bool
  /// The client is gone.
  func closed(_ client: Int)
  /// GET of a page.
  func page(_ path: String, accept: String) -> HTTPAnswer
}

public enum ControlReply: Sendable {
  /// - Parameter keeps: the client may say nothing from now on, for as long as it likes.
  case now(JSONValue, keeps: Bool = false)
  /// By `ControlServer.send`.
  case later
}

/// The door of an engine: answers the clients of a control socket and of a metrics port, on a thread of its own. See
/// `ServerLoop` for what it bounds.
public final class ControlServer: Sendable {
  struct Post {
    var client: Int
    var bytes: [UInt8]
    var isAnswer: Bool
  }

  let socket: UnixSocket?
  let web: TCPSocket?
  let greeting: JSONValue
  private let posts = Mutex<[Post]>([])
  private let isStopping = Atomic<Bool>(false)
  private let finished = DispatchSemaphore(value: 0)
  private let bell: Bell

  /// Where it can be reached.
  public var path: String? { socket?.path }
  public var page: String? { web.map { "http://\($0.address)/metrics" } }

  /// - Parameter greeting: what clients of the socket get first.
  public init(socket: UnixSocket?, web: TCPSocket?, greeting: JSONValue) throws(ControlError) {
    self.socket = socket
    self.web = web
    self.greeting = greeting
    do throws(NoPipe) { bell = try Bell() } catch { throw .system(what: "pipe", errno: error.code) }
  }

  public func start(_ answering: any RequestAnswering) throws(ControlError) {
    do throws(NoThread) {
      try BackgroundThread.start("control") { [self] in
        ServerLoop(self, answering, wake: bell.descriptor).run()
        finished.signal()
      }
    } catch {
      throw .system(what: "no thread for the control socket", errno: error.code)
    }
  }

  /// Sends to a client, from any thread.
  ///
  /// - Parameter isAnswer: it is what the client waits for; more may be asked then.
  public func send(_ message: JSONValue, to client: Int, isAnswer: Bool) {
    posts.withLock { $0.append(Post(client: client, bytes: message.line, isAnswer: isAnswer)) }
    bell.ring()
  }

  /// Ends the server: what was sent is given a second to be taken.
  public func stop() {
    isStopping.store(true, ordering: .releasing)
    bell.ring()
    finished.wait()
    socket?.remove()
  }

  // MARK: The thread's side

  var wantsToStop: Bool { isStopping.load(ordering: .acquiring) }

  func takePosts() -> [Post] {
    bell.silence()
    return posts.withLock { posts in
      defer { posts = [] }
      return posts
    }
  }
}

extension JSONValue {
  /// As it travels: JSON without line breaks, and one behind it.
  var line: [UInt8] { Array(text().utf8) + [10] }

  /// What a client gets instead of an answer.
  public static func refusal(code: String, _ sentence: String, hint: String? = nil) -> JSONValue {
    ["error": ["code": .string(code), "sentence": .string(sentence), "hint": hint.map { .string($0) } ?? .null]]
  }
}
