import Glibc

/// The folder that captures are written into.
public struct OutputFolder {
  let path: String
  /// The folder was not there before.
  let isMade: Bool

  /// Takes a folder that can be written, or makes it where only the last part of its path is missing.
  init(_ path: String) throws(CaptureError) {
    self.path = path
    isMade = try Self.make(path)
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw Self.failure(path) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .outputFolder(path: path, what: "is not a folder") }
    guard unsafe access(path, W_OK | X_OK) == 0 else { throw Self.failure(path) }
  }

  /// mkdir(2)
  private static func make(_ path: String) throws(CaptureError) -> Bool {
    if unsafe mkdir(path, 0o777) == 0 { return true }
    switch errno {
    case EEXIST: return false
    case ENOENT: throw .outputFolder(path: path, what: "cannot be made: the folder above it does not exist")
    case ENOTDIR: throw .outputFolder(path: path, what: "cannot be made: what stands above it is not a folder")
    case let code: throw .outputFolder(path: path, what: "cannot be made: \(CaptureError.text(ofErrno: code))")
    }
  }

  private static func failure(_ path: String) -> CaptureError {
    .outputFolder(path: path, what: "cannot be written into: \(CaptureError.text(ofErrno: errno))")
  }

  /// Names of the captures in a folder, sorted; none when it cannot be read.
  public static func captures(in path: String) -> [String] {
    guard let folder = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
        unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".pcap") || name.hasSuffix(".pcapng") { names.append(name) }
    }
    return names.sorted()
  }

  /// Removes the folder if this run made it and nothing is in it.
  func discard() {
    if isMade { unsafe rmdir(path) }
  }

  /// The path of a file in the folder. `/` in the name, and a dot in front, are written as in a URL: ids are not ours.
  func file(_ stem: String, _ suffix: String) -> String { Self.file(stem, suffix, in: path) }

  static func file(_ stem: String, _ suffix: String, in path: String) -> String {
    var name = stem.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "%2F")
    if name.hasPrefix(".") { name = "%2E" + name.dropFirst() }
    return (path.hasSuffix("/") ? path : path + "/") + name + suffix
  }
}
