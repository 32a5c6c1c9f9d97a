import Foundation

/// Finds scripts by the paths of a command line: files as they are named, folders with what is below them.
enum ScriptFolder {
  /// - Parameters:
  ///   - isWanted: of the files below folders, by name.
  ///   - refuse: what is wrong with a path, if anything: a folder that holds none of them, a file of another kind.
  /// - Returns: in order, each once.
  /// - Throws: `Problems` about paths that name none.
  static func find(
    _ paths: [String], isWanted: (String) -> Bool, refuse: (_ path: String, _ isFolder: Bool, _ count: Int) -> Problem?
  ) throws -> [String] {
    var found: [String] = []
    var problems: [Problem] = []
    for path in paths {
      var isFolder = ObjCBool(false)
      guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        problems.append(Problem(place: path, code: "file.unreadable", sentence: "there is no such file or folder"))
        continue
      }
      let files = isFolder.boolValue ? try below(path, isWanted) : [path]
      if let problem = refuse(path, isFolder.boolValue, files.count) { problems.append(problem) }
      found += files
    }
    guard problems.isEmpty else { throw Problems(list: problems) }
    var known: Set<String> = []
    return found.filter { known.insert($0).inserted }
  }

  /// Sorted; what is hidden and links to folders are left out.
  private static func below(_ folder: String, _ isWanted: (String) -> Bool) throws -> [String] {
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
        found += try below(path, isWanted)
      } else if isWanted(name) {
        found.append(path)
      }
    }
    return found
  }
}
