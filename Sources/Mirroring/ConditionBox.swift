import Wire

/// The packets that one orientation of a quintuple condition matches, as a product of intervals: boxes intersect field
/// by field, so that questions about sets of packets are answered exactly.
struct ConditionBox: Hashable {
  var `protocol`: IPProtocol?
  var source: CIDR?
  var destination: CIDR?
  var sourcePort: ClosedRange<UInt16>?
  var destinationPort: ClosedRange<UInt16>?

  init(_ condition: QuintupleCondition) {
    self.protocol = condition.protocol
    source = condition.source
    destination = condition.destination
    sourcePort = condition.sourcePort
    destinationPort = condition.destinationPort
  }

  /// The same packets on their way back.
  var swapped: ConditionBox {
    var box = self
    (box.source, box.destination) = (destination, source)
    (box.sourcePort, box.destinationPort) = (destinationPort, sourcePort)
    return box
  }

  /// The same packets, said alike: where one end is given, the other is any address of its family.
  var withBothFamilies: ConditionBox {
    var box = self
    box.source = source ?? destination.flatMap { CIDR($0.address, length: 0) }
    box.destination = destination ?? source.flatMap { CIDR($0.address, length: 0) }
    return box
  }

  /// One box, or two when the condition is bidirectional.
  static func boxes(_ condition: QuintupleCondition) -> Set<ConditionBox> {
    let box = ConditionBox(condition)
    return condition.isBidirectional ? [box, box.swapped] : [box]
  }

  /// The packets that meet all conditions; empty: there are none. nil: too many combinations to tell.
  static func intersection(of conditions: [QuintupleCondition]) -> Set<ConditionBox>? {
    guard let first = conditions.first else { return nil }
    var result = boxes(first)
    for condition in conditions.dropFirst() {
      var next: Set<ConditionBox> = []
      for a in result {
        for b in boxes(condition) { if let both = a.intersection(b) { next.insert(both) } }
      }
      guard next.count <= 256 else { return nil }
      result = next
    }
    return result
  }

  private func intersection(_ other: ConditionBox) -> ConditionBox? {
    guard let number = Self.both(self.protocol, other.protocol, { $0 == $1 ? $0 : nil }),
      let from = Self.both(source, other.source, Self.narrower),
      let to = Self.both(destination, other.destination, Self.narrower),
      let fromPort = Self.both(sourcePort, other.sourcePort, Self.overlap),
      let toPort = Self.both(destinationPort, other.destinationPort, Self.overlap)
    else { return nil }
    var box = self
    box.protocol = number
    box.source = from
    box.destination = to
    box.sourcePort = fromPort
    box.destinationPort = toPort
    return box.isPossible ? box : nil
  }

  /// Of two fields that may be absent: the given one, or both combined. Outer nil: nothing meets both.
  private static func both<Field>(_ a: Field?, _ b: Field?, _ combine: (Field, Field) -> Field?) -> Field?? {
    guard let a, let b else { return .some(a ?? b) }
    return combine(a, b).map { .some($0) }
  }

  private static func narrower(_ a: CIDR, _ b: CIDR) -> CIDR? { a.contains(b) ? b : b.contains(a) ? a : nil }

  private static func overlap(_ a: ClosedRange<UInt16>, _ b: ClosedRange<UInt16>) -> ClosedRange<UInt16>? {
    a.overlaps(b) ? a.clamped(to: b) : nil
  }

  /// Addresses of one packet are of one family; ports stand only in protocols that have them.
  private var isPossible: Bool {
    if let source, let destination, source.family != destination.family { return false }
    if let number = self.protocol, sourcePort != nil || destinationPort != nil { return number.hasPorts }
    return true
  }

  /// Whether every packet that `narrow` matches is matched by `wide`: each orientation of the one lies in an
  /// orientation of the other.
  static func covers(_ wide: [ConditionBox], _ narrow: [ConditionBox]) -> Bool {
    narrow.allSatisfy { inner in wide.contains { $0.contains(inner) } }
  }

  private func contains(_ other: ConditionBox) -> Bool {
    (self.protocol == nil || self.protocol == other.protocol)
      && Self.contains(source, other.source) { $0.contains($1) }
      && Self.contains(destination, other.destination) { $0.contains($1) }
      && Self.contains(sourcePort, other.sourcePort) { $0.contains($1) }
      && Self.contains(destinationPort, other.destinationPort) { $0.contains($1) }
  }

  private static func contains<Field>(_ a: Field?, _ b: Field?, _ test: (Field, Field) -> Bool) -> Bool {
    guard let a else { return true }
    return b.map { test(a, $0) } ?? false
  }
}
