// A filter asked about frames outside of any mirror: what is known is the frame alone, not at which ENI it was seen.

public import Mirroring
public import Wire

/// Asks a filter about one frame after the other. What a script must be asked is handed back: whoever asks goes on with
/// the script's answer.
public struct FrameFilter {
  public enum Answer: Sendable, Equatable {
    case yes, no
    /// The script's answer is needed; go on with `resume`.
    case ask(ScriptFunction, at: Int)
  }

  /// The filter asks what only an ENI's observation has.
  public struct Unanswerable: Error, Sendable {
    /// `filter.nat`
    public var filter: String
  }

  private let program: FilterProgram
  private let start: Int32
  private let compiler: (any BPFCompiler)?
  /// By link type, then by expression.
  private var programs: [LinkType: [BPFProgram?]] = [:]

  /// - Parameter compiler: compiles pcap-filter expressions; needed if the filter has any.
  public init(_ expression: FilterExpression, compiler: (any BPFCompiler)?) throws(Unanswerable) {
    if let name = expression.nameOfSided { throw Unanswerable(filter: name) }
    var program = FilterProgram()
    start = program.append(expression)
    self.program = program
    self.compiler = compiler
  }

  /// Whether the answers come from the frame alone.
  public var asksScripts: Bool { !program.scripts.isEmpty }

  public mutating func answer(_ frame: Frame, _ summary: PacketSummary, _ linkType: LinkType) -> Answer {
    run(from: start, frame, summary, linkType)
  }

  /// Goes on behind the script that was asked.
  public mutating func resume(
    at operation: Int, with answer: Bool, _ frame: Frame, _ summary: PacketSummary, _ linkType: LinkType
  ) -> Answer {
    let test = program.operations[operation]
    return run(from: answer ? test.onTrue : test.onFalse, frame, summary, linkType)
  }

  private mutating func run(
    from first: Int32, _ frame: Frame, _ summary: PacketSummary, _ linkType: LinkType
  ) -> Answer {
    var operation = first
    while operation >= 0 {
      let test = program.operations[Int(operation)]
      let operand = Int(test.operand)
      let isTrue: Bool
      switch test.kind {
      case .quintuple: isTrue = program.conditions[operand].matches(summary)
      case .sample: isTrue = FlowKey.make(summary).key.hash(.fixed) < program.thresholds[operand]
      case .bpf: isTrue = matches(operand, frame, linkType)
      case .script: return .ask(program.scripts[operand], at: Int(operation))
      case .nat, .rules, .first: isTrue = false
      }
      operation = isTrue ? test.onTrue : test.onFalse
    }
    return operation == FilterProgram.accept ? .yes : .no
  }

  private mutating func matches(_ expression: Int, _ frame: Frame, _ linkType: LinkType) -> Bool {
    if programs[linkType] == nil {
      programs[linkType] = program.bpfTexts.map { try? compiler?.compile($0, linkType: linkType) }
    }
    guard let program = programs[linkType]?[expression] else { return false }
    return unsafe program.run(frame.bytes, captured: Int(frame.captured), original: Int(frame.original)) != 0
  }
}

extension FilterExpression {
  /// The first part that asks for direction, next hop or conversation.
  fileprivate var nameOfSided: String? {
    switch self {
    case .nat: "filter.nat"
    case .rules: "filter.rules"
    case .first: "filter.first"
    case .all(let parts), .anyOf(let parts): parts.lazy.compactMap(\.nameOfSided).first
    case .not(let part): part.nameOfSided
    case .any, .quintuple, .bpf, .sample, .script: nil
    }
  }
}
