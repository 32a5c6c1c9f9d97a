import ArgumentParser
import Foundation
import Inventory
import SeededRandom
import Wire

struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture",
    abstract: "Write a capture of the traffic of an inventory's first VPC.",
    discussion: """
      Conversations are drawn once, between network interfaces and with the world outside: TCP, UDP, ICMP; IPv4 and IPv6; some
      in a VLAN. Each packet belongs to one of them, drawn evenly, in either direction.
      """)

  enum Kind: String, CaseIterable, ExpressibleByArgument { case small, imix, large }

  @Argument(help: ArgumentHelp("The capture to write; - is standard output.", valueName: "file"))
  var output: String
  @Option(help: ArgumentHelp("Whose traffic: a moontap.inventory/1 file.", valueName: "file"))
  var inventory: String
  @Option(help: "Packets to write.")
  var packets = 1_000_000
  @Option(help: "Conversations they belong to.")
  var conversations = 10_000
  @Option(help: "Frame sizes: small is 64 bytes, imix 7:4:1 of 64, 594 and 1514, large 1500.")
  var kind: Kind = .imix
  @Option(help: "Format of the file.")
  var format: CaptureWriter.Format = .pcap
  @Option(help: "Equal seeds give equal captures.")
  var seed: UInt64 = 1
  @Option(help: "Packets in a second of the capture's time.")
  var rate = 1_000_000

  func validate() throws {
    try require(packets, in: 1...1 << 40, "--packets")
    try require(conversations, in: 1...1 << 26, "--conversations")
    try require(rate, in: 1...1_000_000_000, "--rate")
  }

  func run() throws {
    var conversations = try drawConversations()
    let writer = try CaptureWriter(path: output, format: format)
    var emitter = FrameEmitter(seed: seed)
    var generator = SeededGenerator(seed: seed &+ 1)
    // 2026-01-01 00:00 UTC
    let start: UInt64 = 1_767_225_600_000_000_000
    for number in 0..<packets {
      let time = start + UInt64(number) * 1_000_000_000 / UInt64(rate)
      let index = generator.below(conversations.count)
      let length = frameLength(&generator)
      let isReply = generator.next() & 1 == 1
      try unsafe writer.append(time: time) {
        unsafe emitter.emit(&conversations[index], isReply: isReply, length: length, to: $0)
      }
    }
    try writer.finish()
  }

  private func drawConversations() throws -> [Conversation] {
    guard let data = FileManager.default.contents(atPath: inventory) else {
      throw ValidationError("\(inventory): cannot be read; `trafficgen inventory` makes one.")
    }
    let loaded = try Inventory(json: Array(data), file: inventory)
    guard let vpc = loaded.vpcs.first, var maker = ConversationMaker(enis: vpc.enis.map { loaded.enis[$0] }, seed: seed)
    else {
      throw ValidationError("\(inventory): the first VPC needs two network interfaces with MAC and IPv4 address.")
    }
    return (0..<conversations).map { _ in maker.make() }
  }

  private func frameLength(_ generator: inout SeededGenerator) -> Int {
    switch kind {
    case .small: return 64
    case .large: return 1500
    case .imix:
      let share = generator.below(12)
      return share < 7 ? 64 : share < 11 ? 594 : 1514
    }
  }
}

extension CaptureWriter.Format: ExpressibleByArgument {}
