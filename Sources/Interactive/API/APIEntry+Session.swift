import LuaRuntime
package import Policy

extension APIEntry {
  /// What sessions have besides the policy language: entries of the same table, so that help, completion and the page
  /// know them.
  package static let session: [APIEntry] =
    captureEntries + packetsEntries + packetViewEntries + mirrorTrialEntries + clockEntries

  typealias SessionCall = @Sendable (Session, HostCall) throws(HostFailure) -> Void

  /// A body that needs the session.
  static func body(_ call: @escaping SessionCall) -> Call {
    { context, hostCall throws(HostFailure) in
      guard let session = context.sessionOwner as? Session else { throw HostFailure("the session is over") }
      try call(session, hostCall)
    }
  }

  static func method(
    _ type: APITypeName, _ name: String, _ parameters: [APIParameter] = [], returns: String?, _ doc: String,
    _ example: String, _ call: @escaping SessionCall
  ) -> APIEntry {
    APIEntry(
      owner: .type(type), name: name, parameters: parameters, returns: returns, doc: doc, example: example,
      binding: .method(body(call)))
  }
}

extension HostCall {
  /// Files are the business of whoever types: a script that was loaded may come from anywhere.
  func requireTyped(_ name: String) throws(HostFailure) {
    guard let chunk = place?.chunk, chunk.hasPrefix(InputLog.prefix) else {
      throw HostFailure("\(name) can be used only in what is typed, not in files that are loaded")
    }
  }
}
