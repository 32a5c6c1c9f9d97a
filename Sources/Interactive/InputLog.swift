/// What was typed and loaded, so that errors can show the line they stand in. Long sessions forget the oldest.
struct InputLog {
  private static let most = 4096
  /// Begins the names of what is typed; a file cannot be called so, since it ends in `.lua`.
  static let prefix = "input "

  struct Input {
    /// What errors call it: `input 3`, or a file's name.
    var chunk: String
    var text: String
    /// It declared something, or may have changed what declarations depend on.
    var isOfPolicy = false
  }

  private(set) var inputs: [Input] = []
  private var number = 0

  /// The name of the next thing that is typed.
  var upcomingName: String { Self.prefix + "\(number + 1)" }

  /// It was typed.
  mutating func useName() { number += 1 }

  mutating func add(_ chunk: String, _ text: String) {
    if inputs.count == Self.most, let oldest = inputs.firstIndex(where: { !$0.isOfPolicy }) {
      inputs.remove(at: oldest)
    }
    inputs.append(Input(chunk: chunk, text: text))
  }

  /// Marks the newest input.
  mutating func markOfPolicy() {
    if !inputs.isEmpty { inputs[inputs.count - 1].isOfPolicy = true }
  }

  var hasPolicy: Bool { inputs.contains(where: \.isOfPolicy) }

  /// What was declared, in its order, as one text.
  var policy: String {
    inputs.filter(\.isOfPolicy).map { $0.text + "\n" }.joined()
  }

  mutating func removeAll() { inputs.removeAll() }

  /// A line of the newest chunk of that name, from 1.
  func line(_ number: Int, of chunk: String) -> String? {
    guard number >= 1, let input = inputs.last(where: { $0.chunk == chunk }) else { return nil }
    let lines = input.text.split(separator: "\n", omittingEmptySubsequences: false)
    return number <= lines.count ? String(lines[number - 1]) : nil
  }
}
