import ArgumentParser
import Capture
import DataPath
import Inventory
import JSONText
import Mirroring
import Wire

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Tell why a packet was, or was not, copied: every stage's answer, for every mirror.",
    discussion: """
      EXAMPLES:
        moontap explain web-to-ids.lua --inventory shop.json \\
            --read hour.pcapng --frame 12
        moontap explain web-to-ids.lua --inventory shop.json \\
            --packet "tcp 10.20.1.11:5000 > 10.20.3.4:443 out"

      --frame counts from 1 over the captures as they are read. The frames before it are judged too, so that conversations,
      counters and scripts stand where `run` had them. A packet of --packet is the first of its conversation; with "out" it is
      seen at the ENI that holds its source address, with "in" at the one that holds its destination, else at both.
      """)

  @OptionGroup var input: InputOptions
  @OptionGroup var traffic: TrafficOptions

  @Option(help: ArgumentHelp("Number of the frame in the captures, from 1.", valueName: "number"))
  var frame: UInt64?

  @Option(help: ArgumentHelp("A packet in words: \"tcp 10.20.1.11:5000 > 10.20.3.4:443 out\".", valueName: "tuple"))
  var packet: String?

  @Flag(help: "Print as JSON.")
  var json = false

  func validate() throws {
    guard (frame == nil) != (packet == nil) else {
      throw ValidationError("Either --frame NUMBER (with --read) or --packet TUPLE says which packet.")
    }
    if frame == 0 { throw ValidationError("--frame counts from 1.") }
    if frame != nil, try traffic.recorded.captures().isEmpty {
      throw ValidationError("--frame needs the capture: --read FILE.")
    }
    if packet != nil, try !traffic.recorded.captures().isEmpty {
      throw ValidationError("--packet is a packet of its own: --read has no part in it.")
    }
    if let packet { _ = try PacketTuple(packet) }
  }

  func run() throws {
    try finish {
      try onScriptStack {
        let configuration = try Configuration(input, traffic)
        configuration.warnings.complain()
        let subject = try packet.map { try Subject.packet(PacketTuple($0), configuration) } ?? .frame(frame!, traffic)
        var told = try subject.explain(configuration)
        told.faults = configuration.faults
        try Terminal.write(json ? told.json.text(.pretty) + "\n" : told.text)
        configuration.scriptProblems.complain()
        return Interrupt.isRequested ? Interrupt.ending : configuration.scriptProblems.isEmpty ? .ok : .failed
      }
    }
  }
}

extension ExplainCommand {
  /// Which packet is explained.
  enum Subject {
    case frame(UInt64, TrafficOptions)
    case made(bytes: [UInt8], linkType: LinkType, eni: String?)

    func explain(_ configuration: Configuration) throws -> ExplanationText {
      switch self {
      case .frame(let number, let traffic): try Self.frame(number, traffic, configuration)
      case .made(let bytes, let linkType, let eni): try Self.made(bytes, linkType, eni, configuration)
      }
    }

    // MARK: A frame of a capture

    private static func frame(
      _ number: UInt64, _ traffic: TrafficOptions, _ configuration: Configuration
    ) throws -> ExplanationText {
      let pipeline = try configuration.makePipeline(traffic)
      let source = try Captures.open(traffic)
      let batch = FrameBatch()
      var before: UInt64 = 0
      while try fill(source, batch) {
        if Interrupt.isRequested { break }
        guard before + UInt64(batch.count) >= number else {
          before += UInt64(batch.count)
          try pipeline.process(batch, interfaces: source.interfaces, sink: nil)
          continue
        }
        return try explain(batch, at: Int(number - before) - 1, number, pipeline, source.interfaces)
      }
      throw Problem(
        code: "explain.frame", sentence: "there is no frame \(number): the captures end after \(before)",
        exit: Interrupt.isRequested ? Interrupt.ending : .badInput)
    }

    private static func fill(_ source: any FrameSource, _ batch: FrameBatch) throws -> Bool {
      do {
        return try source.fill(batch)
      } catch let error as CaptureError {
        throw Problem(error)
      }
    }

    /// Judges the batch up to the frame, then explains that one.
    private static func explain(
      _ batch: FrameBatch, at position: Int, _ number: UInt64, _ pipeline: Pipeline,
      _ interfaces: [CaptureInterface]
    ) throws -> ExplanationText {
      let frame = unsafe batch.frames[position]
      batch.setCount(position)
      try pipeline.process(batch, interfaces: interfaces, sink: nil)
      unsafe batch.frames[0] = frame
      batch.setCount(1)
      return ExplanationText(
        plan: pipeline.plan, explanation: try pipeline.explain(batch, interfaces: interfaces), number: number,
        frame: frame, origin: interfaces[Int(frame.interface)].origin)
    }

    // MARK: A packet given in words

    static func packet(_ tuple: PacketTuple, _ configuration: Configuration) throws -> Subject {
      let bytes = try tuple.bytes()
      guard let direction = tuple.direction else { return .made(bytes: bytes, linkType: .raw, eni: nil) }
      let address = direction == .out ? tuple.source : tuple.destination
      let inventory = configuration.plan.inventory
      let holders = inventory.enis.filter { $0.addresses.contains(address) }
      // An unlisted ENI has no capture of its own: the packet is then seen at both of its ends.
      if holders.isEmpty, inventory.vpcs.indices.contains(where: { inventory.subnet(vpc: $0, address: address) != nil })
      {
        return .made(bytes: bytes, linkType: .raw, eni: nil)
      }
      guard let eni = holders.first, holders.count == 1 else {
        let side = direction == .out ? "source" : "destination"
        let who = holders.isEmpty ? "no ENI" : "more than one ENI (" + holders.map(\.id).joined(separator: ", ") + ")"
        throw Problem(
          code: "explain.packet",
          sentence:
            "\(who) of the inventory has the \(side) address \(address), so \"\(direction.rawValue)\" names no ENI",
          hint: "leave \"\(direction.rawValue)\" off: the packet is then seen at both of its ends")
      }
      return .made(bytes: bytes, linkType: .raw, eni: eni.id)
    }

    private static func made(
      _ bytes: [UInt8], _ linkType: LinkType, _ eni: String?, _ configuration: Configuration
    ) throws -> ExplanationText {
      let origin = "--packet"
      let pipeline = try configuration.makePipeline(boundENIs: eni.map { [origin: $0] } ?? [:])
      let interfaces = [CaptureInterface(linkType: linkType, name: nil, origin: origin)]
      let batch = FrameBatch()
      return try unsafe bytes.withUnsafeBytes { buffer in
        let frame = unsafe Frame(
          bytes: buffer.baseAddress!, time: 0, captured: UInt32(bytes.count), original: UInt32(bytes.count),
          interface: 0, direction: .unknown)
        unsafe batch.frames.initialize(to: frame)
        batch.setCount(1)
        return ExplanationText(
          plan: pipeline.plan, explanation: try pipeline.explain(batch, interfaces: interfaces), number: nil,
          frame: frame, origin: origin)
      }
    }
  }
}
