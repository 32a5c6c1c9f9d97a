/// A compiled pcap-filter program, run by our own interpreter.
public struct BPFProgram: Sendable, Hashable {
  public init() {}

  /// - Returns: 0 when the packet does not match, else how many bytes of it to keep.
  public func run(_ bytes: UnsafeRawPointer, captured: Int, original: Int) -> UInt32 { 0 }
}
