import Foundation

/// What was typed, across runs: one entry a line, the newest last, each once. Only its owner may read it.
struct HistoryFile {
  static let most = 10_000

  private let path: String
  private(set) var entries: [String] = []

  /// `$XDG_STATE_HOME/moontap/history`, below `~/.local/state` if that is not set.
  static var standardPath: String? {
    let environment = ProcessInfo.processInfo.environment
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/moontap/history" }
    return environment["HOME"].map { $0 + "/.local/state/moontap/history" }
  }

  init(_ path: String) {
    self.path = path
    guard let data = FileManager.default.contents(atPath: path) else { return }
    let lines = data.split(separator: 0x0a).map { Self.decoded(String(decoding: $0, as: UTF8.self)) }
    entries = Self.newest(of: lines)
    if entries.count < lines.count { rewrite() }
  }

  /// Each once, where it was typed last; at most so many.
  private static func newest(of lines: [String]) -> [String] {
    var seen: Set<String> = []
    return Array(lines.reversed().filter { seen.insert($0).inserted }.prefix(most).reversed())
  }

  /// Whether an entry is worth remembering: a blank in front keeps it out.
  static func isWorth(_ entry: String) -> Bool {
    !entry.hasPrefix(" ") && !entry.allSatisfy(\.isWhitespace) && entry.utf8.count <= 64 << 10
  }

  mutating func add(_ entry: String) {
    guard Self.isWorth(entry), entries.last != entry else { return }
    entries.removeAll { $0 == entry }
    entries.append(entry)
    append(Self.encoded(entry) + "\n")
  }

  // MARK: Lines

  /// Backslashes and line ends are escaped.
  static func encoded(_ entry: String) -> String {
    entry.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\n", with: "\\n")
  }

  static func decoded(_ line: String) -> String {
    var text = ""
    var isEscaped = false
    for character in line {
      if isEscaped {
        text.append(character == "n" ? "\n" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        text.append(character)
      }
    }
    return text
  }

  // MARK: Files

  private func append(_ text: String) { write(text, O_APPEND, path) }

  /// Under another name first, so that a crash loses nothing.
  private func rewrite() {
    let text = entries.map { Self.encoded($0) + "\n" }.joined()
    let partial = path + ".partial"
    if write(text, O_TRUNC, partial) { unsafe _ = rename(partial, path) }
  }

  @discardableResult
  private func write(_ text: String, _ flag: Int32, _ path: String) -> Bool {
    let folder = URL(filePath: path).deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flag, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { return false }
    let bytes = Array(text.utf8)
    return unsafe Foundation.write(descriptor, bytes, bytes.count) == bytes.count
  }
}
