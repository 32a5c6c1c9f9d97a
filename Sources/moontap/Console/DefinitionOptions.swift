import ArgumentParser
import JSONText
import Store

/// A mirror's definition, field by field, on the command line. What is not given is not written.
struct DefinitionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("1 to 60 characters, unique in the VPC.", valueName: "name"))
  var name: String?

  @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
  var description: String?

  @Flag(help: "Collection range: the whole VPC.")
  var wholeVpc = false

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Collection range: this subnet; several with commas or by repeating.", valueName: "id"))
  var subnet: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Collection range: this ENI; several with commas or by repeating.", valueName: "id"))
  var eni: [String] = []

  @Option(help: ArgumentHelp("all, out or in.", valueName: "direction"))
  var direction: String?

  @OptionGroup(title: "FILTER") var filter: FilterOptions

  @Option(
    help: ArgumentHelp(
      "Receiving IPs between commas or line breaks; @FILE reads them from a file, @- from standard input.",
      valueName: "addresses"))
  var receivers: String?

  @Option(help: ArgumentHelp("even, eni-hash, flow-hash, round-robin or weighted.", valueName: "method"))
  var balance: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Weight of a receiver for --balance weighted; may be repeated.", valueName: "address=number"))
  var weight: [String] = []

  @Option(help: ArgumentHelp("vxlan, gre, erspan2 or none.", valueName: "type"))
  var encapsulation: String?

  @Option(help: ArgumentHelp("VXLAN network identifier, GRE key or ERSPAN session.", valueName: "number"))
  var vni: String?

  @Option(help: ArgumentHelp("UDP port of VXLAN.", valueName: "port"))
  var port: String?

  @Option(help: ArgumentHelp("once or per-eni.", valueName: "mode"))
  var copies: String?

  @Option(help: ArgumentHelp("What happens to a packet whose script fails: skip or collect.", valueName: "answer"))
  var onError: String?

  @Option(
    help: ArgumentHelp("Live: copies longer than the path takes: fragment, truncate or drop.", valueName: "answer"))
  var oversize: String?

  @Option(help: ArgumentHelp("Live: bits that it may send in a second, outer headers too.", valueName: "number"))
  var budgetBits: String?

  @Option(help: ArgumentHelp("Live: copies that it may send in a second.", valueName: "number"))
  var budgetPackets: String?

  @Option(help: ArgumentHelp("Live: share of one processor that it may take.", valueName: "percent"))
  var budgetCpu: String?

  @Option(help: ArgumentHelp("Live: 0 to 100; over the host's budget the lower is shed first.", valueName: "number"))
  var priority: String?

  func validate() throws {
    for text in weight { _ = try Self.pair(text, "--weight", example: "10.20.9.10=3") }
    if !weight.isEmpty, let balance, balance != "weighted" {
      throw ValidationError("--weight goes with --balance weighted, not \(balance).")
    }
  }

  /// `KEY=VALUE`, the key not empty.
  static func pair(_ text: String, _ option: String, example: String) throws -> (key: String, value: String) {
    guard let mark = text.firstIndex(of: "="), mark != text.startIndex else {
      throw ValidationError("'\(option) \(text)': KEY=VALUE is needed, as in \(option) \(example).")
    }
    return (String(text[..<mark]), String(text[text.index(after: mark)...]))
  }

  /// The members that are given, in the order of the definition.
  func members() throws -> [JSONMember] {
    var members: [JSONMember] = []
    func add(_ key: String, _ value: JSONValue?) { if let value { members.append(JSONMember(key, value)) } }
    add("name", name.map { .string($0) })
    add("description", description.map { .string($0) })
    add("range", range)
    add("direction", direction.map { .string($0) })
    add("filter", try filter.value())
    add("receivers", try receivers.map { .string(try Self.text(of: $0)) })
    add("balance", try balanceValue())
    add("encapsulation", encapsulationValue)
    add("copies", copies.map { .string($0) })
    add("onError", onError.map { .string($0) })
    add("oversize", oversize.map { .string($0) })
    add("budget", budget)
    add("priority", priority.map(Self.number))
    return members
  }

  private var range: JSONValue? {
    var kinds: [JSONMember] = []
    if wholeVpc { kinds.append(JSONMember("vpc", true)) }
    if !subnet.isEmpty { kinds.append(JSONMember("subnet", Self.ids(subnet))) }
    if !eni.isEmpty { kinds.append(JSONMember("eni", Self.ids(eni))) }
    return kinds.isEmpty ? nil : .object(kinds)
  }

  /// `a,b` and repeated options are one list.
  private static func ids(_ texts: [String]) -> JSONValue {
    let ids = texts.flatMap { $0.split(separator: ",") }.map { $0.filter { !$0.isWhitespace } }
    return .array(ids.filter { !$0.isEmpty }.map { .string($0) })
  }

  /// The text itself, or what the file behind `@` holds.
  static func text(of argument: String) throws -> String {
    guard argument.hasPrefix("@") else { return argument }
    return String(decoding: try TextFile.read(path(argument.dropFirst()), what: "list of receivers"), as: UTF8.self)
  }

  private static func path(_ name: Substring) -> String { name == "-" ? "/dev/stdin" : String(name) }

  private func balanceValue() throws -> JSONValue? {
    guard !weight.isEmpty || balance == "weighted" else { return balance.map { .string($0) } }
    let weights = try weight.map { text in
      let (address, number) = try Self.pair(text, "--weight", example: "10.20.9.10=3")
      return JSONMember(address, Self.number(number))
    }
    return ["weighted": .object(weights)]
  }

  private var encapsulationValue: JSONValue? {
    let members = [
      encapsulation.map { JSONMember("type", .string($0)) }, vni.map { JSONMember("vni", Self.number($0)) },
      port.map { JSONMember("port", Self.number($0)) },
    ].compactMap { $0 }
    return members.isEmpty ? nil : .object(members)
  }

  private var budget: JSONValue? {
    let members = [
      budgetBits.map { JSONMember("bits", Self.number($0)) },
      budgetPackets.map { JSONMember("packets", Self.number($0)) },
      budgetCpu.map { JSONMember("cpu", Self.number($0)) },
    ].compactMap { $0 }
    return members.isEmpty ? nil : .object(members)
  }

  /// A number where one is written; other text stays text, so that the rules say what is wrong with it.
  static func number(_ text: String) -> JSONValue { Int(text).map { .integer($0) } ?? .string(text) }
}

/// A mirror's filter on the command line: one condition, a NAT gateway, or a Lua text.
struct FilterOptions: ParsableArguments {
  @Option(name: .customLong("protocol"), help: ArgumentHelp("tcp, udp, icmp, ... or a number.", valueName: "protocol"))
  var ipProtocol: String?

  @Option(help: ArgumentHelp("Network of the source.", valueName: "cidr"))
  var source: String?

  @Option(help: ArgumentHelp("Network of the destination.", valueName: "cidr"))
  var destination: String?

  @Option(help: ArgumentHelp("any, a number or a range.", valueName: "port"))
  var sourcePort: String?

  @Option(help: ArgumentHelp("any, a number or a range.", valueName: "port"))
  var destinationPort: String?

  @Option(help: ArgumentHelp("Packets whose next hop is this NAT gateway.", valueName: "id"))
  var nat: String?

  @Flag(help: "Answers too: both ends of the condition swapped, or packets back from the gateway.")
  var bidirectional = false

  @Option(
    help: ArgumentHelp("A Lua text that returns a filter; it is kept with the mirror.", valueName: "file"),
    completion: .file())
  var lua: String?

  /// nil: nothing is given.
  func value() throws -> JSONValue? {
    var condition: [JSONMember] = []
    for (key, text) in [
      ("protocol", ipProtocol.map(DefinitionOptions.number)), ("source", source.map { .string($0) }),
      ("destination", destination.map { .string($0) }), ("sourcePort", sourcePort.map { .string($0) }),
      ("destinationPort", destinationPort.map { .string($0) }),
    ] {
      if let text { condition.append(JSONMember(key, text)) }
    }
    var kinds: [JSONMember] = []
    if !condition.isEmpty {
      if bidirectional { condition.append(JSONMember("bidirectional", true)) }
      kinds.append(JSONMember("quintuple", [.object(condition)]))
    }
    if let nat {
      kinds.append(JSONMember("nat", .string(nat)))
      if bidirectional { kinds.append(JSONMember("bidirectional", true)) }
    }
    if let lua {
      let text = String(decoding: try TextFile.read(lua, what: "filter"), as: UTF8.self)
      kinds.append(contentsOf: FilterText(text).json.members ?? [])
    }
    return kinds.isEmpty ? nil : .object(kinds)
  }
}
