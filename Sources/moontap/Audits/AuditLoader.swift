import Audit
import Capture
import Foundation
import Inventory
import JSONText
import Mirroring
import Policy

/// What a command line of `moontap audit` names, found and loaded.
enum AuditLoader {
  static func setup(
    inventory: String?, mirrors: [String], policies: [String], arguments: [String: String], libraries: [String],
    timeout: Int
  ) throws -> AuditSetup {
    var setup = AuditSetup()
    setup.arguments = arguments
    setup.libraries = libraries
    setup.timeout = Int64(timeout) * 1_000_000_000
    setup.log = { line in Terminal.complain(line + "\n") }
    guard let inventory else { return setup }
    let network = try Inventory.read(inventory)
    setup.inventory = network
    setup.configuration = try configuration(mirrors, network)
    try add(policies, to: &setup)
    return setup
  }

  /// Mirrors that policies declare. A `mirror{}` that breaks rules is for audits to tell; any other fault is no policy.
  private static func add(_ policies: [String], to setup: inout AuditSetup) throws {
    var problems: [Problem] = []
    for path in policies {
      var options = PolicyOptions()
      options.arguments = setup.arguments
      options.libraries = setup.libraries
      options.log = { line in Terminal.complain("\(line.place): \(line.level.rawValue): \(line.text)\n") }
      options.print = { line in Terminal.complain(line + "\n") }
      do throws(PolicyError) {
        let policy = try Policy(
          path: path, host: 0, inventory: setup.inventory ?? Inventory(), bpf: PcapFilterCompiler(),
          earlier: setup.configuration.mirrors, options: options)
        setup.configuration.mirrors += policy.mirrors
        setup.configuration.violations += policy.warnings
      } catch {
        setup.configuration.violations += error.violations
        if error.violations.isEmpty { problems.append(Problem(error)) }
      }
      setup.configuration.hasMirrors = true
    }
    guard problems.isEmpty else { throw Problems(list: problems) }
  }

  /// Mirrors that break rules are not refused: what is wrong with them is for audits to tell.
  private static func configuration(_ files: [String], _ inventory: Inventory) throws -> AuditedConfiguration {
    var configuration = AuditedConfiguration()
    configuration.hasMirrors = !files.isEmpty
    var drafts: [MirrorDraft] = []
    var problems: [Problem] = []
    for file in files {
      do {
        let document = try MirrorsFile(json: try TextFile.read(file, what: "mirrors file"), file: file)
        problems += document.violations.map { Problem($0) }
        drafts += document.drafts
      } catch let error as JSONError {
        problems.append(Problem(error))
      }
    }
    guard problems.allSatisfy(\.isWarning) else { throw Problems(list: problems) }
    let found = MirrorValidator(inventory: inventory, bpf: PcapFilterCompiler()).validate(drafts)
    configuration.mirrors = found.mirrors
    configuration.violations = found.violations
    return configuration
  }

  // MARK: Scripts

  /// Every script of the paths; modules (`_name.lua`) and tests (`name_test.lua`) below folders are left out.
  static func scripts(_ paths: [String]) throws -> [String] {
    try ScriptFolder.find(paths) {
      $0.hasSuffix(".lua") && !$0.hasPrefix("_") && !$0.hasSuffix(TestFile.suffix)
    } refuse: {
      path, isFolder, count in
      if isFolder {
        return count > 0
          ? nil
          : Problem(place: path, code: "audit.none", sentence: "there is no audit script (NAME.lua) below this folder")
      }
      return path.hasSuffix(".lua")
        ? nil
        : Problem(
          place: path, code: "audit.none", sentence: "is no audit script: their names end in .lua",
          hint: "captures are named by --read")
    }
  }

  /// - Throws: `Problems` when a word names no audit: a misspelt one must not pass for a clean run.
  static func choose(
    _ scripts: [AuditScript], only: [String], skip: [String], tags: [String]
  ) throws -> [AuditScript] {
    let ids = scripts.compactMap { $0.declaration?.id }
    let known = Set(scripts.flatMap { $0.declaration?.tags ?? [] })
    var problems = (only + skip).filter { !ids.contains($0) }.map { unknown("audit", $0, ids) }
    problems += tags.filter { !known.contains($0) }.map { unknown("tag", $0, known.sorted()) }
    guard problems.isEmpty else { throw Problems(list: problems) }
    let chosen = scripts.filter { script in
      guard let audit = script.declaration else { return only.isEmpty && tags.isEmpty }
      return (only.isEmpty || only.contains(audit.id)) && !skip.contains(audit.id)
        && (tags.isEmpty || !Set(tags).isDisjoint(with: audit.tags))
    }
    guard !chosen.isEmpty else {
      throw Problem(code: "audit.none", sentence: "no audit is left by --only, --skip and --tag")
    }
    return chosen
  }

  private static func unknown(_ what: String, _ name: String, _ known: [String]) -> Problem {
    let near = Spelling.nearest(to: name, among: known).map { "did you mean \($0)?" }
    return Problem(
      code: "audit.unknown", sentence: "there is no \(what) \(name.quotedForMessage)",
      hint: near ?? "moontap audit ... --list shows them")
  }

  static func json(_ script: AuditScript) -> JSONValue? {
    guard let audit = script.declaration else { return nil }
    return [
      "id": .string(audit.id), "title": .string(audit.title), "severity": .string(audit.severity.rawValue),
      "tags": .array(audit.tags.map { .string($0) }), "script": .string(script.path),
      "needs": .array(audit.needs.map(\.rawValue).sorted().map { .string($0) }),
    ]
  }

  // MARK: Captures

  /// Each capture can be read, and read again; what comes through a pipe is copied first.
  ///
  /// - Parameter bindings: of captures that were made at one ENI.
  /// - Throws: `Problems` when one cannot be read: an audit over less than was asked for is none.
  static func captures(_ paths: [String], of bindings: [(eni: String, file: String)]) throws -> [AuditCapture] {
    var captures: [AuditCapture] = []
    var problems: [Problem] = []
    for path in paths {
      do {
        var capture = try capture(path)
        capture.eni = bindings.first { $0.file == path }?.eni
        try capture.check()
        captures.append(capture)
      } catch let error as CaptureError {
        problems.append(Problem(error))
      } catch let problem as Problem {
        problems.append(problem)
      }
    }
    guard problems.isEmpty else { throw Problems(list: problems) }
    return captures
  }

  private static func capture(_ path: String) throws -> AuditCapture {
    if path == "-" { return try copy(STDIN_FILENO, name: "standard input") }
    let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    guard type == .typeUnknown || type == .typeCharacterSpecial || type == .typeSocket else {
      return AuditCapture(name: path)
    }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Problem(place: path, code: "capture.unreadable", sentence: TextFile.reason())
    }
    defer { Foundation.close(descriptor) }
    return try copy(descriptor, name: path)
  }

  /// Copies a pipe into a file without a name, which goes with its descriptor.
  private static func copy(_ source: Int32, name: String) throws -> AuditCapture {
    func refuse() -> Problem {
      Problem(
        place: name, code: "capture.unreadable", sentence: "cannot be copied to a temporary file: \(TextFile.reason())")
    }
    guard let target = UnnamedFile.make() else { throw refuse() }
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while !Interrupt.isRequested {
      let count = unsafe Foundation.read(source, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw refuse() }
      guard count > 0 else { break }
      guard UnnamedFile.write(buffer[..<count], to: target) else { throw refuse() }
    }
    return AuditCapture(name: name, file: UnnamedFile.path(of: target))
  }

  /// Closes the file of a capture that has no name.
  static func close(_ capture: AuditCapture) {
    if let descriptor = capture.file.split(separator: "/").last.flatMap({ Int32($0) }) { Foundation.close(descriptor) }
  }
}
