import ArgumentParser
import Control
import Foundation
import Wire

/// How a run can be asked while it goes on.
struct ControlOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The socket by which moontap status, top, stop and others reach this run; off: none. (default: live runs have one, see docs/control.md)",
      valueName: "path|off"))
  var control: String?

  @Option(
    help: ArgumentHelp("Serve metrics there, as in 127.0.0.1:9464.", valueName: "address:port"))
  var metrics: String?

  @Flag(help: "--metrics at an address that others may reach: no password, no encryption.")
  var metricsPublic = false

  func validate() throws {
    guard let metrics else {
      if metricsPublic { throw ValidationError("--metrics-public says who may read --metrics ADDRESS:PORT: name one.") }
      return
    }
    guard let address = TCPAddress(metrics) else {
      throw ValidationError(
        "--metrics '\(metrics)': an IP address and a port are needed, as in 127.0.0.1:9464 or [::1]:9464.")
    }
    guard address.address.isLoopback || metricsPublic else {
      throw ValidationError(
        "--metrics \(metrics) can be read by everybody who reaches that address: add --metrics-public if that is wanted, or take 127.0.0.1."
      )
    }
  }

  static var place: ControlPlace {
    ControlPlace(user: geteuid(), runtime: ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"])
  }

  /// Opens what was asked for, while all rights are there.
  ///
  /// - Parameters:
  ///   - isDefault: a socket in its usual place, if none is named. That it cannot be made is no reason not to run.
  ///   - owner: whom the process becomes.
  func open(isDefault: Bool, owner: (user: uid_t, group: gid_t)? = nil) throws -> ControlDoor {
    var door = ControlDoor()
    do throws(ControlError) {
      if let metrics, let address = TCPAddress(metrics) { door.web = try TCPSocket(address) }
      if let control, control != "off" { door.socket = try UnixSocket(path: control, owner: owner) }
    } catch {
      throw Problem(error)
    }
    guard isDefault, control == nil else { return door }
    do throws(ControlError) {
      let path = try Self.place.path(owner: owner, process: getpid())
      door.socket = try UnixSocket(path: path, owner: owner, tidies: true)
    } catch {
      var problem = Problem(error)
      problem.isWarning = true
      problem.sentence = "no control socket: " + problem.sentence
      [problem].complain()
    }
    return door
  }
}

/// What a run listens at; nothing yet answers.
struct ControlDoor {
  var socket: UnixSocket?
  var web: TCPSocket?

  /// Carries out a run, whose clients are answered meanwhile and told how it ended.
  func whileOpen(
    to engine: Engine, isLive: Bool, _ body: () throws -> OfflineRun.Outcome
  ) throws -> OfflineRun.Outcome {
    guard socket != nil || web != nil else { return try body() }
    let control = try EngineControl(self, engine, isLive: isLive)
    do {
      let outcome = try body()
      control.finish(outcome.summary, outcome.ending)
      return outcome
    } catch {
      control.finish(nil, Problems.list(error).exit)
      throw error
    }
  }
}

extension Problem {
  init(_ error: ControlError) {
    self.init(code: error.code, sentence: error.description, hint: error.hint, exit: .failed)
  }
}
