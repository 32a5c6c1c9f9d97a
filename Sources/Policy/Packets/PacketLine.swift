internal import Mirroring
internal import Wire

/// A packet on one line, as `tcpdump -nS` prints it, without what stands in TCP options.
package enum PacketLine {
  /// - Parameter base: a `PacketRecord`.
  package static func text(_ base: UnsafeRawPointer) -> String {
    let record = unsafe PacketRecord.at(base).pointee
    return unsafe time(record.observed.pointee.time) + " " + body(record)
  }

  /// Time of day, UTC, with microseconds.
  private static func time(_ nanoseconds: Int64) -> String {
    let day: Int64 = 86_400_000_000_000
    let inDay = (nanoseconds % day + day) % day
    let (seconds, rest) = inDay.quotientAndRemainder(dividingBy: 1_000_000_000)
    return "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))." + padded(rest / 1000, 6)
  }

  private static func two(_ number: Int64) -> String { padded(number, 2) }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func body(_ record: PacketRecord) -> String {
    let summary = unsafe record.observed.pointee.summary
    guard let source = summary.source, let destination = summary.destination else { return notIP(record, summary) }
    let hasPorts = record.has(.ports)
    let from = source.description + (hasPorts ? ".\(record.sourcePort)" : "")
    let to = destination.description + (hasPorts ? ".\(record.destinationPort)" : "")
    return "IP\(summary.ipVersion == 6 ? "6" : "") \(from) > \(to): " + transport(record, summary)
  }

  private static func notIP(_ record: PacketRecord, _ summary: PacketSummary) -> String {
    if summary.flags.contains(.malformed) { return "IP, malformed, length \(record.length)" }
    if summary.flags.contains(.arp) {
      let sender = IPAddress(v4: UInt32(truncatingIfNeeded: summary.sourceLow))
      return "ARP, sender \(sender), length \(record.payloadLength)"
    }
    guard record.has(.etherType) else { return "802.3, length \(record.length)" }
    let digits = String(record.etherType, radix: 16)
    return "ethertype 0x" + String(repeating: "0", count: 4 - digits.count) + digits + ", length \(record.length)"
  }

  private static func transport(_ record: PacketRecord, _ summary: PacketSummary) -> String {
    guard record.has(.protocol) else { return "fragment, length \(record.payloadLength)" }
    let name = IPProtocol(rawValue: record.protocolNumber)
    if summary.flags.contains(.laterFragment) { return "\(name), fragment, length \(record.payloadLength)" }
    if record.has(.tcp) { return tcp(record) }
    switch name {
    case .udp: return "UDP, length \(record.payloadLength)"
    case .icmp, .icmpv6:
      let title = name == .icmp ? "ICMP" : "ICMP6"
      guard record.has(.icmp) else { return title }
      return "\(title) \(icmp(record, isVersion6: name == .icmpv6)), length \(record.payloadLength + 8)"
    default: return "\(name), length \(record.payloadLength)"
    }
  }

  private static func tcp(_ record: PacketRecord) -> String {
    let letters: [(UInt8, String)] = [
      (0x01, "F"), (0x02, "S"), (0x04, "R"), (0x08, "P"), (0x10, "."), (0x20, "U"), (0x40, "E"), (0x80, "W"),
    ]
    let flags = letters.filter { record.tcpFlags & $0.0 != 0 }.map(\.1).joined()
    let length = record.payloadLength
    let sequence =
      length > 0
      ? "seq \(record.tcpSequence):\(record.tcpSequence &+ length)"
      : record.tcpFlags & 0x07 != 0 ? "seq \(record.tcpSequence)" : ""
    let parts = ["Flags [\(flags.isEmpty ? "none" : flags)]", sequence, "win \(record.tcpWindow)", "length \(length)"]
    return parts.filter { !$0.isEmpty }.joined(separator: ", ")
  }

  private static func icmp(_ record: PacketRecord, isVersion6: Bool) -> String {
    switch (isVersion6, record.icmpType) {
    case (false, 8), (true, 128): "echo request"
    case (false, 0), (true, 129): "echo reply"
    default: "type \(record.icmpType), code \(record.icmpCode)"
    }
  }
}
