public import Inventory
public import JSONText

/// A mirror says something that JSON has no words for.
public struct MirrorNotInJSON: Error, Sendable, Hashable {
  public var mirror: String
  /// `filter`, `range` or `balance`.
  public var key: String
  /// `a Lua function`
  public var what: String
}

extension TrafficMirror {
  /// The mirror as an object of a `moontap.mirrors/1` document; the same mirror comes back from it.
  ///
  /// - Throws: when filter, range or balance come from a script.
  public func json(in inventory: Inventory) throws(MirrorNotInJSON) -> JSONValue { .null }
}

extension MirrorsFile {
  /// A whole document.
  public static func json(of mirrors: [TrafficMirror], in inventory: Inventory) throws(MirrorNotInJSON) -> JSONValue {
    .null
  }
}
