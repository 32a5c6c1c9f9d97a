import Foundation
import Glibc
import Testing
import Wire

// Shared tools of the tests: bytes in hex, memory that ends at a page nobody may read, random numbers from a seed.

/// Bytes in hex; blanks and line ends are free.
func hex(_ text: String) -> [UInt8] {
  let digits = text.utf8.compactMap(hexadecimalDigit)
  precondition(digits.count % 2 == 0, "odd number of digits")
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Memory whose last byte is followed by a page that may not be touched: reading one byte too many ends the test run.
@safe final class GuardedMemory {
  static let capacity = 1 << 17
  private let base: UnsafeMutableRawPointer
  private let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  init() {
    unsafe base = mmap(
      nil, Self.capacity + pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    unsafe precondition(base != MAP_FAILED)
    let result = unsafe mprotect(base + Self.capacity, pageSize, PROT_NONE)
    precondition(result == 0)
  }

  deinit { unsafe munmap(base, Self.capacity + pageSize) }

  /// Calls `body` with a copy of the bytes that ends at the forbidden page.
  func with<Result>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
    precondition(bytes.count <= Self.capacity)
    let start = unsafe base + (Self.capacity - bytes.count)
    unsafe UnsafeMutableRawBufferPointer(start: start, count: bytes.count).copyBytes(from: bytes)
    return try unsafe body(UnsafeRawPointer(start))
  }
}

extension PacketSummary {
  /// Parses bytes that end at a forbidden page.
  static func parse(
    _ bytes: some Collection<UInt8>, _ decoder: LinkDecoder = .ethernet, in memory: GuardedMemory = GuardedMemory()
  ) -> PacketSummary {
    unsafe memory.with(bytes) { unsafe parse($0, captured: bytes.count, decoder: decoder) }
  }

  /// The packet inside, of bytes that end at a forbidden page.
  static func parseInner(
    _ bytes: some Collection<UInt8>, _ decoder: LinkDecoder = .ethernet, in memory: GuardedMemory = GuardedMemory()
  ) -> InnerFrame? {
    unsafe memory.with(bytes) { unsafe parse($0, captured: bytes.count, decoder: decoder).inner($0) }
  }

  /// The five-tuple, as far as it is known: `tcp 10.0.0.1:80 > 10.0.0.2:5000`.
  var quintuple: String {
    guard let source, let destination else { return flags.contains(.malformed) ? "malformed" : "no ip" }
    let name = flags.contains(.protocolKnown) ? IPProtocol(rawValue: self.protocol).description : "?"
    guard flags.contains(.portsKnown) else { return "\(name) \(source) > \(destination)" }
    return "\(name) \(source):\(sourcePort) > \(destination):\(destinationPort)"
  }

  /// Everything but MACs and tags.
  var network: String {
    "\(quintuple) \(networkOffset)+\(transportOffset)..\(packetEnd) \(fragmentID)"
      + (flags.contains(.laterFragment) ? " later fragment" : flags.contains(.fragment) ? " fragment" : "")
  }
}

let captures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "Fixtures/captures")
