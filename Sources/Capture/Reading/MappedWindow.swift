import Glibc

/// A window of a regular file in memory, which slides forward: constant memory for files of any size.
///
/// Safe because: the address range is reserved for the object's life; `bytes` are valid until the next `slide` or the
/// end of the object; a page lost to truncation reads as zeros (`ShrinkGuard`), which `hasShrunk` tells.
@safe final class MappedWindow {
  /// Larger windows measured no faster, smaller ones slower (a fault maps 64 KiB).
  static let byteCount = 4 << 20

  private let descriptor: Int32
  private let base: UnsafeMutableRawPointer
  private let shrinkGuard: ShrinkGuard
  /// Size of the file when it was opened; what is appended later is not read.
  let fileSize: UInt64

  /// - Returns: nil when the file cannot be mapped; it can be read then.
  init?(descriptor: Int32, fileSize: UInt64) {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = unsafe mmap(nil, Self.byteCount, PROT_NONE, flags, -1, 0), unsafe base != MAP_FAILED else {
      return nil
    }
    guard let shrinkGuard = unsafe ShrinkGuard.register(base: base, length: Self.byteCount) else {
      unsafe munmap(base, Self.byteCount)
      return nil
    }
    unsafe self.base = base
    self.descriptor = descriptor
    self.fileSize = fileSize
    self.shrinkGuard = shrinkGuard
  }

  deinit {
    shrinkGuard.unregister()
    unsafe munmap(base, Self.byteCount)
  }

  var hasShrunk: Bool { shrinkGuard.hasShrunk }

  /// Maps the window so that it begins in the page of `offset`.
  ///
  /// - Returns: the bytes from `offset` on, to the end of the window or of the file; nil when mmap(2) fails (errno tells).
  func slide(to offset: UInt64) -> UnsafeRawBufferPointer? {
    let start = offset & ~UInt64(getpagesize() - 1)
    let length = Int(min(UInt64(Self.byteCount), fileSize - start))
    let skipped = Int(offset - start)
    guard length > skipped else { return unsafe UnsafeRawBufferPointer(start: base, count: 0) }
    // MAP_POPULATE measured slower than the kernel's fault-around: packets are often not read to their end.
    let mapped = unsafe mmap(base, length, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor, off_t(start))
    guard unsafe mapped == base else { return nil }
    unsafe madvise(base, length, MADV_SEQUENTIAL)
    return unsafe UnsafeRawBufferPointer(start: base + skipped, count: length - skipped)
  }
}
