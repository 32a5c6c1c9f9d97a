internal import LuaRuntime
internal import Mirroring
internal import Wire

/// What a policy that is an audit declared, and what its functions look at now. Only in scripts that are audits.
final class AuditContext {
  enum Limit {
    /// Findings of one call.
    static let findings = 10_000
    static let lines = 16
    static let details = 32
    static let text = 1024
    static let list = 32
  }

  var declaration: AuditDeclaration?
  var packet: LuaFunctionReference?
  var conversation: LuaFunctionReference?
  var config: LuaFunctionReference?
  var finish: LuaFunctionReference?
  var timer: LuaFunctionReference?
  /// Next call of the timer; nil: the clock has not started.
  var timerDue: Int64?
  /// Of the times that the audit was shown, in nanoseconds since 1970; nil: none yet.
  private(set) var earliest: Int64?
  private(set) var latest: Int64?
  /// A function of the audit runs: findings may be raised.
  var isRunning = false
  var raised: [RaisedFinding] = []
  /// `inventory.eni`, for the argument of `config`.
  var findENI: LuaFunctionReference?
  let configuration: AuditedConfiguration
  let conversations = ConversationArena()
  /// What was read of the payloads that scripts look at in the present call, by the address of the payload's packet record.
  private var parsed: [UInt: ParsedPayload] = [:]

  init(_ configuration: AuditedConfiguration) { self.configuration = configuration }

  /// Time goes on; it never goes back.
  func show(_ first: Int64, _ last: Int64) {
    earliest = min(earliest ?? first, first)
    latest = max(latest ?? last, last)
  }

  func forgetParsed() { if !parsed.isEmpty { parsed.removeAll(keepingCapacity: true) } }

  /// - Parameter base: a `PacketRecord`.
  func parsed(_ base: UnsafeRawPointer) -> ParsedPayload {
    let place = UInt(bitPattern: base)
    if let known = parsed[place] { return known }
    let made = unsafe ParsedPayload(PacketRecord.at(base).pointee.payload)
    parsed[place] = made
    return made
  }
}

/// A payload, read as this or that protocol when it is first asked.
final class ParsedPayload {
  private let bytes: [UInt8]
  private(set) lazy var clientHello = TLSClientHello(bytes)
  private(set) lazy var serverHello = TLSServerHello(bytes)
  private(set) lazy var certificate = ServerCertificate(handshake: bytes)
  private(set) lazy var request = HTTPRequest(bytes)
  private(set) lazy var question = DNSQuestion(bytes)
  private(set) lazy var streamQuestion = DNSQuestion(bytes, isStream: true)

  init(_ payload: UnsafeRawBufferPointer) { unsafe bytes = Array(payload) }
}

extension PolicyContext {
  /// The state of the audit whose function runs.
  func runningAudit(_ name: String) throws(HostFailure) -> AuditContext {
    guard let auditing, auditing.isRunning else {
      throw HostFailure("\(name) can be used only inside the functions of an audit")
    }
    return auditing
  }
}
