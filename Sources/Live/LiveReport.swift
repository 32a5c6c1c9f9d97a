public import DataPath
internal import Mirroring
public import Wire

/// What a live run counted of interfaces and receivers, and how it is confined; a snapshot.
public struct LiveReport: Sendable {
  public struct Interface: Sendable {
    public struct Counts: Sendable, Hashable {
      /// Frames that met the kernel's filter, as the kernel counts.
      public var met: UInt64 = 0
      /// Of them those that found no room in the ring.
      public var lost: UInt64 = 0
      /// Frames read from the ring: met less lost, once the capture has ended.
      public var read: UInt64 = 0
      /// Read and left out: what a loopback interface sends, which it receives too.
      public var echoed: UInt64 = 0
      /// Frames that were cut into segments, and how many those were.
      public var superFrames: UInt64 = 0
      public var segments: UInt64 = 0
      /// Frames that the kernel marks to be cut, of a kind that is not: judged in one piece.
      public var uncut: UInt64 = 0
      /// Checksums that the card was to compute, put in; and those that could not be.
      public var checksums: UInt64 = 0
      public var uncheckedsums: UInt64 = 0
      /// VLAN tags that the kernel had taken off, put back.
      public var tags: UInt64 = 0

      /// What the pipeline was given.
      public var records: UInt64 { read - echoed - superFrames + segments }

      /// The same interface's counters at two times.
      public static func + (a: Self, b: Self) -> Self {
        var sum = a
        sum.met += b.met
        sum.lost += b.lost
        sum.read += b.read
        sum.echoed += b.echoed
        sum.superFrames += b.superFrames
        sum.segments += b.segments
        sum.uncut += b.uncut
        sum.checksums += b.checksums
        sum.uncheckedsums += b.uncheckedsums
        sum.tags += b.tags
        return sum
      }
    }

    /// As the inventory calls it.
    public var name: String
    public var isOpen: Bool
    public var counts: Counts
  }

  /// Why a receiver is down.
  public enum Trouble: String, Sendable, Hashable, CaseIterable {
    case noRoute = "no route"
    case linkDown = "link down"
    case noNeighbour = "next hop does not answer"
    case hostUnreachable = "host unreachable"
    case portUnreachable = "port unreachable"
    case protocolUnreachable = "protocol unreachable"
    case unanswered = "probe unanswered"
    case refused = "probe refused"
  }

  /// Whether a receiver takes copies.
  public struct Health: Sendable, Hashable {
    /// nil: it does.
    public var trouble: Trouble?
    /// When it went down or came back, nanoseconds since 1970; nil: it was never down.
    public var since: Int64?
    /// How often it went down.
    public var downs: UInt64 = 0

    public init() {}
  }

  public struct Receiver: Sendable {
    public struct Counts: Sendable, Hashable {
      /// Copies that the kernel took, and their bytes behind the outer IP header.
      public var sent: UInt64 = 0
      public var bytes: UInt64 = 0
      /// Of them those that were too long for the path: sent in fragments, or cut short.
      public var fragmented: UInt64 = 0
      public var truncated: UInt64 = 0
      public var queueFull: UInt64 = 0
      public var tooBig: UInt64 = 0
      public var sendError: UInt64 = 0
      /// Withheld, because they come back.
      public var looped: UInt64 = 0
      /// Over a budget.
      public var throttled: UInt64 = 0
      /// ICMP errors that answered copies.
      public var refused: UInt64 = 0
    }

    public var destination: SinkPlan.Destination
    public var health = Health()
    /// Bytes of an IP packet to it; nil: not known.
    public var pathMTU: Int?
    public var counts: Counts
    /// What the kernel said to the last copy that it did not take.
    public var lastError: String?
  }

  /// Copies come back as packets of this ENI.
  public struct Loop: Sendable, Hashable {
    public var eni: String
    public var isOutbound: Bool
  }

  /// Copies that a budget had no room for.
  public struct Shed: Sendable, Hashable {
    /// Sent, with their headers only.
    public var headersOnly: UInt64 = 0
    /// Of conversations that are no part of the sample.
    public var sampled: UInt64 = 0
    /// Beyond what the other ways save.
    public var overBudget: UInt64 = 0
    /// While the host had room for mirrors of a higher priority alone.
    public var byPriority: UInt64 = 0
    /// It is going on.
    public var isNow = false

    public init() {}

    /// The same mirror's of two senders, or at two times.
    public static func + (a: Shed, b: Shed) -> Shed {
      var sum = a
      sum.headersOnly += b.headersOnly
      sum.sampled += b.sampled
      sum.overBudget += b.overBudget
      sum.byPriority += b.byPriority
      sum.isNow = a.isNow || b.isNow
      return sum
    }
  }

  /// An enabled mirror.
  public struct Mirror: Sendable {
    /// What is said of it besides that it runs. Whether its scripts failed is said elsewhere.
    public enum State: String, Sendable, Hashable { case running, degraded, faulted, throttled }

    public var identity: MirrorIdentity
    /// Receivers that are down, and how many it has.
    public var down: [IPAddress]
    public var receiverCount: Int
    /// It is paused; nil: it is not.
    public var loop: Loop?

    public var shed: Shed

    public var state: State {
      if loop != nil { return .faulted }
      if !down.isEmpty { return .degraded }
      return shed.isNow ? .throttled : .running
    }
  }

  public var interfaces: [Interface]
  public var receivers: [Receiver]
  public var confinement: Confinement.Report
  /// Those of the plan in force, in its order.
  public var mirrors: [Mirror]

  public init(
    interfaces: [Interface], receivers: [Receiver], plan: MirrorPlan, loops: [Int: Loop], shed: [Shed],
    confinement: Confinement.Report
  ) {
    self.interfaces = interfaces
    self.receivers = receivers
    self.confinement = confinement
    var first = 0
    mirrors = plan.enabled.enumerated().map { entry, number in
      let count = plan.mirrors[number].receivers.count
      defer { first += count }
      let down = plan.sinkPlan.routes[first..<first + count].filter { route in
        receivers.contains { $0.destination == route.destination && $0.health.trouble != nil }
      }
      return Mirror(
        identity: plan.identity(number), down: down.map(\.receiver), receiverCount: count,
        loop: loops[entry], shed: shed[entry])
    }
  }
}

extension LiveReport.Loop: CustomStringConvertible {
  public var description: String {
    "its copies come back as packets that go \(isOutbound ? "out of" : "into") \(eni)"
  }
}
