import ArgumentParser
import Foundation
import JSONText
import Store

/// Which store.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The store. (default: moontap/moontap.db in $XDG_STATE_HOME or ~/.local/state)", valueName: "file"),
    completion: .file())
  var store: String?

  var path: String { store ?? StoreFile.defaultPath(environment: ProcessInfo.processInfo.environment) }

  /// - Throws: `Problem`
  func open(_ access: MirrorStore.Access) throws -> MirrorStore {
    try asking { () throws(StoreError) in try MirrorStore(self, access) }
  }
}

extension MirrorStore {
  convenience init(_ options: StoreOptions, _ access: Access) throws(StoreError) {
    try self.init(path: options.path, access: access, actor: Actor.name)
    checkFilter = StoredFilter.violations
  }
}

/// Who types the command, for the history.
enum Actor {
  /// `alice`, or `root for alice` under sudo.
  static var name: String {
    let environment = ProcessInfo.processInfo.environment
    let user = loginName(getuid()) ?? "uid \(getuid())"
    guard let caller = environment["SUDO_USER"], !caller.isEmpty, caller != user else { return user }
    return user + " for " + caller.filter { !$0.isNewline && !$0.isWhitespace }
  }

  private static func loginName(_ user: uid_t) -> String? {
    guard let entry = unsafe getpwuid(user) else { return nil }
    return unsafe String(cString: entry.pointee.pw_name)
  }
}

/// Runs a call of the store; what it refuses becomes problems.
func asking<Value>(_ body: () throws(StoreError) -> Value) throws -> Value {
  do {
    return try body()
  } catch {
    throw Problems(error)
  }
}

extension Problems {
  /// A store's refusal in words; violations one by one.
  init(_ error: StoreError) {
    if case .invalid(let violations) = error {
      self.init(list: violations.map { Problem($0) })
    } else if case .gatewaysInUse(let gateways) = error {
      self.init(list: gateways.map { Problem($0, code: error.code) })
    } else {
      let (place, sentence, hint) = error.words
      self.init(
        list: [
          Problem(
            place: place, code: error.code, sentence: sentence, hint: hint,
            exit: error.isOperational ? .failed : .badInput)
        ])
    }
  }
}

extension Problem {
  init(_ lost: StoreError.GatewayInUse, code: String) {
    self.init(
      code: code,
      sentence: "NAT gateway \(lost.gateway) of VPC \(lost.vpc) would vanish, and"
        + " \(lost.mirrors.map(\.quotedForMessage).joined(separator: ", ")) \(lost.mirrors.count == 1 ? "filters" : "filter") by it",
      hint: "modify or delete the mirrors, or import with --force and mend them later")
  }
}
