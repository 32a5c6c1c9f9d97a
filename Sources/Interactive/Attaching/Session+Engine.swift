import DataPath
import LuaRuntime
import Mirroring
import Policy

// A session that is attached to an engine: its mirrors are the engine's, as they are when an input begins.
extension Session {
  var isAttached: Bool { options.engine != nil }

  /// Files would be those that the engine's user may read and write.
  func refuseFiles(_ name: String) throws(HostFailure) {
    if isAttached { throw HostFailure("\(name): \(MirrorKeeper.noFiles)") }
  }

  /// Takes over what the engine has, before an input.
  public func follow(_ look: EngineLook) {
    context.follow(look.plan.mirrors, faulted: look.faulted, statistics: look.statistics)
    guard let engine = options.engine else { return }
    context.keeper = MirrorKeeper(
      setEnabled: { [unowned self] mirror, isEnabled in
        guard let index = look.plan.mirrors.firstIndex(where: { $0.name == mirror.name && $0.vpc == mirror.vpc }) else {
          return HostFailure("the engine has the mirror no more")
        }
        return refusal { () throws(RunningEngineFailure) in
          try engine.setEnabled(look.plan.identity(index), isEnabled)
        }
      },
      reload: { [unowned self] in
        refusal { () throws(RunningEngineFailure) in for line in try engine.reload() { output(line) } }
      })
  }

  private func refusal(_ body: () throws(RunningEngineFailure) -> Void) -> HostFailure? {
    do throws(RunningEngineFailure) {
      try body()
      return nil
    } catch {
      return HostFailure(error.text)
    }
  }

  /// `:status`
  func status() -> Answer {
    guard let engine = options.engine else {
      return .failed([":status: this session is attached to no engine: moontap repl --attach"])
    }
    do throws(RunningEngineFailure) {
      return .done(try engine.status())
    } catch {
      return .failed([":status: \(error.text)"])
    }
  }
}
