import Glibc

/// The folder of a recording, open and locked: everything in it is reached by its descriptor, whoever the process becomes and
/// whatever becomes of its path.
public final class RecordingFolder: Sendable {
  /// A file of this or an earlier run.
  struct Entry: Hashable {
    var name: RecordingName
    /// Of a run that was killed: bears the name of a part.
    var isPart = false
    var byteCount: UInt64

    var text: String { isPart ? name.part : name.text }
  }

  public let path: String
  public let descriptor: Int32
  /// Files of earlier runs, the oldest first.
  let earlier: [Entry]

  /// Opens and locks (flock(2)) a folder that is there. It is not made: whose it is decides who may read what was recorded.
  ///
  /// - Throws: `outputFolder` when it is not there, cannot be opened, or another engine records into it.
  public init(_ path: String) throws(CaptureError) {
    self.path = path
    descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      switch errno {
      case ENOENT:
        throw .outputFolder(path: path, what: "is not there; a recording needs a folder that its user may write into")
      case ENOTDIR: throw .outputFolder(path: path, what: "is not a folder")
      case let code: throw .outputFolder(path: path, what: "cannot be opened: \(CaptureError.text(ofErrno: code))")
      }
    }
    do throws(CaptureError) {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let code = errno
        let what =
          code == EWOULDBLOCK
          ? "another engine records into it" : "cannot be locked: \(CaptureError.text(ofErrno: code))"
        throw .outputFolder(path: path, what: what)
      }
      earlier = try Self.list(descriptor, path)
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// Asks whether files can be made in it by the user that the process is now.
  public func checkWritable() throws(CaptureError) {
    guard unsafe faccessat(descriptor, ".", W_OK | X_OK, AT_EACCESS) == 0 else {
      let text = CaptureError.text(ofErrno: errno)
      throw .outputFolder(
        path: path, what: "user \(geteuid()), as whom the engine records, cannot write into it: \(text)")
    }
  }

  private static func list(_ descriptor: Int32, _ path: String) throws(CaptureError) -> [Entry] {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = unsafe fdopendir(copy) else {
      throw .outputFolder(path: path, what: "cannot be read: \(CaptureError.text(ofErrno: errno))")
    }
    defer { unsafe closedir(stream) }
    var entries: [Entry] = []
    while let entry = unsafe readdir(stream) {
      let text = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
        unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name = RecordingName(text) else { continue }
      var status = stat()
      guard unsafe fstatat(descriptor, text, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFREG
      else {
        continue
      }
      let isPart = text.hasSuffix(RecordingName.partSuffix)
      entries.append(Entry(name: name, isPart: isPart, byteCount: UInt64(max(0, status.st_size))))
    }
    return entries.sorted { ($0.name, $0.text) < ($1.name, $1.text) }
  }

  // MARK: Files; all throw errno

  /// A new file, for its owner alone.
  func make(_ name: String) throws(SystemFailure) -> Int32 {
    let file = unsafe openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SystemFailure(errno) }
    return file
  }

  func rename(_ old: String, to new: String) throws(SystemFailure) {
    guard unsafe renameat(descriptor, old, descriptor, new) == 0 else { throw SystemFailure(errno) }
  }

  /// A file that is gone already is no failure.
  func remove(_ name: String) throws(SystemFailure) {
    guard unsafe unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else { throw SystemFailure(errno) }
  }
}

/// What a system call said.
struct SystemFailure: Error, Hashable {
  let code: Int32

  init(_ code: Int32) { self.code = code }

  var text: String { CaptureError.text(ofErrno: code) }

  var loss: RecordingLoss { code == ENOSPC || code == EDQUOT ? .diskFull : .writeError }
}
