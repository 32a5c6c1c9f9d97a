import SeededRandom

// What a policy declares.
extension PolicyGenerator {
  mutating func declareSet() {
    let name = fresh("set")
    switch generator.below(3) {
    case 0:
      let members = ["10.0.0.0/8", "192.168.0.0/16", "0.0.0.0/1", "2001:db8::/32", "10.0.0.1", "::/0"]
      line("local \(name) = set.cidrs { \(quoted(members, upTo: 5)) }")
      sets.append((name, "cidrs"))
    case 1:
      line("local \(name) = set.ports { \(quoted(["22", "443", "1024-65535", "53", "0"], upTo: 4)), math.random(9) }")
      sets.append((name, "ports"))
    default:
      line("local \(name) = set.strings { \(quoted(["tcp", "udp", "GET ", "", "\\0x"], upTo: 4)), \(text(1)) }")
      sets.append((name, "strings"))
    }
  }

  mutating func declareCounter() {
    let name = fresh("c")
    line("local \(name) = counter(\"\(name)\")")
    counters.append(name)
  }

  mutating func declareFilter() {
    let name = fresh("f")
    line("local \(name) = \(filter(3))")
    filters.append(name)
  }

  /// A filter: of the host's kinds, or of functions.
  private mutating func filter(_ depth: Int) -> String {
    if depth > 0, chance(45) {
      switch generator.below(6) {
      case 0: return "(\(filter(depth - 1)) & \(filter(depth - 1)))"
      case 1: return "(\(filter(depth - 1)) | \(filter(depth - 1)))"
      case 2: return "(~\(filter(depth - 1)))"
      case 3: return "filter.all { \(filter(depth - 1)), \(filter(depth - 1)) }"
      case 4: return "filter.none { \(filter(depth - 1)) }"
      default: return filters.isEmpty ? "filter.any()" : pick(filters)
      }
    }
    switch generator.below(9) {
    case 0: return "filter.any()"
    case 1:
      return "filter.quintuple { protocol = \"\(pick(["tcp", "udp", "icmp"]))\", bidirectional = \(chance(50)) }"
    case 2: return "filter.quintuple { source = \"\(chance(5) ? "x" : pick(["10.0.0.0/8", "0.0.0.0/0", "::/0"]))\" }"
    case 3: return "filter.nat(\"n\", { bidirectional = \(chance(50)) })"
    case 4: return "filter.bpf \"\(chance(5) ? "nonsense" : pick(["tcp", "udp port 53", "ip6", "greater 200"]))\""
    case 5: return "filter.first { \(pick(["packets", "bytes"])) = \(chance(5) ? "-1" : pick(["1", "3", "1000"])) }"
    case 6: return "filter.sample(\(chance(5) ? "2" : pick(["1/2", "1", "0.1"])))"
    case 7:
      return "filter.rules { inbound = { { priority = 1, action = \"accept\", protocol = \"tcp\" } }, outbound = {} }"
    default: return chance(50) ? "filter.when(\"\(fresh("named "))\", \(filterFunction()))" : filterFunction()
    }
  }

  /// Written out where it stands: several lines in one text.
  private mutating func filterFunction() -> String {
    function("function(p)", as: .filter) { generator in
      for _ in 0..<generator.generator.below(5) { generator.statement(3) }
      generator.line(generator.chance(90) ? "return \(generator.condition(3))" : "return \(generator.value(2))")
    }
  }

  private mutating func balancer() -> String {
    function("function(p, receivers)", as: .balancer) { generator in
      for _ in 0..<generator.generator.below(3) { generator.statement(2) }
      let answers = [
        "p.length % #receivers + 1", "receivers[1]", "receivers[2].address", "nil", "1", "0", "#receivers + 1", "1.0",
        "receivers[\(generator.number(1))]", generator.number(2), generator.text(1), "last",
      ]
      generator.line("return \(generator.pick(answers))")
    }
  }

  /// The text of a function whose body is made line by line.
  mutating func function(_ head: String, as newPlace: Place, _ body: (inout Self) -> Void) -> String {
    let outer = (lines, place, indent)
    (lines, place) = ([], newPlace)
    block(head) { generator in
      if newPlace != .load { generator.line("calls = calls + 1") }
      if newPlace == .filter || newPlace == .balancer, generator.chance(30) { generator.promiseOfViews() }
      body(&generator)
    }
    let text = lines.joined(separator: "\n")
    (lines, place, indent) = outer
    return text.drop { $0 == " " }.description
  }

  mutating func helper() {
    let name = fresh("helper")
    let body = function("function(a, b)", as: .load) { generator in
      generator.numbers.append("(tonumber(a) or 1)")
      generator.texts.append("tostring(b)")
      for _ in 0..<generator.generator.below(4) { generator.statement(2) }
      generator.line("return \(generator.value(2))")
    }
    line("local \(name) = \(body)")
    functions.append(name)
  }

  mutating func timer() {
    let body = function("function()", as: .timer) { generator in
      for _ in 0..<1 + generator.generator.below(4) { generator.statement(3) }
    }
    line("every(\(chance(5) ? "0" : pick(["1", "0.001", "60"])), \(body))")
  }

  mutating func mirror(_ number: Int) {
    let filter = chance(15) ? "nil" : filters.isEmpty || chance(40) ? filterFunction() : pick(filters)
    let balance = chance(40) ? balancer() : "balance.\(pick(["even", "eni_hash", "flow_hash", "round_robin"]))()"
    let source = pick([
      "source.vpc()", "source.subnet(\"low\", \"high\")", "source.eni \"web\"",
      "source.where(function(eni) return #eni.addresses > 0 end)",
      chance(10) ? "source.subnet(\"nowhere\")" : "source.subnet \"high\"",
    ])
    block("mirror {", end: "}") { generator in
      generator.line(
        "name = \"m\(number)\", vpc = \"all\", source = \(source), direction = \"\(generator.pick(["all", "in", "out"]))\","
      )
      generator.line("target = target.receivers \"10.0.0.1, 10.0.0.2\", filter = \(filter),")
      generator.line("balance = \(balance), on_error = \"\(generator.pick(["skip", "collect"]))\",")
      generator.line("copies = \"\(generator.pick(["once", "per-eni"]))\",")
      if generator.chance(3) { generator.line("\(generator.pick(["nmae", "x", "vpcs"])) = \(generator.value(1)),") }
    }
  }

  private mutating func quoted(_ words: [String], upTo count: Int) -> String {
    (0..<1 + generator.below(count)).map { _ in "\"\(pick(words))\"" }.joined(separator: ", ")
  }
}
