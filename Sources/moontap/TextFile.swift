import Foundation

/// Small files that people write: inventories, mirrors, policies.
enum TextFile {
  /// No sane inventory is larger; a larger one is a mistake (a capture given as inventory).
  static let limit = 256 << 20

  /// The file's bytes.
  ///
  /// - Parameter mustBeFile: a pipe or a device is refused, at once: while a run goes on, nobody waits for a writer.
  /// - Throws: `Problem` that says why it cannot be read.
  static func read(_ path: String, what: String, mustBeFile: Bool = false) throws -> [UInt8] {
    if mustBeFile { return try readAll(path, what, mustBeFile: true) }
    return try Interrupt.whileWaiting { try readAll(path, what, mustBeFile: false) }
  }

  private static func readAll(_ path: String, _ what: String, mustBeFile: Bool) throws -> [UInt8] {
    func refuse(_ sentence: String) -> Problem { Problem(place: path, code: "file.unreadable", sentence: sentence) }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | (mustBeFile ? O_NONBLOCK : 0))
    guard descriptor >= 0 else { throw refuse("the \(what) cannot be read: \(reason())") }
    defer { close(descriptor) }
    if mustBeFile {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw refuse("is not a regular file: a reload reads nothing else")
      }
      guard status.st_size <= limit else { throw refuse("more than \(limit >> 20) MiB: not an \(what)") }
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EISDIR { throw refuse("is a folder, not an \(what)") }
      guard count >= 0 else { throw refuse("the \(what) cannot be read: \(reason())") }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw refuse("more than \(limit >> 20) MiB: not an \(what)") }
    }
  }

  static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
