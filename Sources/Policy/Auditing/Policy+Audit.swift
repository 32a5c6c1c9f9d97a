// An audit: a script of the policy language that declares one `audit{}`, and whose functions look at packets,
// conversations and the configuration. Whoever runs audits loads one for each capture, hands over what there is in order
// of time, and takes the findings after each call. A function that fails ends the audit of that capture.

internal import Inventory
internal import JSONText
public import LuaRuntime
public import Mirroring

extension Policy {
  /// What the script declared; nil: nothing, it is no audit.
  public var audit: AuditDeclaration? { context.auditing?.declaration }

  /// There are findings since the last call of `takeFindings`.
  public var hasFindings: Bool { !(context.auditing?.raised.isEmpty ?? true) }

  /// The findings since the last call.
  public func takeFindings() -> [RaisedFinding] {
    guard let auditing = context.auditing, !auditing.raised.isEmpty else { return [] }
    defer { auditing.raised.removeAll() }
    return auditing.raised
  }

  /// - Parameters:
  ///   - isAttributed: ENI and direction are known.
  ///   - hasFlow: the conversation is known.
  public func audit(
    packet: UnsafePointer<ObservedPacket>, isAttributed: Bool, hasFlow: Bool, limits: LuaLimits
  ) throws(AuditFailure) {
    guard let auditing = context.auditing, let function = auditing.packet else { return }
    unsafe context.clock = max(context.clock, packet.pointee.time)
    unsafe auditing.show(packet.pointee.time, packet.pointee.time)
    let record = unsafe context.arena.place(
      packet, isObserved: true, isAttributed: isAttributed, hasFlow: hasFlow)
    try run(auditing) { () throws(LuaError) in
      _ = try unsafe state.call(
        function, record: context.types.record(.packet), at: UnsafeRawPointer(record), limits: limits)
    }
  }

  public func audit(
    conversation: UnsafePointer<ObservedConversation>, limits: LuaLimits
  ) throws(AuditFailure) {
    guard let auditing = context.auditing, let function = auditing.conversation else { return }
    unsafe context.clock = max(context.clock, conversation.pointee.lastTime)
    unsafe auditing.show(conversation.pointee.firstTime, conversation.pointee.lastTime)
    let record = unsafe auditing.conversations.place(conversation.pointee)
    try run(auditing) { () throws(LuaError) in
      _ = try unsafe state.call(
        function, record: context.types.record(.conversation), at: UnsafeRawPointer(record), limits: limits)
    }
  }

  /// Calls the function `config` with the inventory and the mirrors.
  public func auditConfiguration(limits: LuaLimits) throws(AuditFailure) {
    guard let auditing = context.auditing, let function = auditing.config else { return }
    let arguments = [inventoryValue, context.types.value(.mirrors, 0)]
    try run(auditing) { () throws(LuaError) in
      _ = try state.call(function, arguments: arguments, limits: limits)
    }
  }

  /// Calls the timer if it is due; its first period begins with the first packet.
  public func auditTimer(at time: Int64, limits: LuaLimits) throws(AuditFailure) {
    guard let auditing = context.auditing, let function = auditing.timer, let period = audit?.period else { return }
    guard let due = auditing.timerDue else {
      auditing.timerDue = time &+ period
      return
    }
    guard time >= due else { return }
    // Periods that passed without packets are left out.
    auditing.timerDue = due &+ ((time &- due) / period &+ 1) &* period
    context.clock = max(context.clock, time)
    auditing.show(time, time)
    try run(auditing) { () throws(LuaError) in _ = try state.call(function, limits: limits) }
  }

  /// - Parameter time: of the capture's last packet; nil: it has none.
  public func auditFinish(at time: Int64?, limits: LuaLimits) throws(AuditFailure) {
    guard let auditing = context.auditing, let function = auditing.finish else { return }
    if let time { auditing.show(time, time) }
    try run(auditing) { () throws(LuaError) in _ = try state.call(function, limits: limits) }
  }

  private var inventoryValue: LuaValue {
    .table(
      LuaTable(fields: [
        .init("eni", context.auditing?.findENI.map { .function($0) } ?? .nil),
        .init("enis", context.types.value(.list, InventoryList.allENIs.handle(0))),
        .init("regions", context.types.value(.list, InventoryList.regions.handle(0))),
        .init("subnets", context.types.value(.list, InventoryList.allSubnets.handle(0))),
        .init("vpcs", context.types.value(.list, InventoryList.vpcs.handle(0))),
      ]))
  }

  private func run(_ auditing: AuditContext, _ body: () throws(LuaError) -> Void) throws(AuditFailure) {
    auditing.forgetParsed()
    auditing.isRunning = true
    defer { auditing.isRunning = false }
    do throws(LuaError) {
      try body()
    } catch {
      throw failure(error)
    }
  }

  private func failure(_ error: LuaError) -> AuditFailure {
    let fault = PolicyError(error, context, path: path)
    let place = fault.line > 0 ? "\(fault.file):\(fault.line)" : fault.file
    return AuditFailure(place: place, message: fault.message.cleanLine(limit: 900))
  }
}
