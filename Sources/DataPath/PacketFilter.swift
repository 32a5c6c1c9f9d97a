public import Mirroring
public import Wire

/// A filter that is asked about packets alone, without mirror, side or script: what an audit says with `where`.
public final class PacketFilter {
  /// What of a filter has no meaning here, in the words of its author.
  public static func unsupported(in expression: FilterExpression) -> String? {
    switch expression {
    case .any, .quintuple, .bpf, .sample: nil
    case .nat: "filter.nat"
    case .rules: "filter.rules"
    case .first: "filter.first"
    case .script: "a function"
    case .all(let parts), .anyOf(let parts): parts.lazy.compactMap { unsupported(in: $0) }.first
    case .not(let part): unsupported(in: part)
    }
  }

  /// The answer is the same for every packet of one direction of a conversation.
  public let isOfFlow: Bool
  public let acceptsAll: Bool
  /// It asks for the hash.
  public let samples: Bool
  private var program = FilterProgram()
  private let start: Int32
  private let compiler: (any BPFCompiler)?
  /// By link type; an expression without meaning on it matches nothing there.
  private var compiled: [LinkType: [BPFProgram?]] = [:]
  private var lastLinkType: LinkType?
  private var lastPrograms: [BPFProgram?] = []

  /// - Precondition: nothing in it is unsupported.
  public init(_ expression: FilterExpression, compiler: (any BPFCompiler)?) {
    precondition(Self.unsupported(in: expression) == nil)
    start = program.append(expression)
    isOfFlow = program.bpfTexts.isEmpty
    acceptsAll = start == FilterProgram.accept
    samples = !program.thresholds.isEmpty
    self.compiler = compiler
  }

  /// - Parameters:
  ///   - bytes: the frame; `captured` bytes are readable.
  ///   - hash: of the packet's conversation, the same in every run.
  public func matches(
    _ summary: PacketSummary, _ bytes: UnsafeRawPointer, captured: Int, original: Int, linkType: LinkType, hash: UInt64
  ) -> Bool {
    var operation = start
    while operation >= 0 {
      let test = program.operations[Int(operation)]
      let answer =
        switch test.kind {
        case .quintuple: program.conditions[Int(test.operand)].matches(summary)
        case .sample: hash < program.thresholds[Int(test.operand)]
        case .bpf:
          unsafe runs(Int(test.operand), linkType, bytes, captured: captured, original: original)
        case .nat, .rules, .first, .script: false
        }
      operation = answer ? test.onTrue : test.onFalse
    }
    return operation == FilterProgram.accept
  }

  private func runs(
    _ expression: Int, _ linkType: LinkType, _ bytes: UnsafeRawPointer, captured: Int, original: Int
  ) -> Bool {
    if linkType != lastLinkType {
      lastLinkType = linkType
      lastPrograms = programs(linkType)
    }
    return lastPrograms[expression].map { unsafe $0.run(bytes, captured: captured, original: original) != 0 } ?? false
  }

  private func programs(_ linkType: LinkType) -> [BPFProgram?] {
    if let known = compiled[linkType] { return known }
    let programs = program.bpfTexts.map { text in try? compiler?.compile(text, linkType: linkType) }
    compiled[linkType] = programs
    return programs
  }
}
