internal import GRDB
public import Mirroring

/// Why a store could not be used, or refused a change.
public enum StoreError: Error, Sendable {
  /// There is no file.
  case missing(path: String)
  /// The file or its folder cannot be opened or made; the text is the system's.
  case unusable(path: String, reason: String)
  /// A database, but none of Moontap's; or no database at all.
  case foreign(path: String)
  /// Written by a later version.
  case newer(path: String, version: Int, known: Int)
  case corrupt(path: String, detail: String)
  /// Another process held it for longer than we wait.
  case locked(path: String, seconds: Int)
  case readOnly(path: String)
  case full(path: String)
  case failed(path: String, detail: String)
  /// The rules of mirrors, broken by a change.
  case invalid([MirrorViolation])
  case unknownMirror(name: String, near: String?)
  /// Several VPCs have a mirror of the name.
  case ambiguousMirror(name: String, vpcs: [String])
  case noInventory
  /// An import would take away NAT gateways that stored mirrors name.
  case gatewaysInUse([GatewayInUse])

  public struct GatewayInUse: Sendable, Hashable {
    public var gateway: String
    public var vpc: String
    public var mirrors: [String]
  }
}

extension StoreError {
  /// Stable name of the kind of error.
  public var code: String {
    switch self {
    case .missing: "store.missing"
    case .unusable: "store.unusable"
    case .foreign: "store.foreign"
    case .newer: "store.newer"
    case .corrupt: "store.corrupt"
    case .locked: "store.locked"
    case .readOnly: "store.read-only"
    case .full: "store.full"
    case .failed: "store.failed"
    case .invalid: "mirror.invalid"
    case .unknownMirror: "mirror.unknown"
    case .ambiguousMirror: "mirror.ambiguous"
    case .noInventory: "inventory.none"
    case .gatewaysInUse: "inventory.nat-in-use"
    }
  }

  /// Not the caller's input is wrong: the same may succeed another time, or elsewhere.
  public var isOperational: Bool {
    switch self {
    case .locked, .readOnly, .full, .failed: true
    default: false
    }
  }
}

extension StoreError {
  /// What SQLite says, in our words.
  init(_ error: DatabaseError, path: String, seconds: Int) {
    let detail = error.message ?? "\(error.resultCode)"
    switch error.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked(path: path, seconds: seconds)
    case .SQLITE_READONLY: self = .readOnly(path: path)
    case .SQLITE_FULL: self = .full(path: path)
    case .SQLITE_NOTADB: self = .foreign(path: path)
    case .SQLITE_CORRUPT: self = .corrupt(path: path, detail: detail)
    case .SQLITE_CANTOPEN where StoreFile.isReadOnly(path): self = .readOnly(path: path)
    case .SQLITE_IOERR where StoreFile.isFull(path): self = .full(path: path)
    case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
      self = .unusable(path: path, reason: StoreFile.refusal(path) ?? detail)
    default: self = .failed(path: path, detail: detail)
    }
  }
}
