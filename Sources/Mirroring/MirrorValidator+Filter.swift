// A filter alone, outside of a mirror: for looking for packets.
extension MirrorValidator {
  /// The filter, or what is wrong with it.
  ///
  /// Without a VPC there are no NAT gateways to name.
  public func filter(_ draft: FilterDraft) -> (filter: FilterExpression?, violations: [MirrorViolation]) {
    let location = draft.location ?? SourceLocation(file: "")
    let members = [DraftMember("filter", DraftValue(.filter(draft), at: location))]
    var reading = MirrorReading(
      MirrorDraft(members, spelling: .snakeCase, location: location), inventory: inventory, bpf: bpf,
      neighbours: MirrorNeighbours(),
      identifiers: NetworkIdentifiers(taken: []))
    reading.members["filter"] = reading.draft.root.member("filter", members[0].value)
    reading.readFilter()
    let violations = reading.sortedViolations
    return (violations.contains { !$0.isWarning } ? nil : reading.filter, violations)
  }
}
