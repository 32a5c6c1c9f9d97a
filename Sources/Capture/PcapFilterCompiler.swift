import CPcap
public import Mirroring
public import Wire

/// Compiles pcap-filter(7) expressions with libpcap, into programs for our own interpreter.
///
/// Nothing is looked up and the time is bounded, whatever the expression: `PcapExpression` says how.
public final class PcapFilterCompiler: BPFCompiler {
  /// tcpdump's default: whole packets.
  private static let snapLength: Int32 = 262_144

  public init() {}

  /// - Throws: `filterSyntax` with our words or libpcap's, when the expression is wrong or cannot be applied to the link
  ///   type.
  public func compile(_ text: String, linkType: LinkType) throws(CaptureError) -> BPFProgram {
    let expression: PcapExpression
    do throws(PcapExpression.Refusal) {
      expression = try PcapExpression(text)
    } catch {
      throw .filterSyntax(expression: text, what: error.what)
    }
    let dataLink = Self.dataLink(of: linkType)
    guard let handle = unsafe pcap_open_dead(dataLink, Self.snapLength) else {
      throw .filterSyntax(expression: text, what: "libpcap is out of memory")
    }
    defer { unsafe pcap_close(handle) }
    var compiled = unsafe bpf_program()
    let optimises: Int32 = expression.isSmall ? 1 : 0
    guard unsafe pcap_compile(handle, &compiled, expression.text, optimises, PCAP_NETMASK_UNKNOWN) == 0 else {
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
