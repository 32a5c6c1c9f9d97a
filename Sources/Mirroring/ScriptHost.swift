public import Inventory
public import Wire

/// What a script's function may see of one observation; borrowed for the length of one call.
@safe public struct ObservedPacket {
  /// First captured byte of the link-layer frame.
  public var bytes: UnsafeRawPointer
  public var captured: Int
  /// Length on the wire.
  public var original: Int
  /// Nanoseconds since 1970.
  public var time: Int64
  /// The engine's clock: the latest packet time so far.
  public var clock: Int64
  public var decoder: LinkDecoder
  public var summary: PacketSummary
  /// The VPC of the mirror that asks.
  public var vpc: VPCIndex
  /// The ENI where the packet is observed; nil: an unlisted ENI of `subnet`.
  public var eni: ENIIndex?
  public var subnet: SubnetIndex
  public var isOutbound: Bool
  /// The conversation so far, this packet included. `id` is stable while the conversation lives.
  public var flow: Flow

  public struct Flow {
    public var id: UInt32
    public var packets: UInt64
    public var bytes: UInt64
    /// Nanoseconds since 1970 of its first packet.
    public var firstSeen: Int64

    public init(id: UInt32, packets: UInt64, bytes: UInt64, firstSeen: Int64) {
      self.id = id
      self.packets = packets
      self.bytes = bytes
      self.firstSeen = firstSeen
    }
  }

  @inlinable
  public init(
    bytes: UnsafeRawPointer, captured: Int, original: Int, time: Int64, decoder: LinkDecoder, summary: PacketSummary,
    vpc: VPCIndex, eni: ENIIndex?, subnet: SubnetIndex, isOutbound: Bool, flow: Flow,
    clock: Int64? = nil
  ) {
    unsafe self.bytes = bytes
    self.captured = captured
    self.original = original
    self.time = time
    self.clock = clock ?? time
    self.decoder = decoder
    self.summary = summary
    self.vpc = vpc
    self.eni = eni
    self.subnet = subnet
    self.isOutbound = isOutbound
    self.flow = flow
  }
}

/// A filter function's answer.
@frozen public enum ScriptAnswer: UInt8, Sendable {
  case no, yes
  /// The function failed, or is not called any more because it failed too often.
  case failed
}

/// A balancer function's answer.
@frozen public enum ScriptChoice: Sendable, Equatable {
  /// Position in the mirror's receivers; range-checked by the host.
  case receiver(Int)
  case none
  case failed
}

/// Who carries out script functions: one per policy file and worker.
///
/// The core calls, the host answers; it never throws and never traps. The packet is borrowed: it must not be kept.
public protocol ScriptHost: AnyObject {
  /// Calls the filter function `function` of a mirror (its index in the plan).
  func judge(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer

  /// Calls the balancer function `function` of a mirror.
  func choose(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice

  /// Nanoseconds that the functions of a mirror have taken so far, estimated: the next answer may be less.
  func nanoseconds(mirror: Int) -> UInt64

  /// When the next timer is due, in nanoseconds since 1970 of the engine's clock; `Int64.max`: none.
  var nextTimer: Int64 { get }

  /// Called once when the engine's clock starts, with the time of the first packet.
  func start(at time: Int64)

  /// Runs every timer that is due at `time`.
  func runTimers(at time: Int64)

  /// The conversation ended or was forgotten: what scripts kept for it can go.
  func conversationEnded(_ id: UInt32)

  // MARK: Remembering (see `VerdictClasses` of DataPath)

  /// The answer that `judge` would give, if the host knows it without calling anything and it is the same for every packet of
  /// this direction of the conversation at this ENI. Counts nothing.
  func recall(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer?

  /// The same for `choose`.
  func recallChoice(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice?

  /// Whether `recall` could tell what the last `judge` or `choose` answered.
  var isRecallable: Bool { get }

  /// Changes whenever an answer of `recall` is not to be relied on any more.
  var generation: UInt64 { get }

  /// Answers that were recalled and relied on in place of calls.
  func credit(function: Int, mirror: Int, count: Int)

  /// Called before a failure is counted, so that what was recalled before it can be credited before it.
  var beforeFailure: (() -> Void)? { get set }

  /// Asks again what `recall` answers; if the answer differs, the function's answers are not remembered any more. Counts
  /// nothing else.
  func verify(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>)

  /// Where the function's last answer came from, in words for `explain`.
  func describeMemory(of function: Int) -> String?
}

/// A host that keeps no time and remembers nothing.
extension ScriptHost {
  public func nanoseconds(mirror: Int) -> UInt64 { 0 }
  public func recall(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer? { nil }
  public func recallChoice(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice? { nil }
  public var isRecallable: Bool { false }
  public var generation: UInt64 { 0 }
  public func credit(function: Int, mirror: Int, count: Int) {}
  public var beforeFailure: (() -> Void)? {
    get { nil }
    set {}
  }
  public func verify(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) {}
  public func describeMemory(of function: Int) -> String? { nil }
}
