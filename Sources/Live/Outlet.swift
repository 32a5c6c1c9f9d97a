internal import CLiveShims
internal import DataPath
internal import Glibc
internal import Mirroring
internal import Wire

/// The way to one destination: a raw socket, whose send buffer is the receiver's queue.
///
/// Safe because: the descriptor has one owner.
@safe final class Outlet {
  /// The protocol behind the outer IP header.
  enum Transport: UInt8 {
    case udp = 17
    case gre = 47
  }

  let name: SinkPlan.Destination
  private var end: lv_end
  private var descriptor: Int32 = -1
  /// The socket is connected or bound, and need not be told with each copy where it goes.
  private var knowsEnd = false
  private let options: SendOptions
  /// `none`: the interface's index.
  private var interface: Int32 = 0
  /// Bytes of an outer packet that needs no fragments; Int.max: not known.
  private(set) var pathMTU = Int.max
  /// Of a copy, in processor time.
  var cost = SendCost()
  var counts = LiveReport.Receiver.Counts()
  private(set) var lastError: Int32 = 0
  private let sequence: SequenceNumbers.Counter

  init(_ name: SinkPlan.Destination, _ options: SendOptions, _ sequence: SequenceNumbers.Counter) throws(LiveError) {
    self.name = name
    self.options = options
    self.sequence = sequence
    end = name.kind == .none ? lv_end() : lv_end(name.receiver)
    try open()
  }

  deinit { close() }

  /// Its descriptor is held.
  var isOpen: Bool { descriptor >= 0 }

  /// Opens the way again, if it was closed.
  func open() throws(LiveError) {
    guard !isOpen else { return }
    guard name.kind != .none else { return try inject() }
    var fault = lv_fault()
    descriptor = unsafe lv_sender_open(
      &end, name.transport.rawValue, options.dscp << 2, Int32(clamping: options.queueByteCount), &fault)
    guard isOpen else { throw LiveError("sending to \(name.receiver)", fault) }
    lookAfter()
  }

  /// Gives the descriptor back; what was counted stays.
  func close() {
    if isOpen { Glibc.close(descriptor) }
    (descriptor, interface) = (-1, 0)
  }

  /// Outer IP header.
  var headerLength: Int { name.kind == .none ? 0 : name.receiver.family == .v4 ? 20 : 40 }

  /// Of the next copy, where copies are numbered.
  var nextSequence: UInt32 { name.kind == .erspan2 ? sequence.next() : 0 }

  /// Opens the way out of the interface, as it is now.
  private func inject() throws(LiveError) {
    let place = options.injection.map(InterfacePlace.init)
    guard let place, let found = try place.find() else { throw .noInjection(interface: options.injection) }
    pathMTU = Int(found.mtu) + 14
    guard found.index != interface else { return }
    var fault = lv_fault()
    let opened = unsafe lv_injector_open(found.index, Int32(clamping: options.queueByteCount), &fault)
    guard opened >= 0 else { throw LiveError("sending out of \(place.name)", fault) }
    close()
    (descriptor, interface, knowsEnd) = (opened, found.index, true)
  }

  /// Asks anew for the route and its MTU.
  func lookAfter() {
    // One that has gone may come back.
    if name.kind == .none { return (try? inject()) ?? () }
    // Each time: a route that went leaves the MTU of nothing behind.
    knowsEnd = unsafe lv_sender_connect(descriptor, &end)
    let mtu = knowsEnd ? unsafe lv_sender_path_mtu(descriptor, &end) : 0
    pathMTU = mtu > 0 ? Int(mtu) : .max
  }

  /// What a receiver can be told of by ICMP: the error is that of an earlier copy, and this one has not been tried yet.
  private static func isAnswer(_ code: Int32) -> Bool {
    code == ECONNREFUSED || code == EHOSTUNREACH || code == EPROTO || code == ENOPROTOOPT
  }

  /// Sends copies, in order, without waiting.
  ///
  /// - Parameter lost: which of them was not sent, and why.
  func send(_ datagrams: UnsafePointer<lv_datagram>, count: Int, lost: (Int, Loss) -> Void) {
    var position = 0
    var hasRetried = false
    var hardErrors = 0
    while position < count {
      var code: Int32 = 0
      let now = unsafe withUnsafePointer(to: end) { end in
        unsafe Int(lv_send(descriptor, knowsEnd ? nil : end, datagrams + position, count - position, &code))
      }
      counts.sent += UInt64(now)
      position += now
      guard position < count, code != 0 else { continue }
      if now > 0 { hasRetried = false }
      lastError = code
      if Self.isAnswer(code), !hasRetried {
        counts.refused += 1
        hasRetried = true
        continue
      }
      hasRetried = false
      switch code {
      case EAGAIN, ENOBUFS, ENOMEM:
        for rest in position..<count { lost(rest, .queueFull) }
        return
      case EMSGSIZE: lost(position, .tooBig)
      default:
        hardErrors += 1
        // What meets several, as a missing route, meets all.
        guard hardErrors < 4 else {
          for rest in position..<count { lost(rest, .sendError) }
          return
        }
        lost(position, .sendError)
      }
      position += 1
    }
  }

  enum Loss { case queueFull, sendError, tooBig }

  var report: LiveReport.Receiver {
    LiveReport.Receiver(
      destination: name, pathMTU: pathMTU == .max ? nil : pathMTU, counts: counts,
      lastError: lastError == 0 ? nil : unsafe String(cString: strerror(lastError)))
  }
}

extension lv_end {
  init(_ address: IPAddress) {
    self.init()
    family = address.family.rawValue
    let words = address.family == .v4 ? [address.low << 32] : [address.high, address.low]
    unsafe withUnsafeMutableBytes(of: &self.address) { bytes in
      for (index, word) in words.enumerated() {
        for place in 0..<8 {
          unsafe bytes[index * 8 + place] = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * place))
        }
      }
    }
  }
}
