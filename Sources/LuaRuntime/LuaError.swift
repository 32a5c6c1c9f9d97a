/// Why a script could not be loaded or a call did not come to its end.
public struct LuaError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable, CaseIterable {
    /// The text is not Lua, or not Lua that is accepted here (bytecode, too long, a field chain of more than 100).
    case syntax
    /// The script raised an error, by itself or through what it called.
    case runtime
    /// The step budget is used up.
    case cpu
    /// The time budget is used up.
    case wall
    /// Live memory or the bytes allocated in one call are used up.
    case memory
    /// The function's answer is not one that is allowed. Never raised here, for the host's use.
    case verdict
    /// A record was used outside the call that received it.
    case stale
    /// Somebody asked for it, see `LuaInterrupt`.
    case interrupted
  }

  public var kind: Kind
  /// One clean line without the place: no control characters, at most 1 KiB.
  public var message: String
  public var place: LuaPlace?
  /// The calls that led there, innermost first, one a line; empty where Lua cannot say (memory, syntax).
  public var traceback: String

  public init(_ kind: Kind, _ message: String, at place: LuaPlace? = nil, traceback: String = "") {
    self.kind = kind
    self.message = message
    self.place = place
    self.traceback = traceback
  }

  /// `web-to-ids.lua:8: runtime: attempt to call a nil value`
  public var description: String { (place.map { "\($0): " } ?? "") + "\(kind.rawValue): \(message)" }
}
