internal import LuaRuntime
internal import Mirroring

// `findings(...)`: a test of an audit has it run as `moontap audit` runs it, in a state of its own.

/// What a test has an audit look at.
public enum AuditedTraffic: Sendable {
  /// No traffic.
  case configuration
  /// In the order given.
  case packets([MadeFrame])
  /// Open files, which whoever gets them closes, by what they are called.
  case captures([(descriptor: Int32, name: String)])
}

/// One finding, as a test sees it.
public struct TestedFinding: Sendable {
  public var raised: RaisedFinding
  public var severity: FindingSeverity
  public var count: Int
  /// How many packets are kept as its evidence.
  public var packets: Int

  public init(_ raised: RaisedFinding, severity: FindingSeverity, count: Int, packets: Int) {
    self.raised = raised
    self.severity = severity
    self.count = count
    self.packets = packets
  }
}

extension PolicyContext {
  func auditTraffic(_ call: HostCall) throws(HostFailure) {
    let testing = try runningTest("findings")
    guard let audit = testing.audit else { throw HostFailure("nobody runs audits here") }
    let traffic = try auditedTraffic(call)
    do throws(TestRefusal) {
      let found = try audit(traffic)
      call.charge(found.count * 64)
      call.push(.table(LuaTable(items: found.map { .table($0.table) })))
    } catch {
      throw HostFailure(error.reason)
    }
  }

  private func auditedTraffic(_ call: HostCall) throws(HostFailure) -> AuditedTraffic {
    guard call.count > 0 else { return .configuration }
    if call.string(0) == nil {
      var frames: [MadeFrame] = []
      for position in 0..<call.count { frames.append(try madePacket(call, position).frame) }
      return .packets(frames)
    }
    var captures: [(descriptor: Int32, name: String)] = []
    for position in 0..<call.count {
      guard let name = call.string(position) else {
        throw HostFailure(argument: position + 1, "names of captures, or packets, not both")
      }
      captures.append((try open(capture: name, argument: position + 1), name))
    }
    return .captures(captures)
  }
}

extension TestedFinding {
  fileprivate var table: LuaTable {
    var fields = [
      LuaTable.Field("key", .string(raised.key)), .init("message", .string(raised.message)),
      .init("severity", .string(severity.rawValue)), .init("count", .integer(Int64(count))),
      .init("packets", .integer(Int64(packets))),
      .init("evidence", .table(LuaTable(items: raised.evidence.map { .string($0) }))),
      .init("details", .table(LuaTable(fields: raised.details.map { .init($0.name, $0.value.lua) }))),
    ]
    if let subject = raised.subject { fields.append(.init("subject", .string(subject))) }
    return LuaTable(fields: fields)
  }
}

extension RaisedFinding.Detail {
  fileprivate var lua: LuaValue {
    switch self {
    case .text(let text): .string(text)
    case .integer(let number): .integer(number)
    case .number(let number): .number(number)
    case .flag(let flag): .boolean(flag)
    }
  }
}
