import DataPath
import LuaRuntime
import Mirroring
import Policy
import Wire

/// `:trace on`: a line for every packet that a dry run judges: whether its conversation was known, what became of it, what
/// scripts read and how long they took.
final class TraceLines {
  /// Of the packet, among those that the run was given.
  private var number = 0
  let style: Style

  init(_ style: Style) { self.style = style }

  func line(_ explanation: Explanation, _ frame: Frame, _ look: MirrorRun.Look?, _ run: MirrorRun) -> String {
    number += 1
    let verdict = VerdictOfOne(explanation, run).verdict
    let answer = verdict.reason + (verdict.receiver.map { " → " + $0 } ?? "")
    let memory = explanation.isRemembered ? "remembered" : "judged"
    return [
      style.paint(TextWidth.pad("\(number)", to: 6, onLeft: true), .note), TextWidth.pad(memory, to: 10),
      TextWidth.pad(answer, to: 28), style.paint(Self.words(look), .note),
    ].joined(separator: "  ")
  }

  /// `lua reads length, tcp.syn in 1.2 µs`
  static func words(_ look: MirrorRun.Look?) -> String {
    guard let look else { return "no script asked" }
    let microseconds = look.taken / .microseconds(1)
    let reads = look.reads.isEmpty ? "no field" : look.reads.joined(separator: ", ")
    return "lua reads \(reads) in \((microseconds * 10).rounded() / 10) µs"
  }
}

extension Session {
  /// `:trace on`, `:trace off`, or what it is now.
  func trace(_ text: String) -> Answer {
    switch text {
    case "": return .done(["trace is \(isTracing ? "on" : "off")"])
    case "on", "off": break
    default: return .failed([":trace: on or off expected"])
    }
    isTracing = text == "on"
    do throws(LuaError) {
      try state.noteReads(isTracing)
    } catch {
      return .failed([":trace: \(error.message)"])
    }
    return .done([])
  }
}
