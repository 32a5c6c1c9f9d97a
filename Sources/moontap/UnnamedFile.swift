import Foundation

/// Temporary files without a name, which go with their descriptors.
enum UnnamedFile {
  /// - Returns: its descriptor; nil: errno says why not.
  static func make() -> Int32? {
    let template = FileManager.default.temporaryDirectory.appending(path: "moontap-XXXXXX").path
    var path = Array(template.utf8CString)
    let descriptor = unsafe mkstemp(&path)
    guard descriptor >= 0 else { return nil }
    _ = unsafe unlink(path)
    return descriptor
  }

  /// The name by which it can be opened, by this process.
  static func path(of descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

  /// write(2), until all is written.
  ///
  /// - Returns: false: errno says why not.
  static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> Bool {
    let bytes = Array(bytes)
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }
}
