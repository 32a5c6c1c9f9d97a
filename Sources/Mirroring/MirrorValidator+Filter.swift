import JSONText

extension MirrorValidator {
  /// Reads a filter that stands alone, outside of any mirror: of no VPC, and so without `nat`.
  ///
  /// - Returns: nil, with at least one violation, if it is wrong.
  public func read(
    filter draft: FilterDraft, at location: SourceLocation
  ) -> (filter: FilterExpression?, violations: [MirrorViolation]) {
    let mirror = MirrorDraft([], spelling: .snakeCase, location: location)
    var reading = MirrorReading(
      mirror, inventory: inventory, bpf: bpf, neighbours: MirrorNeighbours(), identifiers: NetworkIdentifiers(taken: [])
    )
    reading.members["filter"] = DraftField(
      value: DraftValue(.filter(draft), at: location), path: "filter", location: location, spelling: .snakeCase)
    reading.readFilter()
    let errors = reading.violations.filter { !$0.isWarning }
    return (errors.isEmpty ? reading.filter : nil, errors)
  }
}
