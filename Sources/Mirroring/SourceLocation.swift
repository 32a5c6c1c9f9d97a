/// Where something was written: a line of a file.
public struct SourceLocation: Sendable, Hashable {
  /// `web.lua`, `mirrors.json`, or what else people call the place: `command line`.
  public var file: String
  /// From 1; 0: the file as a whole.
  public var line: Int

  public init(file: String, line: Int = 0) {
    self.file = file
    self.line = line
  }
}

extension SourceLocation: CustomStringConvertible {
  /// `web.lua:8`, or `web.lua` for the whole file.
  public var description: String { line > 0 ? "\(file):\(line)" : file }
}
