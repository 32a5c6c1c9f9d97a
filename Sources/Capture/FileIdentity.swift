import Glibc

/// Which file it is, whatever it is called: two names, a link and a redirection may be one file.
public struct FileIdentity: Sendable, Hashable {
  private let device: UInt64
  private let inode: UInt64

  /// - Parameter path: of a capture as `CaptureFileSource` takes it: `-` is standard input.
  /// - Returns: nil when there is no such file.
  public init?(capture path: String) {
    if path == "-" { self.init(descriptor: STDIN_FILENO) } else { self.init(path: path) }
  }

  /// stat(2): links are followed.
  public init?(path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// fstat(2)
  init?(descriptor: Int32) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }
}
