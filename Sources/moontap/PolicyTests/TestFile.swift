import Foundation
import JSONText
import Policy

/// A test file, and what the comments at its head say about what it tests:
///
///     -- policy: web-to-ids.lua                   (default: the name without _test)
///     -- inventory: ../inventories/campus.json    (default: --inventory, then inventory.json beside it)
///     -- set: limit=10                            (policy.args.limit; over --set)
///
/// That of an audit names it, and if need be mirrors files, whose mirrors may break rules:
///
///     -- audit: mirror-coverage.lua
///     -- mirrors: configurations/mirrors-bad.json
///
/// Paths count from the test file's folder.
struct TestFile {
  static let suffix = "_test.lua"
  private static let keys = ["policy", "audit", "inventory", "mirrors", "set"]

  /// As it is shown.
  let path: String
  private(set) var policy: String
  /// The script is an audit.
  private(set) var isOfAudit = false
  /// Mirrors files that the audit looks at.
  private(set) var mirrors: [String] = []
  /// nil: what the command line says.
  private(set) var inventory: String?
  private(set) var arguments: [String: String] = [:]

  /// Reads the head.
  ///
  /// - Throws: `Problem` about the file or a line of its head.
  init(_ path: String) throws {
    self.path = path
    policy = String(path.dropLast(Self.suffix.count)) + ".lua"
    let text = String(decoding: try TextFile.read(path, what: "test file"), as: UTF8.self)
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = line.trimmingCharacters(in: .whitespaces)
      guard line.hasPrefix("--") else { break }
      try read(line.dropFirst(2).trimmingCharacters(in: .whitespaces), at: "\(path):\(index + 1)")
    }
    guard isOfAudit || mirrors.isEmpty else {
      throw Problem(
        place: path, code: "test.head", sentence: "mirrors: means nothing in tests of a policy: it declares its own",
        hint: "tests of an audit have a line -- audit: NAME.lua at their head")
    }
    let beside = inside("inventory.json")
    if inventory == nil, FileManager.default.fileExists(atPath: beside) { inventoryBeside = beside }
  }

  /// `inventory.json` in the test file's folder, for when nothing else is named.
  private(set) var inventoryBeside: String?

  /// One line of the head; words that are no key are a comment, unless they look like one that is misspelt.
  private mutating func read(_ line: String, at place: String) throws {
    guard let colon = line.firstIndex(of: ":") else { return }
    let key = String(line[..<colon])
    let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    guard Self.keys.contains(key) else {
      guard !key.contains(" "), let near = Spelling.nearest(to: key, among: Self.keys) else { return }
      throw Problem(
        place: place, code: "test.head", sentence: "\(key.quotedForMessage) at the head of a test file means nothing",
        hint: "did you mean \(near)?")
    }
    guard !value.isEmpty else {
      throw Problem(place: place, code: "test.head", sentence: "nothing follows \(key):")
    }
    switch key {
    case "policy": policy = inside(value)
    case "audit": (policy, isOfAudit) = (inside(value), true)
    case "mirrors": mirrors.append(inside(value))
    case "inventory": inventory = inside(value)
    default: try set(value, at: place)
    }
  }

  private mutating func set(_ text: String, at place: String) throws {
    guard let mark = text.firstIndex(of: "="), mark != text.startIndex else {
      throw Problem(
        place: place, code: "test.head", sentence: "\(text.quotedForMessage) is no argument",
        hint: "write KEY=VALUE, as in customer=10.20.1.0/24")
    }
    arguments[String(text[..<mark])] = String(text[text.index(after: mark)...])
  }

  private func inside(_ name: String) -> String {
    guard !name.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return name }
    return Self.tidy(String(path[...slash]) + name)
  }

  /// `a/b/../c` as `a/c`: as people would write it.
  private static func tidy(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      if part == "..", let last = parts.last, last != "..", !last.isEmpty, last != "." {
        parts.removeLast()
      } else if part != "." || parts.isEmpty {
        parts.append(part)
      }
    }
    return parts.joined(separator: "/")
  }
}

extension TestFile {
  /// Every test file of the paths.
  static func find(_ paths: [String]) throws -> [String] {
    try ScriptFolder.find(paths) {
      $0.hasSuffix(suffix) && $0.utf8.count > suffix.utf8.count
    } refuse: {
      path, isFolder, count in
      if isFolder {
        return count > 0
          ? nil : Problem(place: path, code: "tests.none", sentence: "there is no file NAME\(suffix) below this folder")
      }
      return path.hasSuffix(suffix)
        ? nil : Problem(place: path, code: "tests.none", sentence: "is no test file: their names end in \(suffix)")
    }
  }
}
