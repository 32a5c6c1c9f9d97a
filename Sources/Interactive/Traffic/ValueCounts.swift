import LuaRuntime

/// Packets and bytes by value of a field.
struct ValueCounts {
  static let mostRows = 10_000
  private static let mostValues = 1 << 20

  private var counts: [LuaValue: Tally] = [:]
  private var all = Tally()

  mutating func count(_ value: LuaValue, _ length: UInt32) throws(HostFailure) {
    let value = try Self.key(value)
    all.count(length)
    counts[value, default: Tally()].count(length)
    guard counts.count <= Self.mostValues else {
      throw HostFailure("more than \(Self.mostValues) different values: take or filter fewer packets")
    }
  }

  private static func key(_ value: LuaValue) throws(HostFailure) -> LuaValue {
    switch value {
    case .nil, .boolean, .integer, .number, .string: return value
    default: throw HostFailure("what is grouped by is a string, a number, a boolean or nil, not a \(value.typeName)")
    }
  }

  /// Rows of `value`, `packets`, `bytes`, and `share` in percent of the packets.
  func table(most: Int, withShare: Bool) -> LuaValue {
    let sorted = counts.sorted { a, b in
      (b.value.packets, Self.text(a.key)) < (a.value.packets, Self.text(b.key))
    }
    let rows = sorted.prefix(most).map { value, tally -> LuaValue in
      var row = LuaTable(fields: [
        LuaTable.Field("bytes", .integer(Int64(tally.bytes))),
        LuaTable.Field("packets", .integer(Int64(tally.packets))),
      ])
      if withShare {
        let share = Double(tally.packets) / Double(max(1, all.packets))
        row.fields.append(LuaTable.Field("share", .number((share * 1000).rounded() / 10)))
      }
      row.fields.append(LuaTable.Field("value", value == .nil ? .string("(none)") : value))
      return .table(row)
    }
    return .table(LuaTable(items: Array(rows)))
  }

  private static func text(_ value: LuaValue) -> String {
    switch value {
    case .string(let text): text
    case .integer(let number): String(number)
    case .number(let number): LuaText.number(number)
    case .boolean(let flag): String(flag)
    default: ""
    }
  }
}
