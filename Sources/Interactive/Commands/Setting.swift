/// One thing that `:set` changes.
struct Setting: Sendable {
  var name: String
  var doc: String
  var get: @Sendable (Style) -> String
  /// false: the value is not one of those.
  var set: @Sendable (inout Style, String) -> Bool

  static let all: [Setting] = [
    number("depth", "levels of tables inside tables", 1...32, \.depth),
    number("entries", "entries of a table", 1...100_000, \.entries),
    Setting(
      name: "colour", doc: "on or off", get: { $0.hasColour ? "on" : "off" },
      set: { style, value in
        guard value == "on" || value == "off" else { return false }
        style.hasColour = value == "on"
        return true
      }),
  ]

  private static func number(
    _ name: String, _ doc: String, _ range: ClosedRange<Int>, _ path: any WritableKeyPath<Style, Int> & Sendable
  ) -> Setting {
    Setting(
      name: name, doc: "\(doc), \(range.lowerBound) to \(range.upperBound)", get: { String($0[keyPath: path]) },
      set: { style, text in
        guard let value = Int(text), range.contains(value) else { return false }
        style[keyPath: path] = value
        return true
      })
  }
}

extension Session {
  func set(_ text: String) -> Answer {
    let words = text.split(separator: " ").map(String.init)
    guard let name = words.first else {
      let rows = Setting.all.map { setting in
        [setting.name, setting.get(style), setting.doc].map { AlignedTable.Cell(text: $0) }
      }
      return .done(AlignedTable(columns: ["", "", ""], rows: rows).lines(style))
    }
    guard let setting = Setting.all.first(where: { $0.name == name }) else {
      return .failed([":set: nothing is called \(name); " + nearest(name, Setting.all.map(\.name))])
    }
    guard words.count == 2, setting.set(&style, words[1]) else {
      return .failed([":set \(name): one value is needed: \(setting.doc)"])
    }
    return .done([])
  }
}
