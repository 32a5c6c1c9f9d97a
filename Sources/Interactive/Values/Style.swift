/// How values and messages are written: colours or none, how wide, how much of great values.
public struct Style: Sendable, Equatable {
  public var hasColour = false
  /// Columns of a line.
  public var width = 100
  /// Levels of tables inside tables.
  public var depth = 4
  /// Entries of one table.
  public var entries = 40

  public init() {}

  enum Ink: String {
    case key = "0"
    case string = "32"
    case number = "36"
    case word = "35"
    case note = "2"
    case error = "31"
    case head = "1"
  }

  func paint(_ text: String, _ ink: Ink) -> String {
    hasColour && ink != .key && !text.isEmpty ? "\u{1b}[\(ink.rawValue)m\(text)\u{1b}[0m" : text
  }
}
