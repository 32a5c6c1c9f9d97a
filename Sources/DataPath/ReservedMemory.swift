internal import Glibc

/// Zeroed memory that takes room only where it is written, on large pages where the kernel has them: a table of a
/// hundred megabytes is looked into at random, and with small pages each look costs a walk through page tables too.
///
/// Safe because: `base` is the start of `byteCount` owned bytes for the object's life.
@safe final class ReservedMemory {
  let base: UnsafeMutableRawPointer
  private let byteCount: Int

  init(byteCount: Int) {
    self.byteCount = max(1, byteCount)
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = unsafe mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, flags, -1, 0), unsafe base != MAP_FAILED
    else { fatalError("out of memory: \(byteCount) bytes of address space") }
    unsafe self.base = base
    guard self.byteCount > Self.largePage else { return }
    unsafe madvise(base + Self.largePage, self.byteCount - Self.largePage, MADV_HUGEPAGE)
  }

  /// What lies before it stays on small pages: a table that stays small does not pay for clearing a large one.
  private static let largePage = 2 << 20

  deinit { unsafe munmap(base, byteCount) }
}
