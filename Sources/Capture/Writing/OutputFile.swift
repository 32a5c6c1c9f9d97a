import Glibc

/// A capture that is being written, under the name `NAME.partial` until it is whole.
///
/// 1. Nothing but `publish` touches the final name: an earlier capture of that name stays until then.
/// 2. The partial file is locked: a second run into the same folder is refused, a leftover of a killed run is not.
final class OutputFile {
  let path: String
  private let partialPath: String
  private var descriptor: Int32 = -1

  /// Opens the partial file, empty.
  ///
  /// - Parameter inputs: files that are being read: neither name may be one of theirs.
  init(path: String, inputs: Set<FileIdentity> = []) throws(CaptureError) {
    self.path = path
    partialPath = path + ".partial"
    var status = stat()
    if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw .outputFolder(path: path, what: "is a folder, where a capture is to be written")
    }
    try Self.refuse(FileIdentity(path: path), among: inputs, name: path)
    repeat { descriptor = try openPartial() } while try !lockPartial()
    do throws(CaptureError) {
      try Self.refuse(FileIdentity(descriptor: descriptor), among: inputs, name: partialPath)
    } catch {
      forget()
      throw error
    }
    guard ftruncate(descriptor, 0) == 0 else { throw failure() }
  }

  deinit { discard() }

  /// A capture that is read and written would be gone when the run fails, and wrong when it does not.
  static func refuse(
    _ file: FileIdentity?, among inputs: Set<FileIdentity>, name: String
  ) throws(CaptureError) {
    guard let file, inputs.contains(file) else { return }
    throw .outputFolder(path: name, what: "would be replaced while it is read; write into another folder")
  }

  /// open(2). A link of that name is not followed, a FIFO does not block.
  private func openPartial() throws(CaptureError) -> Int32 {
    let descriptor = unsafe open(
      partialPath, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0o666)
    guard descriptor >= 0 else { throw failure() }
    return descriptor
  }

  /// flock(2). Between opening and locking, another run may have published or removed the file.
  ///
  /// - Returns: false when it must be opened anew; it is closed then.
  private func lockPartial() throws(CaptureError) -> Bool {
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      forget()
      throw .outputFolder(path: partialPath, what: "is being written by another run")
    }
    var (ours, named) = (stat(), stat())
    guard unsafe fstat(descriptor, &ours) == 0 else { throw failure() }
    guard ours.st_mode & S_IFMT == S_IFREG else {
      forget()
      throw .outputFolder(path: partialPath, what: "is not a file; remove it")
    }
    if unsafe lstat(partialPath, &named) == 0, ours.st_ino == named.st_ino, ours.st_dev == named.st_dev { return true }
    forget()
    return false
  }

  /// write(2), until all is written.
  func write(_ bytes: UnsafeRawBufferPointer) throws(CaptureError) {
    var written = 0
    while written < bytes.count {
      let count = unsafe Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
      if count >= 0 { written += count } else if errno != EINTR { throw failure() }
    }
  }

  /// Gives the whole file its final name.
  func publish() throws(CaptureError) {
    guard unsafe rename(partialPath, path) == 0 else { throw failure() }
    // Whatever close(2) says now, the file is whole: `flush` has asked.
    forget()
  }

  /// Asks the file system whether what was written has a place: some (NFS, quotas) tell only at the end.
  func settle() throws(CaptureError) {
    let copy = dup(descriptor)
    guard copy >= 0, Glibc.close(copy) == 0 else { throw failure() }
  }

  /// Removes the partial file, unless it was published.
  func discard() {
    guard descriptor >= 0 else { return }
    unsafe unlink(partialPath)
    forget()
  }

  private func forget() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  private func failure() -> CaptureError { .write(path: path, errno: errno) }
}
