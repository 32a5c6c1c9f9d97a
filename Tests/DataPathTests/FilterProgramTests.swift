import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

/// A leaf whose answer the test decides.
private func leaf(_ number: Int) -> FilterExpression {
  .script(ScriptFunction(host: 0, function: number, name: "leaf \(number)"))
}

extension FilterProgram {
  /// Runs with answers given for the leaves; returns the end and the leaves asked, in order.
  fileprivate func run(_ start: Int32, _ answers: [Bool]) -> (end: Int32, asked: [Int]) {
    var operation = start
    var asked: [Int] = []
    while operation >= 0 {
      let test = operations[Int(operation)]
      let number = scripts[Int(test.operand)].function
      asked.append(number)
      operation = answers[number] ? test.onTrue : test.onFalse
    }
    return (operation, asked)
  }
}

/// Short circuit, left to right.
private func evaluate(_ expression: FilterExpression, _ answers: [Bool], _ asked: inout [Int]) -> Bool {
  switch expression {
  case .script(let function):
    asked.append(function.function)
    return answers[function.function]
  case .all(let parts):
    for part in parts where !evaluate(part, answers, &asked) { return false }
    return true
  case .anyOf(let parts):
    for part in parts where evaluate(part, answers, &asked) { return true }
    return false
  case .not(let part): return !evaluate(part, answers, &asked)
  case .any: return true
  default: return false
  }
}

extension RandomNumbers {
  fileprivate mutating func expression(depth: Int) -> FilterExpression {
    switch number(0...(depth == 0 ? 3 : 9)) {
    case 0: .any
    case 1...3: leaf(number(0...7))
    case 4...6: .all((0..<number(0...4)).map { _ in expression(depth: depth - 1) })
    case 7, 8: .anyOf((0..<number(0...4)).map { _ in expression(depth: depth - 1) })
    default: .not(expression(depth: depth - 1))
    }
  }
}

@Suite struct FilterProgramTests {
  @Test func asksAndAnswersAsTheExpressionDoes() {
    var random = RandomNumbers(seed: 21)
    for _ in 0..<10_000 {
      var program = FilterProgram()
      // Something in front, so that programs do not start at 0.
      _ = program.append(.not(leaf(0)))
      let expression = random.expression(depth: 4)
      let start = program.append(expression)
      let answers = (0..<8).map { _ in random.chance(50) }
      var asked: [Int] = []
      let expected = evaluate(expression, answers, &asked)
      let run = program.run(start, answers)
      #expect(run.end == (expected ? FilterProgram.accept : FilterProgram.reject))
      #expect(run.asked == asked)
    }
  }

  @Test func describesEachOperation() {
    var program = FilterProgram()
    let web = QuintupleCondition(protocol: .tcp, destinationPort: 443...443)
    _ = program.append(
      .all([
        .quintuple([web]), .nat(0, bidirectional: false), .nat(0, bidirectional: true), .bpf("tcp port 80"),
        .first(packets: 3, bytes: 100, id: 0), .first(packets: nil, bytes: 5, id: 1), .sample(threshold: 1),
        .rules(inbound: [], outbound: [PriorityRule(priority: 1, action: .accept, condition: web)]), leaf(2),
      ]))
    #expect(
      Set(program.descriptions) == [
        "quintuple protocol tcp, destination port 443", "nat", "nat, bidirectional", "bpf tcp port 80",
        "first 3 packets, 100 bytes", "first 5 bytes", "sample", "rules: 0 inbound, 1 outbound", "lua leaf 2",
      ])
    #expect(program.descriptions.count == program.operations.count)
  }

  @Test func leavesOutConditionsThatGiveNothing() {
    var program = FilterProgram()
    #expect(program.append(.quintuple([QuintupleCondition(isBidirectional: true)])) == FilterProgram.accept)
    #expect(program.append(.not(.any)) == FilterProgram.reject)
    #expect(program.operations.isEmpty)
  }
}

@Suite struct CompiledConditionTests {
  /// 20,000 random conditions on random packets, against the model's own matching.
  @Test func matchesAsTheModelDoes() {
    var random = RandomNumbers(seed: 22)
    var matched = 0
    for _ in 0..<20_000 {
      let condition = random.condition()
      let packet = random.ipPacket()
      let summary = unsafe packet.withUnsafeBytes {
        unsafe PacketSummary.parse($0.baseAddress!, captured: $0.count, decoder: .rawIP)
      }
      let expected = matches(condition, ModelPacket(packet, link: .raw))
      #expect(CompiledCondition(condition).matches(summary) == expected)
      matched += expected ? 1 : 0
    }
    #expect(matched > 1000)
  }

  @Test(arguments: [0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 127, 128])
  func comparesPrefixesOfAnyLength(length: Int) {
    for bit in 0..<128 as Range<UInt64> {
      let base = IPAddress("2001:db8:20:1:ffff:0:ffff:1")!
      let other =
        bit < 64
        ? IPAddress(v6High: base.high, low: base.low ^ 1 << bit)
        : IPAddress(v6High: base.high ^ 1 << (bit - 64), low: base.low)
      var summary = PacketSummary()
      summary.ipVersion = 6
      (summary.sourceHigh, summary.sourceLow) = (other.high, other.low)
      let condition = CompiledCondition(QuintupleCondition(source: CIDR(base, length: length)))
      #expect(condition.matches(summary) == (128 - Int(bit) > length))
    }
  }
}

extension RandomNumbers {
  /// Raw IP over few addresses and ports.
  fileprivate mutating func ipPacket() -> [UInt8] {
    let isVersion4 = chance(70)
    let addresses =
      isVersion4
      ? ["10.20.1.11", "10.20.1.12", "10.20.2.1", "8.8.8.8", "8.8.8.9", "1.1.1.1"]
      : ["2001:db8:20:1::11", "2001:db8:20:1::10", "2001:db8:20:1::99", "::1"]
    let (source, destination) = (octets(IPAddress(pick(addresses))!), octets(IPAddress(pick(addresses))!))
    let payload = bigEndian(pick(Self.ports), 2) + bigEndian(pick(Self.ports), 2) + bytes(number(0...8))
    let known = UInt8(pick(Self.protocols))
    if isVersion4 {
      let fragment: [UInt8] = chance(15) ? [0, 5] : [0, 0]
      return [0x45, 0] + bigEndian(20 + payload.count, 2) + [0, 1] + fragment + [64, known, 0, 0] + source + destination
        + payload
    }
    return [0x60, 0, 0, 0] + bigEndian(payload.count, 2) + [known, 64] + source + destination + payload
  }
}
