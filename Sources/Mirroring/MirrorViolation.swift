/// One rule that one draft breaks, or a warning about it.
public struct MirrorViolation: Error, Sendable, Hashable {
  /// `receivers.no-route`: the code of a `MirrorRule`.
  public var code: String
  /// The mirror's name, as far as it has one.
  public var mirror: String
  /// `mirrors[0].filter.quintuple[1].source`; in Lua `filter.quintuple[2].source`. Empty: the mirror as a whole.
  public var path: String
  public var location: SourceLocation?
  /// What is wrong, with the offending value.
  public var message: String
  /// What would be right.
  public var hint: String?
  /// Warnings never block.
  public var isWarning: Bool

  public init(
    code: String, mirror: String = "", path: String = "", location: SourceLocation? = nil, message: String,
    hint: String? = nil, isWarning: Bool = false
  ) {
    self.code = code
    self.mirror = mirror
    self.path = path
    self.location = location
    self.message = message
    self.hint = hint
    self.isWarning = isWarning
  }
}

extension MirrorViolation: CustomStringConvertible {
  /// `web.lua:8: warning: receivers.bandwidth: receivers: sentence`, then the hint on a line of its own.
  public var description: String {
    let place = location.map { "\($0): " } ?? ""
    return place + (isWarning ? "warning: " : "") + sentence + (hint.map { "\n  hint: " + $0 } ?? "")
  }

  /// `receivers.bandwidth: receivers: sentence`, without place and hint: a line of a list.
  public var sentence: String { "\(code): " + (path.isEmpty ? "" : path + ": ") + message }
}
