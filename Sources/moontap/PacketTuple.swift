import ArgumentParser
import Inventory
import Wire

/// A packet given in words: `tcp 10.20.1.11:5000 > 10.20.3.4:443 out`.
struct PacketTuple: Equatable {
  enum Direction: String { case out, `in` }

  var `protocol`: IPProtocol
  var source: IPAddress
  var destination: IPAddress
  var sourcePort: UInt16?
  var destinationPort: UInt16?
  /// nil: seen on a tap of the whole VPC, at both ends.
  var direction: Direction?

  private static let shape = "PROTOCOL ADDRESS[:PORT] > ADDRESS[:PORT] [out|in]"

  /// - Throws: `ValidationError` that says what is wrong with the text.
  init(_ text: String) throws {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 4 || words.count == 5, words[2] == ">" else {
      throw Self.refusal(text, "\(Self.shape) is needed, as in \"tcp 10.20.1.11:5000 > 10.20.3.4:443 out\"")
    }
    guard let number = IPProtocol(words[0]) else {
      throw Self.refusal(text, "'\(words[0])' is no protocol: a name such as tcp, udp, icmp, or 0 to 255")
    }
    `protocol` = number
    (source, sourcePort) = try Self.end(words[1], of: text)
    (destination, destinationPort) = try Self.end(words[3], of: text)
    guard source.family == destination.family else {
      throw Self.refusal(text, "source and destination are of one IP version")
    }
    try Self.checkPorts(number, sourcePort, destinationPort, text)
    guard words.count == 5 else { return }
    guard let direction = Direction(rawValue: words[4]) else {
      throw Self.refusal(text, "'\(words[4])' is no direction: out or in")
    }
    self.direction = direction
  }

  private static func refusal(_ text: String, _ why: String) -> ValidationError {
    ValidationError("--packet \"\(text)\": \(why).")
  }

  private static func checkPorts(
    _ number: IPProtocol, _ source: UInt16?, _ destination: UInt16?, _ text: String
  ) throws {
    let isGiven = source != nil || destination != nil
    if isGiven, !number.hasPorts { throw refusal(text, "\(number) has no ports") }
    if number.hasPorts, source == nil || destination == nil {
      throw refusal(text, "\(number) needs both ports, as in 10.20.1.11:5000")
    }
  }

  /// `10.20.1.11`, `10.20.1.11:5000`, `2001:db8::1`, `[2001:db8::1]:5000`.
  private static func end(_ word: String, of text: String) throws -> (IPAddress, UInt16?) {
    if let address = IPAddress(word) { return (address, nil) }
    guard let mark = word.lastIndex(of: ":") else { throw refusal(text, "'\(word)' is no IP address") }
    var name = word[..<mark]
    if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
    guard let address = IPAddress(String(name)) else { throw refusal(text, "'\(name)' is no IP address") }
    guard let port = UInt16(word[word.index(after: mark)...]) else {
      throw refusal(text, "'\(word[word.index(after: mark)...])' is no port: 0 to 65535")
    }
    return (address, port)
  }
}

extension PacketTuple {
  /// The packet as it would start a conversation: a TCP SYN, an echo request, an empty datagram; from the IP header on.
  func bytes() throws -> [UInt8] {
    var builder = PacketBuilder(protocol: self.protocol, source: source, destination: destination)
    builder.sourcePort = sourcePort ?? 0
    builder.destinationPort = destinationPort ?? 0
    builder.tcpFlags = 0x02
    builder.icmpType = source.family == .v4 ? 8 : 128
    return try builder.build()
  }
}
