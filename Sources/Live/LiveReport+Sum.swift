// What the workers of one run have counted, put together.

extension LiveReport.Receiver {
  /// - Parameter workers: the receivers of each worker, by the same plan.
  public static func sum(_ workers: [[Self]]) -> [Self] {
    workers.dropFirst().joined().reduce(into: workers.first ?? []) { sums, receiver in
      if let known = sums.firstIndex(where: { $0.destination == receiver.destination }) {
        sums[known].counts += receiver.counts
        sums[known].lastError = sums[known].lastError ?? receiver.lastError
      } else {
        sums.append(receiver)
      }
    }
  }
}

extension LiveReport.Receiver.Counts {
  static func += (a: inout Self, b: Self) {
    a.sent += b.sent
    a.bytes += b.bytes
    a.fragmented += b.fragmented
    a.truncated += b.truncated
    a.queueFull += b.queueFull
    a.tooBig += b.tooBig
    a.sendError += b.sendError
    a.looped += b.looped
    a.throttled += b.throttled
    a.refused += b.refused
  }
}

extension LiveReport.Shed {
  /// - Parameter workers: what each worker has shed, by mirror of the same plan.
  public static func sum(_ workers: [[Self]]) -> [Self] {
    workers.dropFirst().reduce(workers.first ?? []) { sums, sheds in
      zip(sums, sheds).map { a, b in
        var sum = a + b
        sum.isNow = a.isNow || b.isNow
        return sum
      }
    }
  }
}
