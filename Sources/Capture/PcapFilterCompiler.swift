public import Mirroring
public import Wire

/// Compiles pcap-filter(7) expressions with libpcap.
public final class PcapFilterCompiler: BPFCompiler {
  public init() {}

  public func compile(_ text: String, linkType: LinkType) throws(CaptureError) -> BPFProgram { BPFProgram() }
}
