public import Glibc

/// Where sockets of engines stand: `/run/moontap/UID/PID.sock` when root starts the engine, for the user that it becomes;
/// else `$XDG_RUNTIME_DIR/moontap/PID.sock`.
public struct ControlPlace: Sendable {
  static let system = "/run/moontap"

  /// Who asks.
  let user: uid_t
  /// XDG_RUNTIME_DIR
  let runtime: String?

  public init(user: uid_t, runtime: String?) {
    self.user = user
    self.runtime = runtime.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }

  /// Makes the folder for an engine's socket, if it is not there.
  ///
  /// - Parameter owner: whom the engine becomes; nil: it stays who it is.
  public func path(owner: (user: uid_t, group: gid_t)?, process: pid_t) throws(ControlError) -> String {
    guard user == 0 else {
      guard let runtime else { throw .noFolder }
      let folder = runtime + "/moontap"
      try Self.make(folder, mode: 0o700, owner: (user, getgid()))
      return "\(folder)/\(process).sock"
    }
    try Self.make(Self.system, mode: 0o755, owner: (0, 0))
    let owner = owner ?? (0, 0)
    let folder = "\(Self.system)/\(owner.user)"
    try Self.make(folder, mode: 0o700, owner: owner)
    return "\(folder)/\(process).sock"
  }

  /// A folder that only its owner may write to.
  private static func make(_ folder: String, mode: mode_t, owner: (user: uid_t, group: gid_t)) throws(ControlError) {
    if unsafe mkdir(folder, mode) == 0 {
      guard unsafe chmod(folder, mode) == 0, unsafe lchown(folder, owner.user, owner.group) == 0 else {
        throw .last(folder)
      }
    } else if errno != EEXIST {
      throw .last(folder)
    }
    var status = stat()
    guard unsafe lstat(folder, &status) == 0 else { throw .last(folder) }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == owner.user, status.st_mode & 0o022 == 0 else {
      throw .unsafeFolder(folder)
    }
  }

  /// Sockets that the user may ask, dead ones too.
  public var candidates: [String] {
    var folders = ["\(Self.system)/\(user)"]
    if user == 0 { folders = Self.names(in: Self.system).map { "\(Self.system)/\($0)" } }
    if let runtime { folders.append(runtime + "/moontap") }
    return folders.flatMap(Self.sockets)
  }

  static func sockets(in folder: String) -> [String] {
    names(in: folder).filter { $0.hasSuffix(".sock") }.map { "\(folder)/\($0)" }
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
