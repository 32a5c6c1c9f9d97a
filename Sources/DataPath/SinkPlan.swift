public import Mirroring
public import Wire

/// What a sink must know of the plan: flat tables that the indices of `Copy` point into.
public struct SinkPlan: Sendable {
  /// One mirror's one receiver.
  public struct Route: Sendable {
    public var mirrorName: String
    /// The mirror's position among the enabled ones.
    public var mirror: Int
    /// The VPC's id, with its region where ids repeat.
    public var vpc: String
    public var receiver: IPAddress
    public var encapsulation: Encapsulation
    /// File stem of the receiver, unique among the plan's receivers: the address (`:` written `-`), preceded by
    /// the VPC id and `_` when two VPCs have receivers of one address.
    public var fileStem: String

    public init(
      mirrorName: String, mirror: Int = 0, vpc: String = "", receiver: IPAddress, encapsulation: Encapsulation,
      fileStem: String
    ) {
      self.mirrorName = mirrorName
      self.mirror = mirror
      self.vpc = vpc
      self.receiver = receiver
      self.encapsulation = encapsulation
      self.fileStem = fileStem
    }

    public var destination: Destination {
      Destination(
        receiver: receiver, kind: encapsulation.kind, port: encapsulation.kind == .vxlan ? encapsulation.port : 0)
    }
  }

  /// Where copies go: what is up or down as one, whichever mirrors send there.
  public struct Destination: Hashable, Sendable {
    public var receiver: IPAddress
    public var kind: Encapsulation.Kind
    /// UDP; VXLAN only, else 0.
    public var port: UInt16

    public init(receiver: IPAddress, kind: Encapsulation.Kind, port: UInt16) {
      self.receiver = receiver
      self.kind = kind
      self.port = port
    }
  }

  /// One ENI: where a packet was observed.
  public struct Origin: Sendable {
    /// The ENI's id: interface name in pcapng. Unlisted ENIs share one origin per subnet: `subnet-web (unlisted)`.
    public var name: String
    public var mac: MACAddress?
    /// Outer source address of copies by family; nil: unspecified address.
    public var v4: IPAddress?
    public var v6: IPAddress?

    public init(name: String, mac: MACAddress?, v4: IPAddress?, v6: IPAddress?) {
      self.name = name
      self.mac = mac
      self.v4 = v4
      self.v6 = v6
    }
  }

  /// How copies of one mirror are sent live.
  public struct Mirror: Sendable {
    public var oversize: OversizePolicy?
    public var budget: MirrorBudget?
    public var priority: Int

    public init(oversize: OversizePolicy? = nil, budget: MirrorBudget? = nil, priority: Int = 50) {
      self.oversize = oversize
      self.budget = budget
      self.priority = priority
    }
  }

  public var routes: [Route]
  public var origins: [Origin]
  /// The enabled mirrors: what a route's `mirror` points into.
  public var mirrors: [Mirror]

  public init(routes: [Route], origins: [Origin], mirrors: [Mirror] = []) {
    self.routes = routes
    self.mirrors = mirrors
    self.origins = origins
  }
}
