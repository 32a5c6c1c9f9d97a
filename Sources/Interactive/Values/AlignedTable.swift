/// Rows under a head, columns aligned: numbers to the right, text to the left.
struct AlignedTable {
  struct Cell {
    var text: String
    var isNumber = false
    var ink = Style.Ink.key
  }

  var columns: [String]
  var rows: [[Cell]]
  var widestCell = 48

  /// Lines, each as wide as it must be and cut at the style's width.
  func lines(_ style: Style) -> [String] {
    let cut = rows.map { row in
      row.map { Cell(text: TextWidth.cut($0.text, to: widestCell), isNumber: $0.isNumber, ink: $0.ink) }
    }
    let widths = squeezed(
      columns.indices.map { column in
        max(TextWidth.of(columns[column]), cut.map { TextWidth.of($0[column].text) }.max() ?? 0)
      }, style.width)
    let isNumeric = columns.indices.map { column in cut.contains { $0[column].isNumber } }
    let shown = fitting(widths, style.width)
    let head = shown.map { TextWidth.pad(columns[$0], to: widths[$0], onLeft: isNumeric[$0]) }
    var lines = columns.allSatisfy(\.isEmpty) ? [] : [style.paint(Self.joined(head), .note)]
    for row in cut {
      let cells = shown.map { column in
        let padded = TextWidth.pad(
          TextWidth.cut(row[column].text, to: widths[column]), to: widths[column], onLeft: isNumeric[column])
        return style.paint(padded, row[column].ink)
      }
      lines.append(Self.joined(cells))
    }
    if shown.count < columns.count {
      lines.append(style.paint("… columns left out: " + columns[shown.count...].joined(separator: ", "), .note))
    }
    return lines
  }

  /// The last column gives way, as far as it can still be read.
  private func squeezed(_ widths: [Int], _ limit: Int) -> [Int] {
    let others = widths.dropLast().reduce(0) { $0 + $1 + 2 }
    let least = 20
    guard let last = widths.last, others + last > limit, limit - others >= least else { return widths }
    return widths.dropLast() + [limit - others]
  }

  /// As many columns as fit beside each other; always one.
  private func fitting(_ widths: [Int], _ limit: Int) -> Range<Int> {
    var used = 0
    for (column, width) in widths.enumerated() {
      used += width + (column > 0 ? 2 : 0)
      if used > limit, column > 0 { return 0..<column }
    }
    return 0..<widths.count
  }

  private static func joined(_ cells: [String]) -> String {
    var text = cells.joined(separator: "  ")
    while text.hasSuffix(" ") { text.removeLast() }
    return text
  }
}
