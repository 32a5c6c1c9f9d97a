internal import Foundation

/// The file of a store: where it is by default, and how it comes to be.
public enum StoreFile {
  /// `moontap/moontap.db` in the XDG state directory (XDG Base Directory Specification 0.8): `$XDG_STATE_HOME` if it is an
  /// absolute path, else `~/.local/state`.
  public static func defaultPath(environment: [String: String]) -> String {
    var folder = environment["XDG_STATE_HOME"] ?? ""
    if !folder.hasPrefix("/") {
      let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? NSHomeDirectory()
      folder = home + "/.local/state"
    }
    return folder + "/moontap/moontap.db"
  }

  public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// Makes an empty file that only its owner can read, unless there is one; SQLite's files beside it inherit the mode.
  static func createPrivately(_ path: String) throws(StoreError) {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor >= 0 {
      close(descriptor)
      return syncFolder(of: path)
    }
    guard errno == EEXIST else { throw failure(path) }
  }

  /// Folders of the default path are made with the mode that the XDG specification asks for.
  static func createFolders(of path: String) throws(StoreError) {
    let folder = (path as NSString).deletingLastPathComponent
    guard !folder.isEmpty, unsafe access(folder, F_OK) != 0 else { return }
    try createFolders(of: folder)
    guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw failure(folder) }
  }

  /// The system's words for what went wrong last.
  static func failure(_ path: String) -> StoreError {
    switch errno {
    case EROFS: .readOnly(path: path)
    case ENOSPC, EDQUOT: .full(path: path)
    default: .unusable(path: path, reason: unsafe String(cString: strerror(errno)))
    }
  }

  /// Whether group or others may read or write it.
  static func isOpenToOthers(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & 0o077 != 0
  }

  static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Whether the disk has no room left.
  static func isFull(_ path: String) -> Bool {
    var status = statvfs()
    return unsafe statvfs(path, &status) == 0 && status.f_bavail == 0
  }

  /// Whether the disk cannot be written.
  static func isReadOnly(_ path: String) -> Bool {
    var status = statvfs()
    return unsafe statvfs(path, &status) == 0 && status.f_flag & UInt(ST_RDONLY) != 0
  }

  /// The system's reason why the file cannot be used; nil: it knows none.
  static func refusal(_ path: String) -> String? {
    unsafe access(path, R_OK | W_OK) == 0 ? nil : unsafe String(cString: strerror(errno))
  }

  /// Which file it is, whatever its name: another one after a restore. Nil: there is none.
  public static func identity(_ path: String) -> UInt64? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  /// Nothing waits in the write-ahead log: the file alone is the whole store.
  static func isSettled(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path + "-wal", &status) != 0 || status.st_size == 0
  }

  /// Makes names in the folder durable.
  static func syncFolder(of path: String) {
    let folder = (path as NSString).deletingLastPathComponent
    let descriptor = unsafe open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  static func sync(_ path: String) throws(StoreError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(path) }
  }

  /// Replaces `path` by `temporary` in one step.
  static func rename(_ temporary: String, to path: String) throws(StoreError) {
    guard unsafe Foundation.rename(temporary, path) == 0 else { throw failure(path) }
    syncFolder(of: path)
  }

  static func remove(_ path: String) { unsafe unlink(path) }
}
