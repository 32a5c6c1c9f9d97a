public import Inventory

/// Turns drafts into mirrors, or says everything that is wrong with them (semantics section 4).
///
/// The one road from a definition to a mirror, wherever the definition comes from. The rules stand in `MirrorRule`.
public struct MirrorValidator {
  public let inventory: Inventory
  let bpf: (any BPFCompiler)?

  /// - Parameter bpf: checks `filter.bpf` expressions; nil: they are taken as they are.
  public init(inventory: Inventory, bpf: (any BPFCompiler)? = nil) {
    self.inventory = inventory
    self.bpf = bpf
  }

  /// Checks drafts that shall live together.
  ///
  /// - Parameter existing: mirrors that stay as they are: they count for limits, unique names and VNIs, overlaps.
  ///   A mirror that is being changed is not among them.
  public func validate(_ drafts: [MirrorDraft], besides existing: [TrafficMirror] = []) -> MirrorValidation {
    var neighbours = MirrorNeighbours()
    for mirror in existing { neighbours.add(MirrorNeighbour(mirror)) }
    let numbers = existing.filter { $0.encapsulation.kind != .none }.map(\.encapsulation.vni)
    var identifiers = NetworkIdentifiers(taken: Set(numbers + drafts.compactMap(\.explicitVNI)))
    var result = MirrorValidation()
    for draft in drafts {
      let read = read(draft, neighbours, identifiers)
      result.violations += read.violations
      if let mirror = read.mirror {
        result.mirrors.append(mirror)
        if mirror.encapsulation.kind != .none { identifiers.take(mirror.encapsulation.vni) }
      }
      neighbours.add(read.neighbour)
    }
    return result
  }

  /// A function of its own, so that the reading is gone before what it read from grows: else all of that is copied.
  private func read(
    _ draft: MirrorDraft, _ neighbours: MirrorNeighbours, _ identifiers: NetworkIdentifiers
  ) -> (mirror: TrafficMirror?, violations: [MirrorViolation], neighbour: MirrorNeighbour) {
    var reading = MirrorReading(
      draft, inventory: inventory, bpf: bpf, neighbours: neighbours, identifiers: identifiers)
    reading.read()
    return (reading.mirror, reading.sortedViolations, MirrorNeighbour(reading))
  }
}

/// What a validator found.
public struct MirrorValidation: Sendable {
  /// The mirrors of the drafts without an error, in the order of the drafts.
  public var mirrors: [TrafficMirror] = []
  /// Errors and warnings, by draft in their order.
  public var violations: [MirrorViolation] = []

  public var errors: [MirrorViolation] { violations.filter { !$0.isWarning } }
  public var warnings: [MirrorViolation] { violations.filter(\.isWarning) }
}
