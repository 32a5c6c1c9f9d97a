package import LuaRuntime
public import Mirroring

/// Why a policy cannot be used.
public struct PolicyError: Error, Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    /// The file cannot be read, is too large, or is no text.
    case unreadable
    case syntax
    /// The script raised an error while it was loading.
    case runtime
    /// `mirror{}` refused: see `violations`.
    case invalid
    case cpu, memory
  }

  public var kind: Kind
  /// As it was given.
  public var file: String
  /// 0: the file as a whole.
  public var line: Int
  /// What is wrong, on one line.
  public var message: String
  /// Every rule that the mirror breaks.
  public var violations: [MirrorViolation]
  /// The calls that led there, innermost first, one a line; may be empty.
  public var traceback: String

  public init(
    kind: Kind, file: String, line: Int, message: String, violations: [MirrorViolation] = [], traceback: String = ""
  ) {
    self.kind = kind
    self.file = file
    self.line = line
    self.message = message
    self.violations = violations
    self.traceback = traceback
  }

  /// An error of a module that the policy requires names the module's file.
  package init(_ error: LuaError, _ context: PolicyContext, path: String) {
    let chunk = error.place?.chunk ?? context.file
    self.init(
      kind: .runtime, file: chunk == context.file ? path : context.modulePath(chunk, besides: path),
      line: error.place?.line ?? 0,
      message: MissingGlobal.explained(error.message, inAudit: context.auditing != nil), traceback: error.traceback)
    switch error.kind {
    case .syntax: kind = .syntax
    case .cpu, .wall: kind = .cpu
    case .memory: kind = .memory
    case .runtime, .verdict, .stale, .interrupted:
      // The message may have been cut; its head names the mirror and how much is wrong.
      if let refusal = context.lastRefusal, error.message.hasPrefix(refusal.message.prefix(100)) {
        kind = .invalid
        violations = refusal.violations.map { context.withPath($0, path) }
      }
    }
  }
}

extension PolicyContext {
  /// A module's file, as it was given: beside the policy, or in the library where it was found.
  func modulePath(_ chunk: String, besides path: String) -> String {
    if let library = moduleFolders[chunk] { return library + "/" + chunk }
    return path.lastIndex(of: "/").map { String(path[...$0]) + chunk } ?? chunk
  }

  /// The violation with the policy's path as it was given, where scripts know the file's name only.
  func withPath(_ violation: MirrorViolation, _ path: String) -> MirrorViolation {
    var result = violation
    if result.location?.file == file { result.location?.file = path }
    return result
  }
}

extension PolicyError: CustomStringConvertible {
  /// `web.lua:8: sentence`
  public var description: String { file + (line > 0 ? ":\(line)" : "") + ": " + message }
}
