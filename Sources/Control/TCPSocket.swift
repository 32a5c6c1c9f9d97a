internal import Glibc
public import Wire

/// An address and a port, as `127.0.0.1:9464` or `[::1]:9464`.
public struct TCPAddress: Sendable, Equatable, CustomStringConvertible {
  public var address: IPAddress
  public var port: UInt16

  /// - Returns: nil when the text is no such thing.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = text[..<colon]
    let isBracketed = host.first == "[" && host.last == "]" && host.count > 2
    if isBracketed { host = host.dropFirst().dropLast() }
    guard let address = IPAddress(host), (address.family == .v6) == isBracketed else { return nil }
    self.address = address
    self.port = port
  }

  public var description: String { address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

/// A socket that listens at an address.
public final class TCPSocket: Sendable {
  /// The port is the one that it got.
  public let address: TCPAddress
  let descriptor: Int32

  public init(_ wanted: TCPAddress) throws(ControlError) {
    let family = wanted.address.family == .v4 ? AF_INET : AF_INET6
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0, descriptor.makeOwn() else { throw .last("socket") }
    do throws(ControlError) {
      var yes: Int32 = 1
      _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
      try Self.bind(descriptor, wanted)
      guard listen(descriptor, 64) == 0 else { throw .last("listening on \(wanted)") }
      var address = wanted
      address.port = try Self.port(descriptor)
      self.address = address
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  private static func bind(_ descriptor: Int32, _ wanted: TCPAddress) throws(ControlError) {
    var room = sockaddr_storage()
    let length = unsafe withUnsafeMutableBytes(of: &room) { bytes -> Int in
      let isV4 = wanted.address.family == .v4
      unsafe bytes.storeBytes(of: sa_family_t(isV4 ? AF_INET : AF_INET6), as: sa_family_t.self)
      unsafe bytes.storeBytes(of: wanted.port.bigEndian, toByteOffset: 2, as: UInt16.self)
      if isV4 {
        unsafe bytes.storeBytes(of: UInt32(wanted.address.low).bigEndian, toByteOffset: 4, as: UInt32.self)
        return MemoryLayout<sockaddr_in>.size
      }
      unsafe bytes.storeBytes(of: wanted.address.high.bigEndian, toByteOffset: 8, as: UInt64.self)
      unsafe bytes.storeBytes(of: wanted.address.low.bigEndian, toByteOffset: 16, as: UInt64.self)
      return MemoryLayout<sockaddr_in6>.size
    }
    let bound = unsafe withUnsafePointer(to: &room) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.bind(descriptor, $0, socklen_t(length))
      }
    }
    guard bound == 0 else { throw .last("listening on \(wanted)") }
  }

  private static func port(_ descriptor: Int32) throws(ControlError) -> UInt16 {
    var room = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = unsafe withUnsafeMutablePointer(to: &room) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
    }
    guard code == 0 else { throw .last("getsockname") }
    return unsafe withUnsafeBytes(of: &room) { unsafe UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
  }
}
