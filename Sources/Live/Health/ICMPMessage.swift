import Wire

/// What ICMP and ICMPv6 say about receivers: RFC 792, RFC 4443.
enum ICMPMessage: Hashable {
  /// A packet did not arrive: what its protocol, destination and destination port (UDP, else 0) were. Port 0: not known.
  case unreachable(LiveReport.Trouble, destination: IPAddress, protocol: UInt8, port: UInt16)
  case echoReply(identifier: UInt16, sequence: UInt16)

  /// - Parameter bytes: as raw sockets give them: IPv4 with its header, IPv6 without.
  /// - Returns: nil: it says nothing, or cannot be read.
  init?(_ bytes: ArraySlice<UInt8>, family: IPFamily) {
    var message = bytes
    if family == .v4 {
      guard let first = bytes.first, first >> 4 == 4, bytes.count >= 20 else { return nil }
      message = bytes.dropFirst(Int(first & 15) * 4)
    }
    guard message.count >= 8 else { return nil }
    let start = message.startIndex
    let (type, code) = (message[start], message[start + 1])
    switch (family, type) {
    case (.v4, 0), (.v6, 129):
      self = .echoReply(identifier: message.number(at: 4), sequence: message.number(at: 6))
    // 4: fragmentation needed, which is the path MTU's business.
    case (.v4, 3) where code != 4, (.v6, 1): self.init(quoted: message.dropFirst(8), family, code)
    default: return nil
    }
  }

  private init?(quoted: ArraySlice<UInt8>, _ family: IPFamily, _ code: UInt8) {
    let trouble: LiveReport.Trouble =
      switch (family, code) {
      case (.v4, 3), (.v6, 4): .portUnreachable
      case (.v4, 2): .protocolUnreachable
      default: .hostUnreachable
      }
    guard quoted.count >= (family == .v4 ? 20 : 40) else { return nil }
    let start = quoted.startIndex
    let length = family == .v4 ? Int(quoted[start] & 15) * 4 : 40
    let destination = quoted[(start + (family == .v4 ? 16 : 24))...].prefix(family == .v4 ? 4 : 16)
    let number = quoted[start + (family == .v4 ? 9 : 6)]
    let isLater = family == .v4 && quoted.number(at: 6) & 0x1fff != 0
    let isUDP = number == 17 && !isLater && quoted.count >= length + 4
    self = .unreachable(
      trouble, destination: IPAddress(networkOrder: destination), protocol: number,
      port: isUDP ? quoted.number(at: length + 2) : 0)
  }
}

extension ArraySlice<UInt8> {
  fileprivate func number(at offset: Int) -> UInt16 {
    UInt16(self[startIndex + offset]) << 8 | UInt16(self[startIndex + offset + 1])
  }
}

extension IPAddress {
  /// - Parameter bytes: 4 or 16.
  init(networkOrder bytes: ArraySlice<UInt8>) {
    let words = stride(from: bytes.startIndex, to: bytes.endIndex, by: 8).map { start in
      bytes[start..<min(start + 8, bytes.endIndex)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    self =
      words.count == 2
      ? IPAddress(family: .v6, high: words[0], low: words[1]) : IPAddress(family: .v4, high: 0, low: words[0])
  }
}
