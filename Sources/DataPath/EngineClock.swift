/// The latest packet time; it never goes back. Ticks count from the first packet.
struct EngineClock {
  /// Nanoseconds since 1970.
  private(set) var time: Int64 = .min
  private(set) var tick: UInt32 = 0
  /// When scripts want to be called.
  var nextTimer: Int64 = .max
  private var first: Int64 = 0
  private var isStarted = false
  /// Until then neither the tick changes nor a timer is due.
  private var horizon: Int64 = .min

  /// - Parameter time: later than `time`.
  /// - Returns: whether it is time for timers and `wind`.
  @inline(__always)
  mutating func advance(to time: Int64) -> Bool {
    self.time = time
    return time >= horizon
  }

  /// - Returns: false if it was started before.
  mutating func start(at time: Int64) -> Bool {
    guard !isStarted else { return false }
    isStarted = true
    first = time
    return true
  }

  /// Reads the tick off the time. Times so far apart that their difference overflows are wound each time.
  mutating func wind() {
    let elapsed = time &- first
    tick = UInt32(truncatingIfNeeded: ConversationTable.tick(elapsed))
    let next = first.addingReportingOverflow((elapsed >> ConversationTable.tickBits &+ 1) << ConversationTable.tickBits)
    horizon = next.overflow || elapsed < 0 ? .min : min(next.partialValue, nextTimer)
  }
}
