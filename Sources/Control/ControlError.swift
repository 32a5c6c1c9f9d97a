internal import Glibc

/// What is wrong with the door of an engine, seen from either side.
public enum ControlError: Error, Sendable, Equatable {
  /// A call of the system failed.
  case system(what: String, errno: Int32)
  /// sockaddr_un has room for 107 bytes.
  case pathTooLong(String)
  case notSocket(String)
  /// Somebody answers there.
  case inUse(String)
  /// A folder that others can write to, or that is another user's.
  case unsafeFolder(String)
  /// Nothing says where sockets of this user stand.
  case noFolder
  /// No engine answers at the path.
  case noEngine(String)
  /// The socket, or a folder on the way to it, is closed to this user.
  case notAllowed(String)
  /// The other side ended in the middle of an answer, or said what cannot be understood.
  case broken(String)
  /// What the engine said instead of an answer.
  case refused(code: String, sentence: String, hint: String?)
}

extension ControlError: CustomStringConvertible {
  static func last(_ what: String) -> ControlError { .system(what: what, errno: errno) }

  public var description: String {
    switch self {
    case .system(let what, let code): unsafe "\(what): \(String(cString: strerror(code)))"
    case .pathTooLong(let path): "\(path): a socket's path has at most \(UnixSocket.longestPath) bytes"
    case .notSocket(let path): "\(path): is there and no socket"
    case .inUse(let path): "\(path): another engine answers there"
    case .unsafeFolder(let path): "\(path): is no folder that only its own user may write to"
    case .noFolder: "XDG_RUNTIME_DIR is not set, so there is no place for a control socket"
    case .noEngine(let path): "\(path): no engine answers"
    case .notAllowed(let path): "\(path): only root and the engine's own user may ask it"
    case .broken(let what): what
    case .refused(_, let sentence, _): sentence
    }
  }

  public var code: String {
    switch self {
    case .system: "control.system"
    case .pathTooLong, .notSocket, .inUse, .unsafeFolder, .noFolder: "control.path"
    case .noEngine: "control.none"
    case .notAllowed: "control.permission"
    case .broken: "control.broken"
    case .refused(let code, _, _): code
    }
  }

  public var hint: String? {
    switch self {
    case .pathTooLong, .notSocket, .noFolder: "--control PATH names a place, --control off does without"
    case .notAllowed: "ask as that user, or as root (sudo)"
    case .inUse: "take another path, or stop that engine: moontap stop --control PATH"
    case .refused(_, _, let hint): hint
    default: nil
    }
  }
}
