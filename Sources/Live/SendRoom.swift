internal import CLiveShims
internal import Wire

/// Room for the copies of one batch on their way out: their order by outlet, and headers and datagrams of one call.
///
/// Safe because: owned memory; `append` is called at most `LV_SEND_LIMIT` times between two `removeAll`, which it checks.
@safe final class SendRoom {
  private static let limit = Int(LV_SEND_LIMIT)
  private let headers: UnsafeMutableRawPointer
  let datagrams: UnsafeMutablePointer<lv_datagram>
  /// Of each datagram the number of its copy, and how it goes.
  private let numbers: UnsafeMutablePointer<(copy: Int, fit: Fit)>
  private(set) var count = 0

  /// How a copy goes that may be too long for the path.
  enum Fit { case whole, fragmented, truncated }

  /// Copies sorted by outlet, each outlet's in their order; the outlet of each; where each outlet's end.
  private var order: [Int] = []
  private var outletAt: [Int] = []
  private var ends: [Int] = []

  init() {
    unsafe headers = .allocate(byteCount: Self.limit * EncapsulationTemplate.capacity, alignment: 32)
    unsafe datagrams = .allocate(capacity: Self.limit)
    unsafe numbers = .allocate(capacity: Self.limit)
  }

  deinit {
    unsafe headers.deallocate()
    unsafe datagrams.deallocate()
    unsafe numbers.deallocate()
  }

  // MARK: Order

  /// Counting sort.
  func sort(count: Int, outlets: Int, outletOf: (Int) -> Int) {
    ends.removeAll(keepingCapacity: true)
    ends.append(contentsOf: repeatElement(0, count: outlets))
    for copy in 0..<count { ends[outletOf(copy)] += 1 }
    var sum = 0
    for outlet in 0..<outlets {
      let size = ends[outlet]
      ends[outlet] = sum
      sum += size
    }
    if order.count < count {
      order += repeatElement(0, count: count - order.count)
      outletAt += repeatElement(0, count: count - outletAt.count)
    }
    // Where the next of each goes; its end, when all are placed.
    for copy in 0..<count {
      let outlet = outletOf(copy)
      order[ends[outlet]] = copy
      outletAt[ends[outlet]] = outlet
      ends[outlet] += 1
    }
  }

  func outlet(_ place: Int) -> Int { outletAt[place] }
  func end(of outlet: Int) -> Int { ends[outlet] }
  func copy(_ place: Int) -> Int { order[place] }

  // MARK: Datagrams

  func removeAll() { count = 0 }

  /// The copy's number, by that of its datagram.
  func number(_ datagram: Int) -> Int { unsafe numbers[datagram].copy }
  func fit(_ datagram: Int) -> Fit { unsafe numbers[datagram].fit }
  /// Behind the outer IP header.
  func byteCount(_ datagram: Int) -> Int {
    unsafe Int(datagrams[datagram].header_length + datagrams[datagram].body_length)
  }

  /// - Parameters:
  ///   - skipping: bytes of the template in front, which the kernel makes.
  ///   - port: ERSPAN: the port of the index.
  func append(
    _ number: Int, _ fit: Fit, _ packet: TunnelPacket, _ template: EncapsulationTemplate, skipping outer: Int,
    port: UInt32
  ) {
    precondition(count < Self.limit)
    let header = unsafe headers + count * EncapsulationTemplate.capacity
    unsafe template.bytes.withUnsafeBytes { bytes in
      unsafe template.layout.emit(to: header, from: bytes.baseAddress!, packet)
    }
    unsafe template.layout.setPort(port, in: header)
    unsafe (datagrams + count).initialize(
      to: lv_datagram(
        header: header + outer, body: packet.body, header_length: UInt32(template.layout.byteCount - outer),
        body_length: UInt32(packet.captured)))
    unsafe numbers[count] = (number, fit)
    count += 1
  }
}

extension LiveReport.Receiver.Counts {
  /// A copy on its way to the kernel.
  mutating func add(_ fit: SendRoom.Fit, byteCount: Int) {
    bytes += UInt64(byteCount)
    if fit == .fragmented { fragmented += 1 }
    if fit == .truncated { truncated += 1 }
  }

  /// The kernel did not take it.
  mutating func take(back fit: SendRoom.Fit, byteCount: Int) {
    bytes -= UInt64(byteCount)
    if fit == .fragmented { fragmented -= 1 }
    if fit == .truncated { truncated -= 1 }
  }
}
