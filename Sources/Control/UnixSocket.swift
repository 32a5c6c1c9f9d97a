public import Glibc

/// A socket at a path, by which an engine is asked (unix(7)).
///
/// 1. Nobody but its owner, and root, may connect at any time: the mode is the socket's before it has a name.
/// 2. What a dead engine left is replaced; what a living one has is not. The folder is locked while that is decided.
public final class UnixSocket: Sendable {
  /// sun_path without its closing zero.
  public static let longestPath = 107

  public let path: String
  let descriptor: Int32
  private let identity: FileNumber

  /// - Parameters:
  ///   - owner: whose it is to be, when the process becomes that user later.
  ///   - tidies: takes away what other engines that are dead left in the folder, under names of their own.
  public init(path: String, owner: (user: uid_t, group: gid_t)? = nil, tidies: Bool = false) throws(ControlError) {
    self.path = path
    let folder = try Self.lock(Self.folder(of: path))
    defer { close(folder) }
    try Self.clear(path)
    if tidies { for other in ControlPlace.sockets(in: Self.folder(of: path)) { try? Self.clear(other) } }
    let descriptor = try Self.make()
    do throws(ControlError) {
      // Of the socket, hence of the name that bind(2) makes.
      guard fchmod(descriptor, 0o600) == 0 else { throw .last("fchmod") }
      let bound = try unsafe Self.withAddress(path) { address, length in unsafe bind(descriptor, address, length) }
      guard bound == 0 else { throw .last(path) }
      if let owner, unsafe lchown(path, owner.user, owner.group) != 0 { throw .last("chown \(path)") }
      guard listen(descriptor, 64) == 0, let found = FileNumber(path) else { throw .last("listen") }
      identity = found
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
    remove()
  }

  /// Takes the name away, if it is still ours.
  public func remove() { if FileNumber(path) == identity { _ = unsafe unlink(path) } }

  // MARK: Steps

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// flock(2) of the folder itself: two engines that begin together do not take each other's name for a dead one's.
  private static func lock(_ folder: String) throws(ControlError) -> Int32 {
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last(folder) }
    guard flock(descriptor, LOCK_EX) == 0 else {
      defer { close(descriptor) }
      throw .last("flock \(folder)")
    }
    return descriptor
  }

  /// Makes room for the name.
  private static func clear(_ path: String) throws(ControlError) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw .last(path)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notSocket(path) }
    guard try isDead(path) else { throw .inUse(path) }
    guard unsafe unlink(path) == 0 else { throw .last(path) }
  }

  /// Nobody listens there. A full queue (EAGAIN) is somebody's.
  private static func isDead(_ path: String) throws(ControlError) -> Bool {
    let probe = try make()
    defer { close(probe) }
    let code = try unsafe withAddress(path) { address, length in
      unsafe Glibc.connect(probe, address, length) == 0 ? 0 : errno
    }
    return code == ECONNREFUSED
  }

  /// A connection to whoever listens at the path; it waits when it is read and written.
  static func connect(to path: String) throws(ControlError) -> Int32 {
    let descriptor = try make()
    let code = try unsafe withAddress(path) { address, length in
      unsafe Glibc.connect(descriptor, address, length) == 0 ? 0 : errno
    }
    guard code == 0 else {
      close(descriptor)
      if code == ENOENT || code == ECONNREFUSED { throw .noEngine(path) }
      if code == EACCES || code == EPERM { throw .notAllowed(path) }
      throw .system(what: path, errno: code)
    }
    return descriptor
  }

  private static func make() throws(ControlError) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0, descriptor.makeOwn() else { throw .last("socket(AF_UNIX)") }
    return descriptor
  }

  private static func withAddress<Value>(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
  ) throws(ControlError) -> Value {
    let bytes = Array(path.utf8)
    guard bytes.count <= longestPath else { throw .pathTooLong(path) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}

/// Which file a path names.
struct FileNumber: Equatable {
  var device: dev_t
  var number: ino_t

  init?(_ path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return nil }
    (device, number) = (status.st_dev, status.st_ino)
  }
}

extension Int32 {
  /// A descriptor that no read or write of which waits, and that programs which are executed do not get.
  func makeOwn() -> Bool { fcntl(self, F_SETFD, FD_CLOEXEC) == 0 && fcntl(self, F_SETFL, O_NONBLOCK) == 0 }

  /// Who is at the other end (SO_PEERCRED of unix(7)); nil: not known.
  var peerUser: uid_t? {
    // struct ucred: pid, uid, gid.
    var credentials: [UInt32] = [0, .max, .max]
    var length = socklen_t(12)
    guard unsafe getsockopt(self, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, length == 12 else { return nil }
    return credentials[1]
  }
}
