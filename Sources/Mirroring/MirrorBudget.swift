/// What becomes of copies that are longer than the path takes.
public enum OversizePolicy: String, Sendable, Hashable, CaseIterable { case fragment, truncate, drop }

/// What a mirror may send.
public struct MirrorBudget: Sendable, Hashable {
  /// Bits of outer IP packets in a second; nil: any number.
  public var bits: UInt64?
  /// Copies in a second; nil: any number.
  public var packets: UInt64?
  /// Percent of one processor's time; nil: any.
  public var cpu: UInt64?

  public init(bits: UInt64? = nil, packets: UInt64? = nil, cpu: UInt64? = nil) {
    self.bits = bits
    self.packets = packets
    self.cpu = cpu
  }
}

extension MirrorReading {
  mutating func readBurden() {
    if members["oversize"] != nil {
      oversize = word("oversize", default: .fragment, code: "oversize.unknown", what: "answer to copies too long")
    }
    if let field = members["budget"] { budget = readBudget(field) }
    guard let field = members["priority"] else { return }
    guard let number = field.value.integer, (0...100).contains(number) else {
      return report(
        "priority.range", field, "\(field.value.shown) is no priority", hint: "a whole number from 0 to 100")
    }
    priority = number
  }

  private mutating func readBudget(_ field: DraftField) -> MirrorBudget? {
    guard let parts = table(field, known: ["bits", "packets", "cpu"]) else { return nil }
    if parts.isEmpty {
      report(
        "budget.limit", field, "the budget limits nothing",
        hint: "bits and packets in a second, cpu in percent: one of them or more")
    }
    return MirrorBudget(
      bits: parts["bits"].flatMap { readLimit($0) }, packets: parts["packets"].flatMap { readLimit($0) },
      cpu: parts["cpu"].flatMap { readShare($0) })
  }

  private mutating func readLimit(_ field: DraftField) -> UInt64? {
    if let number = field.value.integer, (10...1_000_000_000_000).contains(number) { return UInt64(number) }
    report(
      "budget.limit", field, "\(field.value.shown) is no limit",
      hint: "a whole number in a second, from 10 to 1000000000000")
    return nil
  }

  private mutating func readShare(_ field: DraftField) -> UInt64? {
    if let number = field.value.integer, (1...100).contains(number) { return UInt64(number) }
    report(
      "budget.limit", field, "\(field.value.shown) is no share of a processor",
      hint: "a whole number of percent, from 1 to 100")
    return nil
  }
}
