/// Which of a plan's routes take copies.
struct RouteHealth: Sendable {
  /// By route.
  private(set) var isWell: [Bool]
  /// By entry: receivers that take copies.
  private(set) var wellCount: [Int]
  private(set) var isAllWell: Bool

  init(_ plan: MirrorPlan, down: Set<SinkPlan.Destination>) {
    let isWell = plan.sinkPlan.routes.map { down.isEmpty || !down.contains($0.destination) }
    self.isWell = isWell
    wellCount = plan.entries.map { entry in
      isWell[entry.firstRoute..<entry.firstRoute + entry.receiverCount].count { $0 }
    }
    isAllWell = !isWell.contains(false)
  }
}
