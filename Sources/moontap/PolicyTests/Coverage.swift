import JSONText

/// Which lines of policies and their modules tests ran.
struct Coverage {
  /// How often each line with code began, by file.
  var counted: [String: [Int: Int]]

  private struct File {
    var path: String
    var lines: [Int: Int]
    var missed: [Int] { lines.filter { $0.value == 0 }.keys.sorted() }
    var covered: Int { lines.count - missed.count }
    /// Rounded down: 100 means all.
    var percent: Int { lines.isEmpty ? 100 : covered * 100 / lines.count }
  }

  private var files: [File] { counted.sorted { $0.key < $1.key }.map { File(path: $0.key, lines: $0.value) } }

  /// `shop.lua  83 %  10 of 12 lines, not run: 7, 9-11`
  var text: String {
    let width = files.map(\.path.count).max() ?? 0
    return "coverage\n"
      + files.map { file in
        let percent = String(repeating: " ", count: max(0, 3 - String(file.percent).count)) + "\(file.percent) %"
        let missed = file.missed.isEmpty ? "" : ", not run: \(ranges(file.missed, of: file))"
        return "  \(Words.pad(file.path, width))  \(percent)  \(file.covered) of \(file.lines.count) lines\(missed)\n"
      }.joined()
  }

  /// Lines without code between two that were not run join them.
  private func ranges(_ missed: [Int], of file: File) -> String {
    var ranges: [ClosedRange<Int>] = []
    for line in missed {
      if let last = ranges.last, !file.lines.contains(where: { $0.key > last.upperBound && $0.key < line }) {
        ranges[ranges.count - 1] = last.lowerBound...line
      } else {
        ranges.append(line...line)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ", ")
  }

  var json: JSONValue {
    .array(
      files.map { file in
        [
          "file": .string(file.path), "lines": .integer(file.lines.count), "covered": .integer(file.covered),
          "missed": .array(file.missed.map { .integer($0) }),
        ]
      })
  }

  /// The tracefile of lcov (geninfo(1)).
  var lcov: String {
    files.map { file in
      let lines = file.lines.sorted { $0.key < $1.key }.map { "DA:\($0.key),\($0.value)\n" }.joined()
      return "TN:\nSF:\(file.path)\n\(lines)LF:\(file.lines.count)\nLH:\(file.covered)\nend_of_record\n"
    }.joined()
  }
}
