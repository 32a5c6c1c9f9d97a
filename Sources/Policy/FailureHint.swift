package import LuaRuntime

/// What would be right, where a script's failure is one that many scripts have.
package enum FailureHint {
  package static func hint(for error: LuaError) -> String? {
    switch error.kind {
    case .runtime: nilHint(error.message)
    case .cpu, .wall: "do less for one packet: a set answers thousands of comparisons in one step"
    case .memory: "keep less: few and short values in tables that outlive the call"
    case .stale: "copy the fields that you keep, not the packet"
    case .verdict, .syntax, .interrupted: nil
    }
  }

  /// Fields of packets that are not always there.
  private static let optional = Set(
    APIEntry.all.filter { entry in
      if case .type(let type) = entry.owner, type.isRecord { return entry.returns?.hasSuffix("?") == true }
      return false
    }.map(\.name))

  /// - Parameter message: such as `attempt to index a nil value (field 'tcp')`.
  private static func nilHint(_ message: String) -> String? {
    guard message.hasPrefix("attempt to"), message.contains("nil") else { return nil }
    let name = message.split(separator: "'").dropFirst().first.map(String.init) ?? ""
    if message.contains("(field '"), optional.contains(name) {
      return "\(name) is nil where a packet has none or its header is cut short: test it first, as in "
        + "packet.tcp and packet.tcp.syn"
    }
    guard message.hasPrefix("attempt to compare") || message.hasPrefix("attempt to perform arithmetic") else {
      return nil
    }
    return "fields that a packet does not have are nil: test them first, as in "
      + "packet.destination_port and packet.destination_port < 1024"
  }
}
