internal import CLiveShims
internal import DataPath
internal import Glibc
internal import Mirroring
internal import Wire

/// What a receiver is asked each second.
final class ReceiverProbe {
  /// Unanswered so often in succession: down.
  private static let limit = 3

  private let kind: HealthOptions.Probe
  private let receiver: IPAddress
  private let identifier = UInt16.random(in: 0 ... .max)
  private var sequence: UInt16 = 0
  /// The answer to the last one; nil: none yet.
  private var isAnswered: Bool?
  private var isRefused = false
  private var missed = 0
  private var connection: Int32 = -1

  init(_ kind: HealthOptions.Probe, _ receiver: IPAddress) {
    self.kind = kind
    self.receiver = receiver
  }

  deinit { if connection >= 0 { close(connection) } }

  func hear(_ identifier: UInt16, _ sequence: UInt16) {
    if identifier == self.identifier, sequence == self.sequence { isAnswered = true }
  }

  /// What the last one says; nil: nothing bad.
  ///
  /// - Parameter isDown: one that fails is enough to stay down.
  func outcome(isDown: Bool) -> LiveReport.Trouble? {
    look()
    guard let isAnswered else { return nil }
    missed = isAnswered ? 0 : missed + 1
    guard missed >= (isDown ? 1 : Self.limit) else { return nil }
    return isRefused ? .refused : .unanswered
  }

  private func look() {
    guard connection >= 0 else { return }
    let state = lv_connection_state(connection)
    isAnswered = state == 0
    isRefused = state == ECONNREFUSED
    close(connection)
    connection = -1
  }

  func begin(_ socket: ICMPSocket?) {
    switch kind {
    case .icmp:
      guard let socket else { return }
      sequence &+= 1
      isAnswered = false
      socket.sendEcho(to: receiver, identifier, sequence)
    case .tcp(let port):
      var end = lv_end(receiver)
      var code: Int32 = 0
      isAnswered = false
      connection = unsafe lv_connection_begin(&end, port, &code)
      isRefused = code == ECONNREFUSED
    }
  }
}

/// Hears ICMP of one family and sends echoes.
///
/// Safe because: the descriptor has one owner.
@safe final class ICMPSocket {
  let descriptor: Int32
  private let family: IPFamily
  private var room = [UInt8](repeating: 0, count: 2048)

  init(_ family: IPFamily) throws(LiveError) {
    self.family = family
    var fault = lv_fault()
    descriptor = unsafe lv_icmp_open(family.rawValue, &fault)
    guard descriptor >= 0 else { throw LiveError("hearing ICMP errors", fault) }
  }

  deinit { close(descriptor) }

  /// The next message, nil if it says nothing of receivers, and who sent it; nil: none waits.
  func receive() -> (ICMPMessage?, IPAddress)? {
    var from = lv_end()
    let count = unsafe lv_icmp_receive(descriptor, &room, room.count, &from)
    guard count > 0 else { return nil }
    return (ICMPMessage(room[..<count], family: family), IPAddress(from))
  }

  func sendEcho(to receiver: IPAddress, _ identifier: UInt16, _ sequence: UInt16) {
    var end = lv_end(receiver)
    // RFC 792, RFC 4443; over IPv6 the kernel puts the checksum in.
    var bytes: [UInt8] = [family == .v4 ? 8 : 128, 0, 0, 0]
    for word in [identifier, sequence] { bytes += [UInt8(word >> 8), UInt8(word & 0xff)] }
    bytes += [UInt8](repeating: 0, count: 24)
    let checksum = InternetChecksum.finish(InternetChecksum.sum(bytes))
    if family == .v4 { (bytes[2], bytes[3]) = (UInt8(checksum >> 8), UInt8(checksum & 0xff)) }
    _ = unsafe lv_icmp_send(descriptor, &end, bytes, bytes.count)
  }
}

extension IPAddress {
  init(_ end: lv_end) {
    let bytes = unsafe withUnsafeBytes(of: end.address) { unsafe Array($0) }
    self.init(networkOrder: bytes.prefix(end.family == 4 ? 4 : 16))
  }
}

extension SinkPlan.Destination {
  /// IP protocol of copies.
  var transport: Outlet.Transport { kind == .vxlan ? .udp : .gre }

  /// - Parameter port: 0: not known.
  func isCarried(by number: UInt8, _ port: UInt16) -> Bool {
    number == transport.rawValue && (port == 0 || kind != .vxlan || port == self.port)
  }

  /// Sends an empty datagram on the way of copies: the next hop is asked for, and where nobody listens an ICMP error comes back.
  func nudge() {
    var end = lv_end(receiver)
    var fault = lv_fault()
    let descriptor = unsafe lv_sender_open(&end, transport.rawValue, 8 << 2, 4096, &fault)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // UDP: ports, length 8, no checksum; GRE: Ethernet follows.
    let source = UInt16.random(in: 0xc000 ... .max)
    let udp = [source, port, 8, 0].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    let header: [UInt8] = transport == .udp ? udp : [0, 0, 0x65, 0x58]
    var code: Int32 = 0
    unsafe header.withUnsafeBytes { bytes in
      var datagram = unsafe lv_datagram(
        header: bytes.baseAddress!, body: bytes.baseAddress!, header_length: UInt32(bytes.count), body_length: 0)
      _ = unsafe lv_send(descriptor, &end, &datagram, 1, &code)
    }
  }
}
