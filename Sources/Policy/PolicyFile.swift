internal import Glibc

/// Reads files for policies: the policy itself, and what it may load from its own folder.
enum PolicyFile {
  /// A policy's text.
  static let sourceLimit = 256 << 10
  /// A capture that a test takes a frame of.
  static let captureLimit = 64 << 20

  struct Failure: Error { var reason: String }

  /// A path, taken apart.
  struct Place {
    /// Empty: the current folder.
    var folder: String
    /// The file's name in its folder.
    var base: String
    /// Without `.lua`.
    var stem: String

    init(_ path: String) {
      let slash = path.lastIndex(of: "/")
      folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ""
      base = slash.map { String(path[path.index(after: $0)...]) } ?? path
      stem = base.hasSuffix(".lua") && base.utf8.count > 4 ? String(base.dropLast(4)) : base
    }
  }

  /// A file named on the command line.
  static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    return try readAll(try checked(descriptor, limit: limit), limit: limit)
  }

  /// A file inside `folder`: relative, without `..`, and no link on the way, so that a script reaches nothing else.
  static func read(_ path: String, inside folder: String, limit: Int) throws(Failure) -> [UInt8] {
    try readAll(try open(path, inside: folder, limit: limit), limit: limit)
  }

  /// The same, to be read and closed by the caller.
  static func open(_ path: String, inside folder: String, limit: Int) throws(Failure) -> Int32 {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !path.isEmpty, !path.utf8.contains(0), parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
      throw Failure(reason: "is not a file inside the policy's own folder: write a relative path without . and ..")
    }
    var descriptor = unsafe Glibc.open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    for (index, part) in parts.enumerated() {
      guard descriptor >= 0 else { break }
      let flags = index == parts.count - 1 ? O_NONBLOCK : O_DIRECTORY
      let next = unsafe openat(descriptor, String(part), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags)
      let code = errno
      close(descriptor)
      errno = code
      descriptor = next
    }
    if descriptor < 0, errno == ELOOP {
      throw Failure(reason: "is a link: only files of the policy's own folder are read")
    }
    return try checked(descriptor, limit: limit)
  }

  /// The descriptor, if it was opened, of a file that is not too long; else it is closed.
  private static func checked(_ descriptor: Int32, limit: Int) throws(Failure) -> Int32 {
    guard descriptor >= 0 else { throw Failure(reason: unsafe "cannot be read: " + String(cString: strerror(errno))) }
    var status = stat()
    let isFile = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    if isFile, status.st_size <= limit { return descriptor }
    close(descriptor)
    throw Failure(
      reason: isFile ? "has \(status.st_size) bytes, at most \(limit) are read" : "is not a regular file")
  }

  /// Takes the descriptor over. The file may grow while it is read; never past the limit.
  private static func readAll(_ descriptor: Int32, limit: Int) throws(Failure) -> [UInt8] {
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
      guard count >= 0 else { throw Failure(reason: unsafe "cannot be read: " + String(cString: strerror(errno))) }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw Failure(reason: "has more than \(limit) bytes") }
    }
  }
}
