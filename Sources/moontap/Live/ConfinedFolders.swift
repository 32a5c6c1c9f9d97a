import Control
import Foundation
import Live

/// The folders that a live run uses after it has opened everything: those of the files that a reload reads, of the store, of the
/// control socket. Folders, since whoever saves a file makes a new one under its name.
struct ConfinedFolders: Sendable {
  /// A file of the command line, or a folder of `--lib`.
  private struct Input: Sendable {
    var path: String
    var what: String
    var access = Confinement.Folder.Access.read
    var isFolder = false

    /// The folder without links; nil: it is not there, or the file is no regular one, which a reload does not read.
    var folder: String? {
      var status = stat()
      guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == (isFolder ? S_IFDIR : S_IFREG),
        let real = unsafe realpath(path, nil)
      else { return nil }
      defer { unsafe free(real) }
      return isFolder ? unsafe String(cString: real) : ConfinedFolders.folder(of: unsafe String(cString: real))
    }
  }

  private let inputs: [Input]
  /// What may be used, and which folders those are, whatever becomes of their names.
  let list: [Confinement.Folder]
  private let numbers: Set<FolderNumber>

  /// - Parameter socket: the control socket, which goes at the end.
  init(_ input: InputOptions, socket: String?) {
    var inputs = input.policies.map { Input(path: $0, what: "policy") }
    inputs += input.mirrors.map { Input(path: $0, what: "mirrors file") }
    inputs += input.scripts.lib.map { Input(path: $0, what: "library", isFolder: true) }
    if let inventory = input.inventory { inputs.append(Input(path: inventory, what: "inventory")) }
    // SQLite keeps a log and an index beside the store, also for who only reads.
    if input.usesStore { inputs.append(Input(path: input.storeOptions.path, what: "store", access: .change)) }
    var list = inputs.flatMap { input -> [Confinement.Folder] in
      guard let folder = input.folder else { return [] }
      // By its name, too: modules and sets stand beside the name, where that is a link.
      let named = input.isFolder ? [] : [Self.folder(of: input.path)]
      return ([folder] + named).map { Confinement.Folder($0, input.access) }
    }
    if let socket { list.append(Confinement.Folder(Self.folder(of: socket), .remove)) }
    self.inputs = inputs
    self.list = list
    numbers = Set(list.filter { $0.access != .remove }.compactMap { FolderNumber($0.path) })
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  // MARK: Reloads

  /// Whether a reload can read its files where they are now. Those that are not there, reading them says.
  ///
  /// - Throws: `Problems` that say what the confinement forbids; the system would say of them "permission denied".
  func check() throws {
    let problems = inputs.compactMap { input -> Problem? in
      guard let folder = input.folder, !isBelow(folder) else { return nil }
      return Problem(
        place: input.path, code: "live.confinement",
        sentence:
          "the \(input.what) is in \(folder) now, which the run may not read: it is confined to the folders that its files"
          + " were in when it began",
        hint: "start the run again, or change files inside their folders: a folder that replaces another is a new one")
    }
    if !problems.isEmpty { throw Problems(list: problems) }
  }

  /// Whether a folder, or one that it is in, is among those that may be read.
  private func isBelow(_ folder: String) -> Bool {
    var folder = folder
    while true {
      if let number = FolderNumber(folder), numbers.contains(number) { return true }
      guard folder != "/" else { return false }
      folder = Self.folder(of: folder)
    }
  }
}

/// Which folder a path names.
private struct FolderNumber: Hashable {
  var device: dev_t
  var number: ino_t

  init?(_ path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    (device, number) = (status.st_dev, status.st_ino)
  }
}
