internal import Glibc

/// The kernel gives no more memory, or the process may have no more (`ulimit -v`).
public struct OutOfMemory: Error, Sendable, CustomStringConvertible {
  /// What was asked for, in bytes.
  public let byteCount: Int

  public var description: String { "out of memory: there are no \(byteCount) bytes of address space" }
}

/// Zeroed memory that takes room only where it is written, on large pages where the kernel has them: a table of a
/// hundred megabytes is looked into at random, and with small pages each look costs a walk through page tables too.
///
/// Safe because: `base` is the start of `byteCount` owned bytes for the object's life.
@safe final class ReservedMemory {
  let base: UnsafeMutableRawPointer
  private let byteCount: Int

  init(byteCount: Int) throws(OutOfMemory) {
    self.byteCount = max(1, byteCount)
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = unsafe mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, flags, -1, 0), unsafe base != MAP_FAILED
    else { throw OutOfMemory(byteCount: byteCount) }
    unsafe self.base = base
    guard self.byteCount > Self.largePage else { return }
    unsafe madvise(base + Self.largePage, self.byteCount - Self.largePage, MADV_HUGEPAGE)
  }

  /// What lies before it stays on small pages: a table that stays small does not pay for clearing a large one.
  private static let largePage = 2 << 20

  /// What lies before `offset` is written no more: its room goes back.
  func giveBack(before offset: Int) {
    let pages = offset / 4096 * 4096
    if pages > 0 { unsafe madvise(base, pages, MADV_DONTNEED) }
  }

  deinit { unsafe munmap(base, byteCount) }
}
