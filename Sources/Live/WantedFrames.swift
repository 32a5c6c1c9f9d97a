// Which frames the mirrors' filters can want, as tests of single frames.
//
// 1. A test may say yes to what no mirror collects, never the other way round. Under `not` it must be exact.
// 2. `first` and functions of scripts are asked about the same packets as ever, in the same order: of an AND, what stands behind
//    one does not count.
// 3. Who remembers conversations (they, and `even` with its receivers) sees them whole: both directions, the ICMP errors that quote
//    them, all fragments. Functions may ask what a conversation has had, whichever ENI saw it: their mirrors count at every interface.

internal import DataPath
internal import Inventory
internal import Mirroring
internal import Wire

/// What is wanted at one interface.
final class WantedFrames {
  private let inventory: Inventory
  private let layout: FrameLayout
  private let linkType: LinkType
  private let compiler: any BPFCompiler
  /// The interface's; nil: it is nobody's or of several, so that anything may be observed here.
  private let eni: Int?
  private let mirrors: [TrafficMirror]
  /// Compiled expressions; one that has none cannot be asked here.
  private var programs: [String: FrameTest?] = [:]

  init(
    _ plan: MirrorPlan, interface: String, _ layout: FrameLayout, _ linkType: LinkType, _ compiler: any BPFCompiler
  ) {
    inventory = plan.inventory
    self.layout = layout
    self.linkType = linkType
    self.compiler = compiler
    // As the pipeline binds interfaces: by name or id.
    let holders = plan.inventory.enis.indices.filter {
      plan.inventory.enis[$0].interface == interface || plan.inventory.enis[$0].id == interface
    }
    let eni = holders.count == 1 ? holders[0] : nil
    self.eni = eni
    mirrors = plan.enabled.map { plan.mirrors[$0] }.filter {
      $0.asksScripts || $0.observes(eni, plan.inventory)
    }
  }

  var vpc: Int? { eni.map { inventory.enis[$0].vpc } }

  var isNothing: Bool { mirrors.isEmpty }

  func test(_ kind: PacketKind) -> FrameTest { .any(of: mirrors.map { wanted($0, kind) }) }

  /// A packet, or one of the same conversation that goes the other way.
  private struct View {
    var kind: PacketKind
    var isSwapped = false
    /// Whose route table counts; nil: anyone's.
    var subnet: Int?

    var source: FrameLayout.End { isSwapped ? .destination : .source }
    var destination: FrameLayout.End { isSwapped ? .source : .destination }
    var swapped: View { View(kind: kind, isSwapped: !isSwapped, subnet: subnet) }
  }

  private func wanted(_ mirror: TrafficMirror, _ kind: PacketKind) -> FrameTest {
    let subnet = mirror.observes(eni, inventory) ? eni.map { inventory.enis[$0].subnet } : nil
    let view = View(kind: kind, subnet: subnet)
    let wanted = needed(mirror.filter, view)
    guard mirror.remembersConversations, wanted != .always else { return wanted }
    // Conversations of what is not IP are pairs of MACs.
    if case .other = kind { return wanted == .never ? .never : .always }
    let conversations = FrameTest.any(of: [wanted, needed(mirror.filter, view.swapped)])
    guard conversations != .never else { return .never }
    // A wanted one belongs to the conversation that it quotes, which may be any.
    if mirror.asksScripts, layout.mayTakeICMPErrors(conversations, kind) { return .always }
    return .any(of: [conversations, layout.isICMPError(kind)])
  }

  /// Yes to whatever the filter accepts, and to what it asks `first` and functions about.
  private func needed(_ filter: FilterExpression, _ view: View) -> FrameTest {
    switch filter {
    case .any, .rules, .first, .sample, .script: return .always
    case .quintuple, .bpf: return exact(filter, view) ?? .always
    case .nat(let gateway, let isBidirectional):
      let isTowards = isNextHop(gateway, view)
      return isBidirectional ? .any(of: [isTowards, isNextHop(gateway, view.swapped)]) : isTowards
    case .all(let parts):
      let last = parts.firstIndex(where: \.remembersPackets) ?? parts.count - 1
      return .all(of: parts.prefix(last + 1).map { needed($0, view) })
    case .anyOf(let parts): return .any(of: parts.map { needed($0, view) })
    case .not(let part): return exact(part, view)?.negated ?? .always
    }
  }

  /// Yes to what the filter accepts and nothing else; nil: that cannot be said.
  private func exact(_ filter: FilterExpression, _ view: View) -> FrameTest? {
    switch filter {
    case .any: return .always
    case .quintuple(let conditions): return .all(of: conditions.map { test($0, view) })
    case .bpf(let text): return program(text, view)
    case .all(let parts): return exact(parts, view).map(FrameTest.all(of:))
    case .anyOf(let parts): return exact(parts, view).map(FrameTest.any(of:))
    case .not(let part): return exact(part, view)?.negated
    case .nat, .rules, .first, .sample, .script: return nil
    }
  }

  private func exact(_ parts: [FilterExpression], _ view: View) -> [FrameTest]? {
    let tests = parts.compactMap { exact($0, view) }
    return tests.count == parts.count ? tests : nil
  }

  // MARK: Quintuples

  private func test(_ condition: QuintupleCondition, _ view: View) -> FrameTest {
    guard !condition.isEmpty else { return .always }
    guard view.kind.family != nil else { return .never }
    let straight = ends(condition, view)
    return condition.isBidirectional ? .any(of: [straight, ends(condition, view.swapped)]) : straight
  }

  private func ends(_ condition: QuintupleCondition, _ view: View) -> FrameTest {
    var parts: [FrameTest] = []
    if let number = condition.protocol { parts.append(layout.isProtocol(view.kind, number)) }
    if let source = condition.source { parts.append(layout.address(view.kind, view.source, in: source)) }
    if let destination = condition.destination {
      parts.append(layout.address(view.kind, view.destination, in: destination))
    }
    let ports = [(view.source, condition.sourcePort), (view.destination, condition.destinationPort)]
    if ports.contains(where: { $0.1 != nil }), condition.protocol?.hasPorts != true {
      guard condition.protocol == nil else { return .never }
      parts.append(.any(of: Self.withPorts.map { layout.isProtocol(view.kind, $0) }))
    }
    for case (let end, let range?) in ports {
      parts.append(layout.port(view.kind, end, in: UInt32(range.lowerBound)...UInt32(range.upperBound)))
    }
    return .all(of: parts)
  }

  private static let withPorts = (0...255 as ClosedRange<UInt8>).map(IPProtocol.init).filter(\.hasPorts)

  // MARK: Next hops

  /// Routes to the gateway whose longer ones lead elsewhere; what has no next hop at all is let be.
  private func isNextHop(_ gateway: NATGatewayIndex, _ view: View) -> FrameTest {
    guard let family = view.kind.family else { return .never }
    guard let subnet = view.subnet else { return .always }
    let routes = inventory.routeTables[inventory.subnets[subnet].routeTable].routes.filter {
      $0.isEnabled && $0.destination.family == family
    }
    // Each is asked about at most once for each route to the gateway.
    guard routes.count <= 64 else { return .always }
    let own = inventory.vpcs[inventory.subnets[subnet].vpc].cidrs
    let towards = routes.filter { $0.nextHop == .nat(gateway) }
    return .any(
      of: towards.map { route in
        let longer = routes.map(\.destination).filter {
          $0.length > route.destination.length && route.destination.contains($0)
        }
        let elsewhere = longer + own.filter { route.destination.contains($0) }
        return .all(
          of: [layout.address(view.kind, view.destination, in: route.destination)]
            + elsewhere.map { layout.address(view.kind, view.destination, in: $0).negated })
      })
  }

  // MARK: pcap-filter

  /// Words whose answers follow from addresses, protocol and ports: neither tags nor how a super-frame is cut changes them. In the other
  /// direction `src` is `dst`.
  private static let words: Set = [
    "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "esp", "ah", "pim", "vrrp", "proto",
    "host", "net", "mask", "port", "portrange", "src", "dst", "and", "or", "not",
  ]

  private func program(_ text: String, _ view: View) -> FrameTest? {
    guard let text = Self.plain(text, isSwapped: view.isSwapped) else { return nil }
    if let known = programs[text] { return known }
    let compiled = try? compiler.compile(text, linkType: linkType)
    let test = compiled.map { FrameTest.program($0.instructions) }
    programs[text] = .some(test)
    return test
  }

  /// The expression, if it is of such words, numbers and addresses only.
  private static func plain(_ text: String, isSwapped: Bool) -> String? {
    var pieces: [String] = []
    var rest = Substring(text)
    while let first = rest.first {
      let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || ".:/-".contains($0)) }
      guard word.isEmpty || isPlain(word), !word.isEmpty || first.isWhitespace || "()!&|".contains(first) else {
        return nil
      }
      let swapped = ["src": "dst", "dst": "src"][word]
      pieces.append(word.isEmpty ? String(first) : isSwapped ? swapped ?? String(word) : String(word))
      rest = rest.dropFirst(max(1, word.count))
    }
    return pieces.joined()
  }

  private static func isPlain(_ word: Substring) -> Bool {
    words.contains(String(word)) || word.first?.isNumber == true || word.contains(":")
  }
}

extension TrafficMirror {
  /// Its range has the ENI; nil: it may.
  fileprivate func observes(_ eni: ENIIndex?, _ inventory: Inventory) -> Bool {
    guard let eni else { return true }
    guard inventory.enis[eni].vpc == vpc else { return false }
    switch range {
    case .vpc: return true
    case .subnets(let subnets): return subnets.contains(inventory.enis[eni].subnet)
    case .enis(let enis), .selected(let enis, _): return enis.contains(eni)
    }
  }

  /// What becomes of a packet may hang on others of its conversation.
  fileprivate var remembersConversations: Bool {
    asksScripts || filter.remembersPackets || balance == .even && receivers.count > 1
  }
}

extension FilterExpression {
  /// It has parts that may count what they are asked about.
  fileprivate var remembersPackets: Bool {
    switch self {
    case .first, .script: true
    case .all(let parts), .anyOf(let parts): parts.contains(where: \.remembersPackets)
    case .not(let part): part.remembersPackets
    case .any, .quintuple, .nat, .rules, .sample, .bpf: false
    }
  }
}
