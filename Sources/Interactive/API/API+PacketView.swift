import LuaRuntime
import Policy

extension APIEntry {
  static let packetViewEntries: [APIEntry] = [
    method(.packet, "tree", returns: "string", "All headers, field by field.", "packets[12]:tree()") {
      session, call throws(HostFailure) in
      guard let packet = session.context.observed(call, 0) else { return call.pushNil() }
      call.push(PacketTree(packet).text)
    }
  ]
}
