import CLiveShims
import Glibc
public import Threads

/// What can go wrong with interfaces and sockets. Every case prints as one sentence.
public enum LiveError: Error, Sendable, Hashable {
  /// A system call failed, while `what` was done.
  case system(what: String, call: String, errno: Int32)
  /// The interface's hardware type (ARPHRD_...) is neither Ethernet nor raw IP.
  case unsupportedLink(interface: String, hardware: Int32)
  /// None of the interfaces that ENIs are bound to exists.
  case noInterface(names: [String])
  /// Copies without encapsulation have no interface to leave by; nil: none is named.
  case noInjection(interface: String?)

  init(_ what: String, _ fault: lv_fault) {
    let call = unsafe fault.call.map { unsafe String(cString: $0) }
    self = .system(what: what, call: call ?? "?", errno: fault.code)
  }

  public init(_ what: String, _ error: NoPipe) { self = .system(what: what, call: "pipe", errno: error.code) }

  /// The call was refused for want of a right.
  public var isPermission: Bool {
    if case .system(_, _, let code) = self { code == EPERM || code == EACCES } else { false }
  }

  /// What would help, or nil.
  public var hint: String? {
    if case .noInterface(let names) = self {
      return names.isEmpty
        ? "name them in the inventory: \"interface\": \"tap-web1\""
        : "ip link shows those that are; NAMESPACE/INTERFACE is one in a namespace of ip netns"
    }
    if case .noInjection(nil) = self {
      return "--inject INTERFACE names it; an IDS on this host listens at its other end"
    }
    guard case .system(_, let call, _) = self, isPermission else { return nil }
    return call == "setns"
      ? "entering another network namespace needs CAP_SYS_ADMIN, which this process has not"
      : "this needs CAP_NET_RAW, which this process has not: run it as root, or give the program the right with "
        + "setcap cap_net_raw+ep"
  }
}

extension LiveError: CustomStringConvertible {
  private static func some(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }

  public var description: String {
    switch self {
    case .system(let what, let call, let code): unsafe "\(what): \(call): \(String(cString: strerror(code)))"
    case .unsupportedLink(let interface, let hardware):
      "interface \(interface) is neither Ethernet nor raw IP (hardware type \(hardware)): it cannot be captured"
    case .noInterface(let names):
      names.isEmpty
        ? "no ENI of the inventory is bound to an interface: nothing can be captured"
        : "none of the interfaces that ENIs of the inventory are bound to is on this host: "
          + Self.some(names)
    case .noInjection(let interface):
      interface.map { "interface \($0), which copies without encapsulation leave by, is not on this host" }
        ?? "copies without encapsulation need an interface to leave by"
    }
  }
}
