/// What a file is, by its first bytes.
public enum CaptureFileKind: Sendable, Hashable {
  case pcap
  case pcapng
  case gzip
  /// Recognised, but not a capture that is read: what it is, as a noun phrase.
  case unsupported(String)
  case unknown

  /// Looks at the first bytes of a file; four tell the kinds that are read, eight are enough for all.
  public init(firstBytes bytes: RawSpan) {
    guard bytes.byteCount >= 2 else {
      self = .unknown
      return
    }
    if bytes.byte(at: 0) == 0x1f, bytes.byte(at: 1) == 0x8b {
      self = .gzip
    } else if bytes.byteCount >= 4 {
      self = Self.kind(ofMagic: bytes.number32(at: 0, swapped: false).bigEndian)
    } else {
      self = .unknown
    }
  }

  /// Magic numbers as the four bytes stand in the file.
  private static func kind(ofMagic magic: UInt32) -> CaptureFileKind {
    switch magic {
    case 0xa1b2_c3d4, 0xd4c3_b2a1, 0xa1b2_3c4d, 0x4d3c_b2a1: .pcap
    case 0x0a0d_0d0a: .pcapng
    case 0xa1b2_cd34, 0x34cd_b2a1: .unsupported("modified pcap (Kuznetzov's, magic a1b2cd34)")
    case 0xa1e2_cb12, 0x12cb_e2a1: .unsupported("Navtel pcap (magic a1e2cb12)")
    case 0x1c00_01ac, 0xac01_001c, 0x1c00_01ab, 0xab01_001c: .unsupported("an IXIA lcap capture")
    case 0x736e_6f6f: .unsupported("a snoop capture (RFC 1761)")
    case 0x474d_4255, 0x5254_5353: .unsupported("a Microsoft Network Monitor capture")
    case 0x28b5_2ffd: .unsupported("compressed with zstd")
    case 0xfd37_7a58: .unsupported("compressed with xz")
    case 0x0422_4d18: .unsupported("compressed with lz4")
    case 0x504b_0304: .unsupported("a zip archive")
    case let magic where magic >> 8 == 0x42_5a68: .unsupported("compressed with bzip2")
    default: .unknown
    }
  }
}
