import SeededRandom
import Testing
import Wire

@testable import Mirroring

/// A small world of packets, in which questions about conditions can be answered by trying each.
private struct SmallPacket {
  var `protocol`: IPProtocol
  var source: IPAddress
  var destination: IPAddress
  var ports: (UInt16, UInt16)?

  static let all: [SmallPacket] = {
    let addresses = ["10.0.0.1", "10.0.0.9", "10.0.1.1", "2001:db8::1"].map { IPAddress($0)! }
    var packets: [SmallPacket] = []
    for number in [IPProtocol.tcp, .udp, .icmp] {
      for source in addresses {
        for destination in addresses where destination.family == source.family {
          let ports: [(UInt16, UInt16)?] =
            number.hasPorts ? [1, 2, 3].flatMap { a in [1, 2, 3].map { (UInt16(a), UInt16($0)) } } : [nil]
          packets += ports.map { SmallPacket(protocol: number, source: source, destination: destination, ports: $0) }
        }
      }
    }
    return packets
  }()

  var reply: SmallPacket {
    SmallPacket(protocol: self.protocol, source: destination, destination: source, ports: ports.map { ($1, $0) })
  }

  /// Section 6.1, word for word.
  func meets(_ condition: QuintupleCondition) -> Bool {
    meetsLiterally(condition) || condition.isBidirectional && reply.meetsLiterally(condition)
  }

  private func meetsLiterally(_ condition: QuintupleCondition) -> Bool {
    if let number = condition.protocol, number != self.protocol { return false }
    if let source = condition.source, !source.contains(self.source) { return false }
    if let destination = condition.destination, !destination.contains(self.destination) { return false }
    if let wanted = condition.sourcePort, !(ports.map { wanted.contains($0.0) } ?? false) { return false }
    if let wanted = condition.destinationPort, !(ports.map { wanted.contains($0.1) } ?? false) { return false }
    return true
  }
}

/// Conditions whose edges lie between the small world's packets, so that a set is empty there if and only if it is.
private func randomCondition(_ random: inout some RandomNumberGenerator) -> QuintupleCondition {
  let networks: [CIDR?] = [nil, nil, CIDR("10.0.0.0/16"), CIDR("10.0.0.0/24"), CIDR("10.0.1.0/24"), CIDR("::/0")]
  let ports: [ClosedRange<UInt16>?] = [nil, nil, nil, 1...1, 2...3, 3...3]
  var condition = QuintupleCondition(
    protocol: [nil, nil, .tcp, .udp, .icmp].randomElement(using: &random)!,
    source: networks.randomElement(using: &random)!, destination: networks.randomElement(using: &random)!,
    sourcePort: ports.randomElement(using: &random)!, destinationPort: ports.randomElement(using: &random)!,
    isBidirectional: .random(using: &random))
  if let number = condition.protocol, !number.hasPorts {
    (condition.sourcePort, condition.destinationPort) = (nil, nil)
  }
  if let a = condition.source, let b = condition.destination, a.family != b.family { condition.destination = nil }
  return condition
}

@Suite struct ConditionBoxTests {
  @Test func agreesWithTryingEveryPacket() {
    var random = SeededGenerator(seed: 7)
    var seen = (empty: 0, asymmetric: 0, covered: 0)
    for _ in 0..<3_000 {
      let conditions = (0..<Int.random(in: 1...3, using: &random)).map { _ in randomCondition(&random) }
      let matching = SmallPacket.all.filter { packet in conditions.allSatisfy { packet.meets($0) } }
      let boxes = ConditionBox.intersection(of: conditions)
      #expect(boxes?.isEmpty == matching.isEmpty, "\(conditions)")
      let isSymmetric = matching.allSatisfy { packet in conditions.allSatisfy { packet.reply.meets($0) } }
      if let boxes, boxes == Set(boxes.map(\.swapped)) { #expect(isSymmetric, "\(conditions)") }
      if covers(conditions[0], conditions.last!) {
        #expect(SmallPacket.all.allSatisfy { !$0.meets(conditions.last!) || $0.meets(conditions[0]) })
        seen.covered += 1
      }
      seen.empty += matching.isEmpty ? 1 : 0
      seen.asymmetric += isSymmetric ? 0 : 1
    }
    #expect(seen.empty > 100 && seen.asymmetric > 100 && seen.covered > 100)
  }

  @Test func givesUpOnTooManyCombinations() {
    let conditions =
      (0..<10).map { bit in
        QuintupleCondition(
          source: CIDR("0.0.0.0/\(bit)"), sourcePort: 1...UInt16(1_000 + bit), isBidirectional: true)
      } + (0..<10).map { QuintupleCondition(destinationPort: UInt16($0 + 1)...2_000, isBidirectional: true) }
    if let boxes = ConditionBox.intersection(of: conditions) { #expect(boxes.count <= 256) }
    #expect(ConditionBox.intersection(of: []) == nil)
  }
}

private func covers(_ wide: QuintupleCondition, _ narrow: QuintupleCondition) -> Bool {
  ConditionBox.covers(Array(ConditionBox.boxes(wide)), Array(ConditionBox.boxes(narrow)))
}
