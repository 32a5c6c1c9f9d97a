import DataPath
import LuaRuntime

/// Packets of captures that pass some tests: a description, nothing is read until somebody asks.
final class PacketSequence {
  enum Stage {
    case filter(FrameFilter)
    case function(LuaFunctionReference)
    case take(Int)
  }

  /// Read one after the other.
  let captures: [IndexedCapture]
  let stages: [Stage]
  /// `packets of web.pcap, where input 3:1`
  let title: String
  /// Known when all were looked at once, unless a script's function decides.
  var count: Int?
  /// Where the last packet was taken, so that the next one is near.
  var cursor: Cursor?

  struct Cursor {
    var scan: PacketScan
    /// Packets that came out of it.
    var position: Int
  }

  init(captures: [IndexedCapture], stages: [Stage] = [], title: String) {
    self.captures = captures
    self.stages = stages
    self.title = title
  }

  func adding(_ stage: Stage, _ words: String) -> PacketSequence {
    PacketSequence(captures: captures, stages: stages + [stage], title: title + ", " + words)
  }

  // MARK: The index

  var isIndexed: Bool { captures.allSatisfy(\.index.isWhole) }

  /// What the index says, if nothing is left out and it is whole.
  var indexedCount: Int? {
    guard stages.isEmpty else { return nil }
    let counts = captures.map(\.index)
    guard counts.allSatisfy({ $0.isWhole && $0.damage == nil }) else { return nil }
    return counts.reduce(0) { $0 + Int($1.frames) }
  }

  /// How much of the captures the index knows; nil: their size is not known.
  var indexedShare: Double? {
    let counts = captures.map(\.index)
    let total = counts.reduce(UInt64(0)) { $0 + ($1.total ?? 0) }
    return total > 0 ? min(1, Double(counts.reduce(0) { $0 + $1.consumed }) / Double(total)) : nil
  }

  /// Whether the same packets come each time.
  var isNative: Bool {
    stages.allSatisfy { stage in
      switch stage {
      case .filter(let filter): !filter.asksScripts
      case .function: false
      case .take: true
      }
    }
  }
}
