import Wire

/// Messages of protocols, byte by byte, for scenes.
enum DNSBytes {
  static func question(_ name: String, type: UInt16, id: UInt16) -> [UInt8] {
    var bytes = big(id) + [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + label.utf8 }
    return bytes + [0] + big(type) + [0, 1]
  }
}

enum ARPBytes {
  /// Someone says that an address is its own.
  static func answer(sender: Scene.Host, claims address: String, to target: Scene.Host) -> [UInt8] {
    let (own, other) = (mac(sender.mac), mac(target.mac))
    return other + own + [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2] + own + ip(address) + other + ip(target.address)
  }

  private static func mac(_ text: String) -> [UInt8] { text.split(separator: ":").compactMap { UInt8($0, radix: 16) } }
  private static func ip(_ text: String) -> [UInt8] { text.split(separator: ".").compactMap { UInt8($0) } }
}

/// RFC 5246, RFC 8446, as far as audits read.
enum TLSBytes {
  static func clientHello(version: UInt16, ciphers: [UInt16], name: String) -> [UInt8] {
    let host = [0] + counted(Array(name.utf8), 2)
    let serverName = big(0) + counted(counted(host, 2), 2)
    let body =
      big(version) + random + [0] + counted(ciphers.flatMap { big($0) }, 2) + [1, 0] + counted(serverName, 2)
    return record(handshake(1, body))
  }

  static func serverHello(version: UInt16, cipher: UInt16) -> [UInt8] {
    record(handshake(2, big(version) + random + [0] + big(cipher) + [0]))
  }

  /// A message with one certificate; its key and signature are empty.
  static func certificate(subject: String, from: String, until: String) -> [UInt8] {
    let name = der(0x30, der(0x31, der(0x30, der(0x06, [0x55, 0x04, 0x03]) + der(0x0c, Array(subject.utf8)))))
    let validity = der(0x30, der(0x17, Array(from.utf8)) + der(0x17, Array(until.utf8)))
    let body = der(0xa0, der(0x02, [2])) + der(0x02, [1]) + der(0x30, []) + name + validity + name + der(0x30, [])
    let certificate = der(0x30, der(0x30, body) + der(0x30, []) + der(0x03, [0]))
    return record(handshake(11, counted(counted(certificate, 3), 3)))
  }

  private static let random = [UInt8](repeating: 0x5a, count: 32)

  private static func record(_ message: [UInt8]) -> [UInt8] { [22, 3, 3] + counted(message, 2) }
  private static func handshake(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type] + counted(body, 3) }

  private static func counted(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
  }

  private static func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    let length = content.count < 128 ? [UInt8(content.count)] : [0x82] + big(UInt16(content.count))
    return [tag] + length + content
  }
}

private func big(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)] }
