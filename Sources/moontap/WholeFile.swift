import Capture
import Foundation

/// Files that appear under their name only when they are whole: written beside it, then renamed. Until then, and when anything
/// goes wrong, what was there stays. A link of that name is replaced, never followed: somebody else may have planted it.
enum WholeFile {
  /// - Parameter inputs: files that the command reads: they are not replaced.
  /// - Throws: `Problem` that says why it cannot be written.
  static func write(_ text: String, to path: String, sparing inputs: Set<FileIdentity> = []) throws {
    try write(Array(text.utf8), to: path, sparing: inputs)
  }

  static func write(_ bytes: [UInt8], to path: String, sparing inputs: Set<FileIdentity> = []) throws {
    try refuse(path, among: inputs)
    if let descriptor = descriptor(named: path) { return try write(bytes, to: dup(descriptor), path) }
    var status = stat()
    let isThere = unsafe lstat(path, &status) == 0
    let kind = status.st_mode & S_IFMT
    // What is no file (a pipe, /dev/null) is written to, not replaced.
    guard !isThere || kind == S_IFREG || kind == S_IFLNK else {
      return try write(bytes, to: unsafe open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY), path)
    }
    try replace(path, bytes, mode: isThere && kind == S_IFREG ? status.st_mode & 0o777 : nil)
  }

  /// What is read and written would be gone.
  static func refuse(_ path: String, among inputs: Set<FileIdentity>) throws {
    guard let file = FileIdentity(path: path), inputs.contains(file) else { return }
    throw Problem(
      place: path, code: "output", sentence: "would be replaced, and is an input of this command",
      hint: "write it elsewhere")
  }

  /// - Parameter mode: of the file that is replaced; nil: as the umask has it.
  private static func replace(_ path: String, _ bytes: [UInt8], mode: mode_t?) throws {
    let (descriptor, partial) = try openPartial(beside: path)
    do {
      if let mode { fchmod(descriptor, mode) }
      try write(bytes, to: descriptor, path)
      guard unsafe rename(partial, path) == 0 else { throw failure(path) }
    } catch {
      unsafe unlink(partial)
      throw error
    }
  }

  /// A new file in the same folder, of a name that nobody can have foreseen.
  private static func openPartial(beside path: String) throws -> (descriptor: Int32, name: String) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    while true {
      let name = folder + ".moontap-" + String(UInt64.random(in: .min ... .max), radix: 36) + ".partial"
      let descriptor = unsafe open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, name) }
      guard errno == EEXIST else { throw failure(path) }
    }
  }

  /// `/dev/stdout`, `/dev/fd/63` (as shells name pipes): names of descriptors that we were given.
  private static func descriptor(named path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default: break
    }
    for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }

  /// write(2), until all is written, and close(2), which some file systems (NFS, quotas) say only then that there is no room.
  private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws {
    guard descriptor >= 0 else { throw failure(path) }
    guard UnnamedFile.write(bytes, to: descriptor) else {
      let failure = failure(path)
      close(descriptor)
      throw failure
    }
    guard close(descriptor) == 0 else { throw failure(path) }
  }

  private static func failure(_ path: String) -> Problem {
    Problem(place: path, code: "output", sentence: "cannot be written: \(TextFile.reason())", exit: .failed)
  }

  static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return unsafe String(cString: strerror(Int32(underlying.code)))
  }
}
