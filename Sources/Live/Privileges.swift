internal import CLiveShims
internal import Glibc

/// What the process may do.
public enum Privileges {
  /// Gives up every capability but CAP_NET_RAW, which sockets of receivers and interfaces that come later need; nothing that
  /// is executed gets more. To be called while there is one thread.
  ///
  /// - Parameter user: becomes this user and its group; nil: stays who it is.
  public static func drop(to user: User?) throws(LiveError) {
    var fault = lv_fault()
    guard unsafe lv_drop_privileges(Int64(user?.id ?? -1), Int64(user?.group ?? -1), &fault) else {
      throw LiveError("giving up privileges", fault)
    }
  }

  public struct User: Sendable {
    public var id: Int64
    public var group: Int64

    /// - Parameter name: or number, which is the group's, too.
    public init?(_ name: String) {
      if let number = UInt32(name) {
        (id, group) = (Int64(number), Int64(number))
      } else if let entry = unsafe getpwnam(name) {
        unsafe (id, group) = (Int64(entry.pointee.pw_uid), Int64(entry.pointee.pw_gid))
      } else {
        return nil
      }
    }
  }
}
