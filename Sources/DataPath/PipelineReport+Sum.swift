// What several pipelines of one run have counted, put together: each met other records, by the same plans at the same times.

extension PipelineReport {
  /// - Throws: `IdentityViolation` if the sum does not add up.
  public func adding(_ other: PipelineReport) throws(IdentityViolation) -> PipelineReport {
    var sum = self
    sum.records += other.records
    sum.undecodable += other.undecodable
    sum.unattributed += other.unattributed
    sum.fragmentsWithoutPorts += other.fragmentsWithoutPorts
    sum.conversations.live += other.conversations.live
    sum.conversations.evicted += other.conversations.evicted
    var names = OriginNames(origins)
    let positions = other.origins.map { names.position($0) }
    sum.mirrors = Self.sum(mirrors, other.mirrors, positions)
    sum.former = Self.sum(former, other.former, positions)
    sum.origins = names.names
    try sum.checkIdentity()
    return sum
  }

  private static func sum(_ some: [Mirror], _ more: [Mirror], _ positions: [Int]) -> [Mirror] {
    more.reduce(into: some) { sums, mirror in
      var mirror = mirror
      for index in mirror.cells.indices { mirror.cells[index].origin = positions[mirror.cells[index].origin] }
      if let known = sums.firstIndex(where: { $0.identity == mirror.identity }) {
        sums[known].add(mirror)
      } else {
        sums.append(mirror)
      }
    }
  }
}

extension PipelineReport.Mirror {
  fileprivate mutating func add(_ other: Self) {
    observed += other.observed
    collected += other.collected
    unattributed += other.unattributed
    undecodable += other.undecodable
    absent += other.absent
    isOncePerRecord = isOncePerRecord && other.isOncePerRecord
    for index in reasons.indices { reasons[index].tally += other.reasons[index].tally }
    for receiver in other.receivers {
      if let known = receivers.firstIndex(where: { $0.address == receiver.address }) {
        receivers[known] = receivers[known] + receiver
      } else {
        receivers.append(receiver)
      }
    }
    for cell in other.cells {
      if let known = cells.firstIndex(where: { $0.origin == cell.origin && $0.isOutbound == cell.isOutbound }) {
        cells[known] = cells[known] + cell
      } else {
        cells.append(cell)
      }
    }
    sortCells()
  }
}
