import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Policy
import Wire

extension Session {
  // MARK: Files

  func load(_ path: String) -> Answer {
    guard !path.isEmpty else { return .failed([":load: a file is needed, as in :load web-to-ids.lua"]) }
    switch Self.text(of: path) {
    case .failure(let reason): return .failed([":load: \(path): \(reason.text)"])
    case .success(let text):
      let name = path.split(separator: "/").last.map(String.init) ?? path
      // What is called like an input must not pass for one: inputs may do more.
      let answer = evaluate(text, chunk: name.hasPrefix(InputLog.prefix) ? "file " + name : name)
      if case .done = answer {
        log.markOfPolicy()
        loaded.removeAll { $0 == path }
        loaded.append(path)
      }
      return answer
    }
  }

  struct Reason: Error { var text: String }

  static func text(of path: String) -> Result<String, Reason> {
    let most = 256 << 10
    var isFolder = ObjCBool(false)
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      return .failure(Reason(text: "no such file"))
    }
    guard !isFolder.boolValue, let data = FileManager.default.contents(atPath: path) else {
      return .failure(Reason(text: isFolder.boolValue ? "is a folder" : "cannot be read"))
    }
    guard data.count <= most else { return .failure(Reason(text: "is longer than \(most >> 10) KiB")) }
    guard let text = String(data: data, encoding: .utf8) else { return .failure(Reason(text: "is not UTF-8 text")) }
    return .success(text)
  }

  func reload() -> Answer {
    do throws(LuaError) {
      try restart()
    } catch {
      return .failed([":reload: \(error.message)"])
    }
    var lines: [String] = []
    let files = loaded
    for file in files {
      switch load(file) {
      case .done(let said): lines += said
      case .failed(let said): return .failed(said)
      case let other: return other
      }
    }
    return .done(
      lines + [
        style.paint("loaded \(files.count) \(files.count == 1 ? "file" : "files") anew; what was typed is gone", .note)
      ])
  }

  /// A policy as `moontap check` would see it.
  func check(_ path: String) -> Answer {
    let text: String
    if path.isEmpty {
      guard log.hasPolicy else { return .failed([":check: nothing was declared; :check FILE checks a file"]) }
      text = log.policy
    } else {
      switch Self.text(of: path) {
      case .failure(let reason): return .failed([":check: \(path): \(reason.text)"])
      case .success(let found): text = found
      }
    }
    return checked(text, file: path.isEmpty ? "session.lua" : path)
  }

  /// Loads it as a policy of its own, apart from the session.
  func checked(_ text: String, file: String) -> Answer {
    var options = PolicyOptions()
    options.arguments = arguments
    do throws(PolicyError) {
      let policy = try Policy(
        source: text, file: file, host: 0, inventory: inventory, bpf: bpf, earlier: [], options: options)
      let names = policy.mirrors.map(\.name)
      let head = names.isEmpty ? "no mirror is declared" : "right: " + names.joined(separator: ", ")
      return .done([head] + policy.warnings.map { style.paint("warning: \($0.sentence)", .note) })
    } catch {
      return .failed(
        error.violations.isEmpty
          ? [error.description] : error.violations.map { "\($0.location?.description ?? error.file): \($0.sentence)" })
    }
  }

  func savePolicy(_ path: String) -> Answer {
    guard !path.isEmpty else { return .failed([":save_policy: a file is needed, as in :save_policy hunt.lua"]) }
    guard log.hasPolicy else { return .failed([":save_policy: nothing was declared in this session"]) }
    let text = log.policy
    guard case .done(let said) = checked(text, file: path) else {
      guard case .failed(let lines) = checked(text, file: path) else { return .failed([]) }
      return .failed([":save_policy: what was declared does not stand alone, so nothing was written"] + lines)
    }
    guard !FileManager.default.fileExists(atPath: path) else {
      return .failed([":save_policy: \(path) is there already; take another name"])
    }
    do {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    } catch {
      return .failed([":save_policy: \(path): cannot be written"])
    }
    return .done(said + ["written to \(path)"])
  }

  // MARK: The session itself

  func time(_ text: String) -> Answer {
    guard !text.isEmpty else { return .failed([":time: something to evaluate is needed, as in :time packets:count()"]) }
    let start = ContinuousClock.now
    let answer = evaluate(text, chunk: nil)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    guard case .done(let lines) = answer else { return answer }
    return .done(lines + [style.paint(String(format: "%.3f s", seconds), .note)])
  }

  func limits() -> Answer {
    let memory = state.memory
    func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
    let rows = [
      ("memory", "\(mebibytes(memory.live)) of \(mebibytes(memory.limit)), \(mebibytes(memory.peak)) at most so far"),
      ("steps", "no limit: Ctrl-C stops a script"), ("mirrors", "\(context.standingMirrors.count)"),
      ("sequences", "\(sequences.count)"), ("inputs kept", "\(log.inputs.count)"),
    ]
    return .done(
      AlignedTable(
        columns: ["", ""],
        rows: rows.map { [AlignedTable.Cell(text: $0.0, ink: .note), AlignedTable.Cell(text: $0.1)] }, widestCell: 80
      ).lines(style))
  }

  func inventoryCounts() -> Answer {
    let rows = inventory.vpcs.indices.map { vpc -> [AlignedTable.Cell] in
      let enis = inventory.enis.filter { $0.vpc == vpc }.count
      let subnets = inventory.subnets.filter { $0.vpc == vpc }.count
      let network = inventory.vpcs[vpc]
      return [
        AlignedTable.Cell(text: network.id),
        AlignedTable.Cell(text: network.cidrs.map(\.description).joined(separator: ", ")),
        AlignedTable.Cell(text: "\(subnets)", isNumber: true), AlignedTable.Cell(text: "\(enis)", isNumber: true),
      ]
    }
    return .done(AlignedTable(columns: ["vpc", "cidrs", "subnets", "enis"], rows: rows).lines(style))
  }
}
