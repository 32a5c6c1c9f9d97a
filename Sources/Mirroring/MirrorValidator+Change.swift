public import JSONText

extension MirrorValidator {
  /// Checks one draft that shall live beside others, which stay as they are, right or wrong: what a store asks before
  /// it keeps a change.
  ///
  /// - Parameters:
  ///   - others: the mirrors that may matter to the draft: at least those of its VPC. Nothing is said about them.
  ///   - taken: VNIs of mirrors that are not among `others`.
  public func validate(
    _ draft: MirrorDraft, beside others: [MirrorDraft], takenVNIs taken: Set<UInt32> = []
  ) -> MirrorValidation {
    let numbers = (others + [draft]).compactMap(\.explicitVNI)
    let identifiers = NetworkIdentifiers(taken: taken.union(numbers))
    var neighbours = MirrorNeighbours()
    for other in others {
      var reading = MirrorReading(
        other, inventory: inventory, bpf: nil, neighbours: MirrorNeighbours(), identifiers: NetworkIdentifiers())
      reading.read()
      neighbours.add(MirrorNeighbour(reading))
    }
    var reading = MirrorReading(
      draft, inventory: inventory, bpf: bpf, neighbours: neighbours, identifiers: identifiers)
    reading.read()
    var result = MirrorValidation()
    result.violations = reading.sortedViolations
    result.mirrors = reading.mirror.map { [$0] } ?? []
    return result
  }
}

extension MirrorDraft {
  /// A definition as an object of a `moontap.mirrors/1` document has it.
  ///
  /// - Parameter file: the place that violations name.
  public init(_ members: [JSONMember], file: String, path: String = "", line: Int = 0) {
    self.init(
      DraftValue.members(members, file: file), spelling: .camelCase, location: SourceLocation(file: file, line: line),
      path: path)
  }
}
