import DataPath
import Mirroring
import Testing
import Wire

@testable import Live

/// Nanoseconds.
private func seconds(_ number: Int64) -> Int64 { number * 1_000_000_000 }

/// By reference, so that expectations may change it.
private final class Patient {
  var health = ReceiverHealth(recovery: seconds(5))
  var isDown: Bool { health.isDown }
  /// Tried at once each time.
  func note(_ trouble: LiveReport.Trouble, at time: Int64) -> Bool {
    defer { health.attempt(at: time) }
    return health.note(trouble, at: time)
  }
  func pass(to time: Int64) -> Bool { health.pass(to: time) }
}

@Suite struct ReceiverHealthTests {
  @Test func isDownAtOnceAndBackWhenNothingBadWasSaidForAWhile() {
    let health = Patient()
    #expect(!health.isDown)
    #expect(health.note(.portUnreachable, at: seconds(100)) && health.isDown)
    #expect(!health.note(.portUnreachable, at: seconds(103)))
    #expect(!health.pass(to: seconds(107)))
    #expect(health.pass(to: seconds(108)) && !health.isDown)
    #expect(!health.pass(to: seconds(109)))
    #expect(health.health.downs == 1)
  }

  /// However long nothing was said: a thread that was kept from trying knows nothing.
  @Test func isNotBackBeforeItWasTried() {
    let health = Patient()
    _ = health.health.note(.portUnreachable, at: seconds(100))
    #expect(!health.pass(to: seconds(200)))
    health.health.attempt(at: seconds(200))
    health.health.attempt(at: seconds(201))
    #expect(!health.pass(to: seconds(200) + 249_000_000) && health.pass(to: seconds(200) + 250_000_000))
    _ = health.health.note(.portUnreachable, at: seconds(210))
    #expect(!health.pass(to: seconds(300)))
  }

  @Test func theLatestTroubleIsTheReason() {
    let health = Patient()
    _ = health.note(.noNeighbour, at: seconds(1))
    _ = health.note(.noRoute, at: seconds(2))
    #expect(health.health.trouble == .noRoute)
  }

  @Test func whoFlapsWaitsLongerEachTimeUpToALimit() {
    let health = Patient()
    var time = seconds(100)
    var waits: [Int64] = []
    for _ in 0..<9 {
      _ = health.note(.portUnreachable, at: time)
      let start = time
      while !health.pass(to: time) { time += seconds(1) }
      waits.append((time - start) / seconds(1))
      time += seconds(1)
    }
    #expect(waits == [5, 10, 20, 40, 80, 160, 300, 300, 300])
    // Well for ten times as long: all is forgotten.
    time += seconds(3000)
    _ = health.note(.portUnreachable, at: time)
    #expect(!health.pass(to: time + seconds(5) - 1) && health.pass(to: time + seconds(5)))
  }

  // MARK: ICMP

  private func unreachable(_ code: UInt8, quoting packet: [UInt8]) -> [UInt8] { [3, code, 0, 0, 0, 0, 0, 0] + packet }

  private func udp(to destination: [UInt8], port: UInt16, fragment: UInt16 = 0) -> [UInt8] {
    [0x45, 0, 0, 100, 0, 1, UInt8(fragment >> 8), UInt8(fragment & 0xff), 64, 17, 0, 0, 10, 0, 0, 1] + destination
      + [0xc0, 0, UInt8(port >> 8), UInt8(port & 0xff), 0, 80, 0, 0]
  }

  /// As raw sockets give them.
  private func received(_ icmp: [UInt8]) -> ArraySlice<UInt8> {
    ([0x45] + [UInt8](repeating: 0, count: 19) + icmp)[...]
  }

  @Test func readsWhichPacketDidNotArrive() {
    let quoted = udp(to: [10, 20, 9, 10], port: 4789)
    let there = IPAddress("10.20.9.10")!
    let codes: [(UInt8, LiveReport.Trouble)] = [
      (0, .hostUnreachable), (1, .hostUnreachable), (2, .protocolUnreachable), (3, .portUnreachable),
      (13, .hostUnreachable),
    ]
    for (code, trouble) in codes {
      #expect(
        ICMPMessage(received(unreachable(code, quoting: quoted)), family: .v4)
          == .unreachable(trouble, destination: there, protocol: 17, port: 4789))
    }
    // The path MTU's business.
    #expect(ICMPMessage(received(unreachable(4, quoting: quoted)), family: .v4) == nil)
    // A later fragment has no ports.
    let later = udp(to: [10, 20, 9, 10], port: 4789, fragment: 185)
    #expect(
      ICMPMessage(received(unreachable(1, quoting: later)), family: .v4)
        == .unreachable(.hostUnreachable, destination: there, protocol: 17, port: 0))
  }

  @Test func readsICMPv6() {
    let there: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [9]
    let quoted = [0x60, 0, 0, 0, 0, 20, 17, 64] + [UInt8](repeating: 1, count: 16) + there + [0xc0, 0, 0x12, 0xb5]
    #expect(
      ICMPMessage(([1, 4, 0, 0, 0, 0, 0, 0] + quoted)[...], family: .v6)
        == .unreachable(.portUnreachable, destination: IPAddress("2001:db8::9")!, protocol: 17, port: 4789))
    #expect(ICMPMessage([129, 0, 0, 0, 1, 2, 0, 9], family: .v6) == .echoReply(identifier: 0x102, sequence: 9))
    #expect(ICMPMessage([2, 0, 0, 0, 0, 0, 5, 0], family: .v6) == nil)
  }

  @Test func whateverIsCutShortSaysNothing() {
    let whole = Array(received(unreachable(3, quoting: udp(to: [10, 20, 9, 10], port: 4789))))
    for length in 0..<whole.count {
      let message = ICMPMessage(whole[..<length], family: .v4)
      // With its ports at the least: 4 of their bytes.
      #expect((message != nil) == (length >= 48))
    }
    for length in 0..<46 {
      #expect(ICMPMessage([1, 4] + [UInt8](repeating: 0, count: length), family: .v6) == nil)
    }
  }

  @Test func concernsThoseWhoseCopiesItQuotes() {
    func destination(_ kind: Encapsulation.Kind, _ port: UInt16 = 0) -> SinkPlan.Destination {
      SinkPlan.Destination(receiver: IPAddress("10.20.9.10")!, kind: kind, port: port)
    }
    #expect(destination(.vxlan, 4789).isCarried(by: 17, 4789))
    #expect(!destination(.vxlan, 4789).isCarried(by: 17, 53))
    #expect(destination(.vxlan, 4789).isCarried(by: 17, 0))
    #expect(!destination(.vxlan, 4789).isCarried(by: 47, 0))
    #expect(destination(.gre).isCarried(by: 47, 0) && destination(.erspan2).isCarried(by: 47, 0))
    #expect(!destination(.gre).isCarried(by: 17, 4789))
  }

  // MARK: Words

  @Test func saysWhoWentWhoIsBackAndWhichMirrorHasNobodyLeft() {
    func route(_ mirror: String, _ receiver: String) -> SinkPlan.Route {
      SinkPlan.Route(
        mirrorName: mirror, vpc: "vpc", receiver: IPAddress(receiver)!, encapsulation: Encapsulation(vni: 7),
        fileStem: "")
    }
    let plan = SinkPlan(routes: [route("a", "10.0.0.1"), route("a", "10.0.0.2"), route("b", "10.0.0.1")], origins: [])
    var down = LiveReport.Health()
    down.trouble = .portUnreachable
    let first = [plan.routes[0].destination: down]
    #expect(
      HealthWords.lines(from: [:], to: first, plan) == [
        "receiver 10.0.0.1 (vxlan, port 4789) is down: port unreachable",
        "mirror b: no receiver is left, its packets are left out as no-receiver",
      ])
    #expect(HealthWords.lines(from: first, to: [:], plan) == ["receiver 10.0.0.1 (vxlan, port 4789) is back"])
    #expect(HealthWords.lines(from: first, to: first, plan).isEmpty)
  }
}
