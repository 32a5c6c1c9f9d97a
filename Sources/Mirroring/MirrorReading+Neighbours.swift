import Inventory
import JSONText
import Wire

/// What a draft must know of a mirror beside it: one that exists, or a draft before it, right or wrong.
struct MirrorNeighbour {
  var name: String?
  var vpc: VPCIndex?
  var range: CollectionRange?
  var receivers: [IPAddress]
  var isEnabled: Bool
  var origin: String

  init(_ mirror: TrafficMirror) {
    name = mirror.name
    vpc = mirror.vpc
    range = mirror.range
    receivers = mirror.receivers
    isEnabled = mirror.isEnabled
    origin = mirror.origin
  }

  init(_ reading: MirrorReading) {
    name = reading.name
    vpc = reading.vpc
    range = reading.range
    receivers = reading.receivers ?? []
    isEnabled = reading.isEnabled
    origin = reading.draft.origin
  }
}

/// The mirrors beside a draft, by VPC.
struct MirrorNeighbours {
  private var byVPC: [VPCIndex: [MirrorNeighbour]] = [:]
  private var counts: [VPCIndex: Int] = [:]
  /// Where the first mirror of a name is from.
  private var origins: [VPCIndex: [String: String]] = [:]

  mutating func add(_ mirror: MirrorNeighbour) {
    guard let vpc = mirror.vpc else { return }
    counts[vpc, default: 0] += 1
    if let name = mirror.name, origins[vpc]?[name] == nil { origins[vpc, default: [:]][name] = mirror.origin }
    // Whoever comes behind these breaks `vpc.mirror-limit`, whatever else is compared.
    if counts[vpc, default: 0] <= 4 * MirrorRule.mirrorsPerVPC { byVPC[vpc, default: []].append(mirror) }
  }

  func count(in vpc: VPCIndex) -> Int { counts[vpc] ?? 0 }
  func mirrors(in vpc: VPCIndex) -> [MirrorNeighbour] { byVPC[vpc] ?? [] }
  func origin(of name: String, in vpc: VPCIndex) -> String? { origins[vpc]?[name] }
}

extension MirrorReading {
  mutating func compareWithNeighbours() {
    guard isEnabled, let vpc, let range, let field = members["range"] else { return }
    // One that is there already is refused as such: what it overlaps with is no news, least of all itself.
    if let name, neighbours.origin(of: name, in: vpc) != nil { return }
    for other in neighbours.mirrors(in: vpc) where other.isEnabled {
      guard let otherRange = other.range, let shared = sharedPart(range, otherRange, vpc) else { continue }
      warn(
        "range.overlap", field,
        "\(shared) also collected by mirror \((other.name ?? "").quotedForMessage) from \(other.origin)",
        hint: "packets that both filters let through are copied by both")
    }
  }

  /// `ENI eni-web1 and 2 more are`, or nil when the ranges have no ENI in common, listed or not.
  private func sharedPart(_ a: CollectionRange, _ b: CollectionRange, _ vpc: VPCIndex) -> String? {
    let others = Set(inventory.enis(of: b, vpc: vpc))
    let shared = inventory.enis(of: a, vpc: vpc).filter(others.contains)
    if let first = shared.first {
      let name = "ENI \(inventory.enis[first].id)"
      return shared.count == 1 ? name + " is" : name + " and \(shared.count - 1) more are"
    }
    let subnets = Set(wholeSubnets(b, vpc))
    return wholeSubnets(a, vpc).first(where: subnets.contains).map { "subnet \(inventory.subnets[$0].id) is" }
  }

  /// Subnets whose unlisted ENIs are in the range too.
  private func wholeSubnets(_ range: CollectionRange, _ vpc: VPCIndex) -> [SubnetIndex] {
    switch range {
    case .vpc: inventory.vpcs[vpc].subnets
    case .subnets(let subnets): subnets
    case .enis, .selected: []
    }
  }
}
