internal import CLiveShims
internal import Glibc

/// What the process gives up once all is open, beside its rights: Landlock says which folders it may use, seccomp which system
/// calls it may make. It cannot be left, and holds for all threads that are made later.
///
/// Safe because: the paths that C reads are copies that live until it has read them.
public enum Confinement {
  /// A folder, and what may be done below it.
  public struct Folder: Sendable, Hashable {
    public enum Access: Sendable { case read, change, remove }

    public var path: String
    public var access: Access

    public init(_ path: String, _ access: Access) {
      self.path = path
      self.access = access
    }
  }

  /// What is in force, by what the kernel has.
  public struct Report: Sendable, Hashable {
    /// The version of Landlock's interface; nil: none, `missing` says why.
    public var landlock: Int?
    public var isFiltered: Bool
    /// Sentences: what this kernel, or the container, does not offer.
    public var missing: [String]
  }

  /// To be called while there is one thread, after `Privileges.drop`.
  ///
  /// - Parameter folders: all else is neither opened nor listed, made or removed; files that are open stay so.
  /// - Throws: when the kernel has it and refuses: nothing explains that but a mistake.
  public static func enter(_ folders: [Folder]) throws(LiveError) -> Report {
    var report = Report(landlock: nil, isFiltered: false, missing: [])
    var fault = lv_fault()
    let version = unsafe lv_landlock_version(&fault)
    if version > 0 {
      guard enter(version, folders, &fault) else { throw LiveError("confining the run", fault) }
      report.landlock = Int(version)
    } else {
      report.missing.append("no Landlock here (\(fault.words)): files are protected by their owners and modes only")
    }
    // Last: it does not allow what Landlock needed.
    if unsafe lv_seccomp_is_known(&fault) {
      guard unsafe lv_seccomp_enter(&fault) else { throw LiveError("confining the run", fault) }
      report.isFiltered = true
    } else {
      report.missing.append("no seccomp filters here (\(fault.words)): every system call may be made")
    }
    return report
  }

  private static func enter(_ version: Int32, _ folders: [Folder], _ fault: inout lv_fault) -> Bool {
    let list = folders.map { unsafe lv_folder(path: strdup($0.path), access: $0.access.number) }
    defer { for folder in list { unsafe free(UnsafeMutableRawPointer(mutating: folder.path)) } }
    return unsafe lv_landlock_enter(version, list, list.count, &fault)
  }
}

extension Confinement.Folder.Access {
  fileprivate var number: UInt8 {
    switch self {
    case .read: UInt8(LV_READ)
    case .change: UInt8(LV_CHANGE)
    case .remove: UInt8(LV_REMOVE)
    }
  }
}

extension lv_fault {
  fileprivate var words: String { unsafe String(cString: strerror(code)) }
}
