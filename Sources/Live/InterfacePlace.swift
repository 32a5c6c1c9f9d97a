import CLiveShims
import Glibc
import Wire

/// Where an interface of the inventory is: `tap-web1` in the network namespace of the process, `web1/eth0` in that of
/// `ip netns`'s name web1. No interface has a slash in its name.
struct InterfacePlace: Hashable {
  let name: String
  let namespace: String?
  let device: String

  init(_ name: String) {
    self.name = name
    let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    namespace = parts.count == 2 ? String(parts[0]) : nil
    device = String(parts.last ?? "")
  }

  /// `ip netns` has no such namespace: the interface is not here.
  var isNowhere: Bool {
    guard let namespace else { return false }
    return unsafe access("/run/netns/" + namespace, F_OK) != 0 && errno == ENOENT
  }

  /// Does something in the interface's namespace.
  func enter<Result>(_ body: () throws(LiveError) -> Result) throws(LiveError) -> Result {
    guard let namespace else { return try body() }
    var fault = lv_fault()
    let home = unsafe lv_namespace_enter("/run/netns/" + namespace, &fault)
    guard home >= 0 else { throw LiveError("entering network namespace \(namespace)", fault) }
    let result: Swift.Result<Result, LiveError>
    do throws(LiveError) {
      result = .success(try body())
    } catch {
      result = .failure(error)
    }
    // In the wrong namespace nothing would be as it seems.
    guard unsafe lv_namespace_leave(home, &fault) else {
      fatalError("no way back from network namespace \(namespace)")
    }
    return try result.get()
  }

  /// The interface as it is now; nil when there is none.
  func find() throws(LiveError) -> lv_interface? {
    var interface = lv_interface()
    var fault = lv_fault()
    if unsafe lv_interface_find(device, &interface, &fault) { return interface }
    if fault.code == ENODEV || fault.code == ENXIO { return nil }
    throw LiveError("looking at interface \(name)", fault)
  }

  /// The kernel's "outgoing" is towards the ENI: the device is the host's end of a cable (a port of a bridge, a tap).
  var isHostEnd: Bool {
    guard namespace == nil else { return false }
    let folder = "/sys/class/net/" + device
    return unsafe access(folder + "/brport", F_OK) == 0 || access(folder + "/tun_flags", F_OK) == 0
  }
}

extension lv_interface {
  /// nil: frames that nobody here can read.
  var linkType: LinkType? {
    switch hardware {
    case 1, 772: .ethernet  // ARPHRD_ETHER, ARPHRD_LOOPBACK
    case 65534: .raw  // ARPHRD_NONE: tun, wireguard
    default: nil
    }
  }

  var isLoopback: Bool { hardware == 772 }
}
