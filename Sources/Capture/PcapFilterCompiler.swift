import CPcap
public import Mirroring
public import Wire

/// Compiles pcap-filter(7) expressions with libpcap, into programs for our own interpreter.
///
/// Names of hosts are looked up by libpcap, as in tcpdump: an expression with `host example.com` asks the resolver.
public final class PcapFilterCompiler: BPFCompiler {
  /// tcpdump's default: whole packets.
  private static let snapLength: Int32 = 262_144

  public init() {}

  /// - Throws: `filterSyntax` with libpcap's words, when the expression is wrong or cannot be applied to the link type.
  public func compile(_ text: String, linkType: LinkType) throws(CaptureError) -> BPFProgram {
    guard !text.utf8.contains(0) else {
      throw .filterSyntax(expression: text, what: "it contains a zero character")
    }
    let dataLink = Self.dataLink(of: linkType)
    guard let handle = unsafe pcap_open_dead(dataLink, Self.snapLength) else {
      throw .filterSyntax(expression: text, what: "libpcap is out of memory")
    }
    defer { unsafe pcap_close(handle) }
    var compiled = unsafe bpf_program()
    guard unsafe pcap_compile(handle, &compiled, text, 1, PCAP_NETMASK_UNKNOWN) == 0 else {
      throw unsafe .filterSyntax(expression: text, what: String(cString: pcap_geterr(handle)))
    }
    defer { unsafe pcap_freecode(&compiled) }
    do {
      return try unsafe BPFProgram(Self.instructions(compiled))
    } catch {
      throw .filterSyntax(expression: text, what: "libpcap made a program that cannot run: \(error)")
    }
  }

  private static func instructions(_ program: bpf_program) -> [BPFInstruction] {
    unsafe UnsafeBufferPointer(start: program.bf_insns, count: Int(program.bf_len)).map {
      BPFInstruction(code: $0.code, jumpTrue: $0.jt, jumpFalse: $0.jf, k: $0.k)
    }
  }

  /// libpcap's own number (DLT) of a capture file's link type: the same, but for raw IP.
  private static func dataLink(of linkType: LinkType) -> Int32 {
    switch linkType {
    case .raw, .raw12, .raw14: DLT_RAW
    default: Int32(linkType.rawValue)
    }
  }
}

extension CaptureError: BPFRefusal {
  public var words: String { if case .filterSyntax(_, let what) = self { what } else { description } }
}
