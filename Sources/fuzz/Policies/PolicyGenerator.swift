import SeededRandom

/// Makes policies from a grammar of the whole language: declarations, filters, balancers, timers, helpers, sets, loops, texts
/// and patterns, packets and payloads, errors and mistakes. The same seed gives the same policy.
struct PolicyGenerator {
  /// Where a piece of code stands: what it may name.
  enum Place { case load, filter, balancer, timer }

  /// What the error of a promise that the host did not keep begins with.
  static let mark = "BROKEN PROMISE: "

  var generator: SeededGenerator
  var lines: [String] = []
  var indent = 0
  var place = Place.load
  /// Names in scope, by what they hold.
  var numbers: [String] = []
  var texts: [String] = []
  var tables: [String] = []
  var functions: [String] = []
  /// Of the whole policy.
  var sets: [(name: String, kind: String)] = []
  var counters: [String] = []
  var filters: [String] = []
  private var named = 0

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func policy() -> String {
    line("local kept, last, tries = {}, nil, 0")
    line("local view, view_call, calls = nil, 0, 0")
    line("local function promise(kept, what) if not kept then error(\"\(Self.mark)\" .. what) end end")
    line("local function whole(n) return math.tointeger((tonumber(n) or 0) // 1) or 3 end")
    tables.append("kept")
    numbers.append("tries")
    for _ in 0..<generator.below(4) { declareSet() }
    for _ in 0..<generator.below(3) { declareCounter() }
    for _ in 0..<generator.below(4) { helper() }
    for _ in 0..<generator.below(4) { statement(2) }
    for _ in 0..<generator.below(4) { declareFilter() }
    if generator.chance(40) { timer() }
    for number in 0..<1 + generator.below(3) { mirror(number) }
    if generator.chance(20) { statement(2) }
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: Text

  mutating func line(_ text: String) { lines.append(String(repeating: "  ", count: indent) + text) }

  mutating func fresh(_ prefix: String) -> String {
    named += 1
    return "\(prefix)\(named)"
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { generator.pick(elements) }
  mutating func chance(_ percent: Int) -> Bool { generator.chance(percent) }

  /// Lines between `head` and `end`; what is named within is forgotten after it.
  mutating func block(_ head: String, end: String = "end", _ body: (inout Self) -> Void) {
    line(head)
    let scope = (numbers, texts, tables, functions)
    indent += 1
    body(&self)
    indent -= 1
    (numbers, texts, tables, functions) = scope
    line(end)
  }
}
