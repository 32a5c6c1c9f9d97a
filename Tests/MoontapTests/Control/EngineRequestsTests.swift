import Foundation
import Synchronization
import Testing
import Threads

@testable import moontap

struct EngineRequestsTests {
  private final class Flag: Sendable { let isSet = Atomic<Bool>(false) }

  /// However who asks and who listens meet: where it rings somebody has asked and was not heard yet. Else the bell would never be
  /// silenced, and the engine go round without a pause.
  @Test func theBellRingsForWhoWasNotHeard() throws {
    let requests = try EngineRequests()
    let hasEnded = Flag()
    try BackgroundThread.begin("asking") {
      for _ in 0..<50_000 {
        requests.nudge()
        let pause = ContinuousClock.now + .microseconds(10)
        while ContinuousClock.now < pause {}
      }
      hasEnded.isSet.store(true, ordering: .releasing)
    }
    var forNothing = 0
    while !hasEnded.isSet.load(ordering: .acquiring) {
      _ = requests.hear()
      var bell = pollfd(fd: requests.bell.descriptor, events: Int16(POLLIN), revents: 0)
      if unsafe poll(&bell, 1, 0) == 1, !requests.hear() { forNothing += 1 }
    }
    #expect(forNothing == 0)
  }
}
