public import Wire

/// What the captures that a `CaptureFileSink` writes look like.
public struct CaptureFileOptions: Sendable, Hashable {
  public enum Format: String, Sendable, Hashable, CaseIterable {
    /// Nanosecond timestamps, one link type a file.
    case pcap
    /// With ENI, direction and mirror name of every packet; any link types.
    case pcapng
  }

  public enum Content: String, Sendable, Hashable, CaseIterable {
    /// Frames as they were captured.
    case inner
    /// Copies as they would travel: Ethernet, IP, the tunnel, the frame.
    case encapsulated
  }

  public var format: Format
  public var content: Content
  /// Link type of a pcap file of inner frames that gets no packet; others have that of their first packet.
  public var linkType: LinkType
  /// Captures that are being read: they are never written over.
  public var inputs: Set<FileIdentity>

  public init(
    format: Format = .pcapng, content: Content = .inner, linkType: LinkType = .ethernet,
    inputs: Set<FileIdentity> = []
  ) {
    self.inputs = inputs
    self.format = format
    self.content = content
    self.linkType = linkType
  }
}
