// Whole random cases: the same seed gives the same case.

import Inventory
import SeededRandom
import Wire

@testable import DataPath

extension RandomNumbers {
  mutating func scene(mirrors count: ClosedRange<Int> = 1...6) throws -> Scene {
    let inventory = try Inventory(json: Array(inventoryText().utf8), file: "random.json")
    var scene = Scene(inventory: inventory, mirrors: mirrors(inventory, count))
    scene.options.includesUnlisted = chance(80)
    scene.options.tracksFragments = chance(50)
    scene.options.conversationIdle = pick([300_000_000_000, 10_000_000_000, 100_000_000, 0])
    scene.interfaces = interfaces(inventory)
    if chance(20) { scene.boundENIs["bound.pcap"] = pick(inventory.enis).id }
    return scene
  }

  private mutating func interfaces(_ inventory: Inventory) -> [CaptureInterface] {
    let tap = CaptureInterface(linkType: .ethernet, name: nil, origin: "tap.pcap")
    guard chance(50) else { return [tap] }
    return (0..<number(1...5)).map { _ in
      let link = pick([
        LinkType.ethernet, .ethernet, .ethernet, .raw, .ipv4, .ipv6, .linuxSLL, .linuxSLL2, .null, .loop, .ppp,
        LinkType(rawValue: 147),
      ])
      let eni = pick(inventory.enis)
      return CaptureInterface(
        linkType: link, name: chance(50) ? pick([eni.id, eni.interface ?? "eth1", "eth0"]) : nil,
        origin: pick(["tap.pcap", "bound.pcap"]))
    }
  }
}
