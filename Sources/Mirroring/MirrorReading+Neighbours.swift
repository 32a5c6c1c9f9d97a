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

extension MirrorReading {
  mutating func compareWithNeighbours() {
    guard isEnabled, let vpc, let range, let field = members["range"] else { return }
    for other in neighbours where other.isEnabled && other.vpc == vpc {
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
