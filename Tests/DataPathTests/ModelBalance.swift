// Balance of the reference model (semantics section 6.5), and receivers that are down.

import Inventory
import Mirroring
import Wire

@testable import DataPath

extension ModelEngine {
  func balance(by function: ScriptFunction, _ mirror: Int, _ seen: ModelObservation) -> (Verdict, Int?) {
    let definition = mirrors[enabled[mirror]]
    let well = well(mirror)
    let other: (Verdict, Int?) = well.isEmpty ? (.noReceiver, nil) : (.collected, choose(mirror, flowHash))
    switch FakeScriptHost.choice(function.function, mirror, words(seen, mirror)) {
    case .receiver(let chosen) where definition.receivers.indices.contains(chosen):
      return well.contains(chosen) ? (.collected, chosen) : other
    case .none: return (.noReceiver, nil)
    case .failed, .receiver: return definition.onError == .collect ? other : (.scriptError, nil)
    }
  }

  /// Positions of the mirror's receivers that are not down.
  func well(_ mirror: Int, _ down: Set<SinkPlan.Destination>? = nil) -> [Int] {
    let definition = mirrors[enabled[mirror]]
    let (kind, port) = (definition.encapsulation.kind, definition.encapsulation.port)
    return definition.receivers.indices.filter { position in
      !(down ?? self.down).contains(
        SinkPlan.Destination(receiver: definition.receivers[position], kind: kind, port: kind == .vxlan ? port : 0))
    }
  }

  /// As if there were no others.
  private func choose(_ mirror: Int, _ key: UInt64, weights: [UInt32]? = nil) -> Int {
    let definition = mirrors[enabled[mirror]]
    let well = well(mirror)
    let rendezvous = Rendezvous(
      receivers: well.map { definition.receivers[$0] }, weights: weights.map { all in well.map { all[$0] } })
    return well[rendezvous.choose(key)]
  }

  /// Only conversations of those that are down move; who comes back has had as much as the least of the others.
  func setDown(_ down: Set<SinkPlan.Destination>) {
    for mirror in enabled.indices {
      let (before, after) = (well(mirror), well(mirror, down))
      for conversation in conversations.values {
        if let kept = conversation.receivers[mirror], !after.contains(kept) { conversation.receivers[mirror] = nil }
      }
      let count = mirrors[enabled[mirror]].receivers.count
      var bytes = given[mirror] ?? Array(repeating: 0, count: count)
      if let least = before.map({ bytes[$0] }).min() {
        for receiver in after where !before.contains(receiver) { bytes[receiver] = max(bytes[receiver], least) }
      }
      given[mirror] = bytes
    }
    self.down = down
  }

  func receiver(_ mirror: Int, _ seen: ModelObservation) -> Int {
    let definition = mirrors[enabled[mirror]]
    switch definition.balance {
    case .roundRobin:
      var turn = turns[mirror, default: 0]
      while !well(mirror).contains(turn % definition.receivers.count) { turn += 1 }
      turns[mirror] = turn + 1
      return turn % definition.receivers.count
    case .eniHash: return choose(mirror, Rendezvous.key(id: name(seen)))
    case .flowHash, .script: return choose(mirror, flowHash)
    case .weighted(let weights): return choose(mirror, flowHash, weights: weights)
    case .even: return evenReceiver(mirror)
    }
  }

  private func evenReceiver(_ mirror: Int) -> Int {
    if let kept = conversation.receivers[mirror] { return kept }
    let bytes = given[mirror] ?? Array(repeating: 0, count: mirrors[enabled[mirror]].receivers.count)
    let least = well(mirror).min { (bytes[$0], $0) < (bytes[$1], $1) }!
    conversation.receivers[mirror] = least
    return least
  }

  /// An unlisted ENI's id is its address.
  private func name(_ seen: ModelObservation) -> String {
    switch seen.place {
    case .listed(let eni): network.inventory.enis[eni].id
    case .unlisted: (seen.isOutbound ? seen.packet.source : seen.packet.destination)!.description
    }
  }
}
