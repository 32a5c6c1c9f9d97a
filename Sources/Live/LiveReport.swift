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
      /// ICMP errors that answered copies.
      public var refused: UInt64 = 0
    }

    public var address: IPAddress
    /// `vxlan`, `gre`
    public var transport: String
    /// Bytes of an IP packet to it; nil: not known.
    public var pathMTU: Int?
    public var counts: Counts
    /// What the kernel said to the last copy that it did not take.
    public var lastError: String?
  }

  public var interfaces: [Interface]
  public var receivers: [Receiver]
  public var confinement: Confinement.Report

  public init(interfaces: [Interface], receivers: [Receiver], confinement: Confinement.Report) {
    self.interfaces = interfaces
    self.receivers = receivers
    self.confinement = confinement
  }
}
