import Foundation
import JSONText
import Policy

/// A test file, and what the comments at its head say about what it tests:
///
///     -- policy: web-to-ids.lua                   (default: the name without _test)
///     -- inventory: ../inventories/campus.json    (default: --inventory, then inventory.json beside it)
///     -- set: limit=10                            (policy.args.limit; over --set)
///
/// Paths count from the test file's folder.
struct TestFile {
  static let suffix = "_test.lua"
  private static let keys = ["policy", "inventory", "set"]

  /// As it is shown.
  let path: String
  private(set) var policy: String
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
  /// Every test file of the paths, in order: files as they are named, folders with what is below them.
  ///
  /// - Throws: `Problems` about paths that name none.
  static func find(_ paths: [String]) throws -> [String] {
    var found: [String] = []
    var problems: [Problem] = []
    for path in paths {
      var isFolder = ObjCBool(false)
      guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        problems.append(Problem(place: path, code: "file.unreadable", sentence: "there is no such file or folder"))
        continue
      }
      if isFolder.boolValue {
        let below = try files(below: path)
        if below.isEmpty {
          problems.append(
            Problem(place: path, code: "tests.none", sentence: "there is no file NAME\(suffix) below this folder"))
        }
        found += below
      } else if path.hasSuffix(suffix) {
        found.append(path)
      } else {
        problems.append(
          Problem(
            place: path, code: "tests.none", sentence: "is no test file: their names end in \(suffix)"))
      }
    }
    guard problems.isEmpty else { throw Problems(list: problems) }
    var known: Set<String> = []
    return found.filter { known.insert($0).inserted }
  }

  /// Sorted; hidden folders and links to folders are left out.
  private static func files(below folder: String) throws -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      throw Problem(place: folder, code: "file.unreadable", sentence: "the folder cannot be read")
    }
    var found: [String] = []
    for name in names where !name.hasPrefix(".") {
      let path = folder == "." ? name : folder.hasSuffix("/") ? folder + name : folder + "/" + name
      let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      if type == .typeDirectory {
        found += try files(below: path)
      } else if name.hasSuffix(suffix), name.utf8.count > suffix.utf8.count {
        found.append(path)
      }
    }
    return found
  }
}
