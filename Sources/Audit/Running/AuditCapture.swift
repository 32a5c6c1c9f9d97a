public import Capture
internal import Glibc

/// A capture of a run: what it is called, and the file that holds it, which may be read several times at once.
public struct AuditCapture: Sendable, Hashable {
  public var name: String
  public var file: String
  /// Id of the ENI that it was captured at; nil: what its interfaces are called says so, or it is a tap of the whole VPC.
  public var eni: String?

  public init(name: String, file: String? = nil) {
    self.name = name
    self.file = file ?? name
  }

  func open(_ isCancelled: @escaping @Sendable () -> Bool) throws(CaptureError) -> CaptureFileSource {
    let descriptor = unsafe Glibc.open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(path: name, errno: errno) }
    return try CaptureFileSource(descriptor: descriptor, path: name, isCancelled: isCancelled)
  }

  /// Of the file; 0: it is not there.
  public var byteCount: Int64 {
    var status = stat()
    return unsafe stat(file, &status) == 0 ? Int64(status.st_size) : 0
  }

  /// Whether it is there to be read. What is wrong with it besides is a result: one bad file of an archive is not the end.
  public func check() throws(CaptureError) {
    do throws(CaptureError) {
      _ = try open { false }
    } catch .unreadable(let path, let code) {
      throw .unreadable(path: path, errno: code)
    } catch .isFolder(let path) {
      throw .isFolder(path: path)
    } catch {}
  }
}
