import DataPath
import Inventory
import LuaRuntime
import Mirroring
import Policy

/// One mirror of the session, or of its store, over some packets, in a pipeline of its own: as if it alone were enabled. The
/// others keep their receivers, which decide the first two stages.
final class MirrorRun {
  let plan: MirrorPlan
  /// Of the mirror, in the plan.
  let entry: Int
  let pipeline: Pipeline
  /// Whether the mirror collects outside of the trial.
  let isEnabled: Bool
  private let trial: MirrorTrial
  private let batch = FrameBatch()

  /// - Parameters:
  ///   - handle: of the mirror, see `PolicyContext.mirrorNumber`.
  ///   - keepsFilter: false: everything in range and direction is copied.
  init(_ session: Session, _ handle: Int, keepsFilter: Bool = true) throws(HostFailure) {
    let own = session.context.standingMirrors
    let stored = session.context.storedMirrors()
    let handles = own + stored.map(\.handle)
    guard let position = handles.firstIndex(of: handle) else {
      throw HostFailure("the mirror is deleted, or breaks a rule in this session's inventory")
    }
    if stored.contains(where: { $0.handle == handle && $0.hasFilterText }) {
      throw HostFailure("its filter is a text of Lua's, which the store keeps: moontap explain --store tries it")
    }
    var mirrors = own.map { session.context.mirrors[$0].mirror } + stored.map(\.mirror)
    isEnabled = mirrors[position].isEnabled
    for index in mirrors.indices where index != position { mirrors[index].asksNothing() }
    mirrors[position].isEnabled = true
    if !keepsFilter { mirrors[position].filter = .any }
    var options = PlanOptions()
    options.conversationLimit = 1 << 18
    plan = MirrorPlan(inventory: session.inventory, mirrors: mirrors, options: options)
    entry = plan.enabled.firstIndex(of: position) ?? 0
    trial = MirrorTrial(
      session.policy,
      mirrors: plan.enabled.enumerated().filter { $1 < own.count }.map { (entry: $0, mirror: own[$1]) })
    do throws(OutOfMemory) {
      pipeline = try Pipeline(plan: plan, scripts: [trial], compiler: session.bpf)
    } catch {
      throw HostFailure(error.description)
    }
  }

  /// Judges frames in batches while the script's call waits; ends early when it is interrupted.
  func judge(_ room: FrameRoom, _ call: HostCall) throws(HostFailure) {
    guard !room.frames.isEmpty else { return }
    var problem: HostFailure?
    let ran = call.aside {
      trial.during {
        do {
          try judge(room) { call.isInterrupted }
        } catch {
          problem = HostFailure("\(error)")
        }
      }
    }
    guard ran else { throw HostFailure("too many calls inside each other") }
    if let problem { throw problem }
  }

  private func judge(_ room: FrameRoom, isInterrupted: () -> Bool) throws {
    var first = 0
    while first < room.frames.count, !isInterrupted() {
      let count = min(FrameBatch.capacity, room.frames.count - first)
      for position in 0..<count { unsafe (batch.frames + position).initialize(to: room.frames[first + position]) }
      batch.setCount(count)
      try pipeline.process(batch, interfaces: room.interfaces, sink: nil)
      first += count
    }
  }

  /// The same one by one, and tells of each.
  func judgeOpenly(_ room: FrameRoom, _ call: HostCall, _ tell: (Explanation, Frame, Look?) -> Void) throws(HostFailure)
  {
    var problem: HostFailure?
    let ran = call.aside {
      trial.during {
        do {
          for frame in room.frames where !call.isInterrupted {
            _ = trial.look()
            unsafe batch.frames.initialize(to: frame)
            batch.setCount(1)
            let explanation = try pipeline.explain(batch, interfaces: room.interfaces)
            tell(explanation, frame, trial.look())
          }
        } catch {
          problem = HostFailure("\(error)")
        }
      }
    }
    guard ran else { throw HostFailure("too many calls inside each other") }
    if let problem { throw problem }
  }

  typealias Look = (reads: [String], taken: Duration)

  /// The one packet, as the first of its conversation.
  func explain(_ frame: MadeFrame, at time: Int64) throws(HostFailure) -> (Explanation, Look?) {
    let name = frame.eni.map { plan.inventory.enis[$0].id }
    let interface = CaptureInterface(linkType: frame.linkType, name: name, origin: "session")
    do {
      return try trial.during {
        try unsafe frame.bytes.withUnsafeBytes { buffer in
          // An empty array may have no address; a frame has one.
          let empty = unsafe UnsafeRawPointer(bitPattern: 8)!
          let frame = unsafe Frame(
            bytes: buffer.baseAddress ?? empty, time: frame.time ?? time, captured: UInt32(buffer.count),
            original: UInt32(clamping: frame.original), interface: 0, direction: .unknown)
          unsafe batch.frames.initialize(to: frame)
          batch.setCount(1)
          _ = trial.look()
          return (try pipeline.explain(batch, interfaces: [interface]), trial.look())
        }
      }
    } catch {
      throw HostFailure("\(error)")
    }
  }

  /// To be called once, at the end.
  func finish(_ call: HostCall) throws(HostFailure) {
    guard call.aside({ trial.finish() }) else { throw HostFailure("too many calls inside each other") }
  }
}

extension TrafficMirror {
  /// No packet is copied for it and no script is asked; its receivers stay receivers.
  fileprivate mutating func asksNothing() {
    filter = .anyOf([])
    balance = .flowHash
  }
}
