internal import Capture
public import Inventory
internal import LuaRuntime
public import Policy

/// What scripts are loaded with.
public struct AuditSetup: Sendable {
  /// nil: none was given.
  public var inventory: Inventory?
  public var configuration = AuditedConfiguration()
  public var arguments: [String: String] = [:]
  public var libraries: [String] = []
  /// What one script may take for one capture, in nanoseconds.
  public var timeout: Int64 = 60_000_000_000
  /// Takes lines that scripts log or print, with the script's place.
  public var log: @Sendable (String) -> Void = { _ in }

  /// Takes how often each line of a script began, by file, after each of its runs; nil: lines are not counted.
  public var coverage: (@Sendable ([String: [Int: Int]]) -> Void)?

  public init() {}

  /// Loads a script anew: nothing of another run of it is left.
  func load(_ path: String, bpf: PcapFilterCompiler) throws(PolicyError) -> Policy {
    var options = PolicyOptions()
    options.arguments = arguments
    options.libraries = libraries
    options.memory = LuaHeap.audit
    options.audited = configuration
    options.coversLines = coverage != nil
    options.log = { line in log("\(line.place): \(line.level.rawValue): \(line.text)") }
    options.print = { line in log(line) }
    return try Policy(path: path, host: 0, inventory: inventory ?? Inventory(), bpf: bpf, options: options)
  }
}

/// A script that was loaded once, to see what it declares; or why it could not be.
public struct AuditScript: Sendable {
  public var path: String
  public var declaration: AuditDeclaration?
  public var failure: AuditFailure?

  /// `audits/tls.lua` as `tls`: what a script is called that declares nothing.
  public var stem: String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return name.hasSuffix(".lua") ? String(name.dropLast(4)) : name
  }

  public init(path: String, setup: AuditSetup) {
    self.path = path
    do throws(PolicyError) {
      declaration = try setup.load(path, bpf: PcapFilterCompiler()).audit
      if declaration == nil {
        failure = AuditFailure(place: path, message: "declares no audit: audit { id = ..., title = ..., ... } does")
      }
    } catch {
      failure = AuditFailure(
        place: error.line > 0 ? "\(error.file):\(error.line)" : error.file, message: error.message)
    }
  }

  /// Why it is not run; nil: it is.
  func reasonToSkip(_ setup: AuditSetup, hasCaptures: Bool) -> String? {
    guard let needs = declaration?.needs else { return nil }
    if needs.contains(.captures), !hasCaptures { return "needs captures: --read" }
    if needs.contains(.inventory), setup.inventory == nil { return "needs an inventory: --inventory" }
    if needs.contains(.mirrors), !setup.configuration.hasMirrors { return "needs mirrors: --mirrors" }
    return nil
  }

  /// An empty result of it.
  var result: AuditResult {
    var result = declaration.map { AuditResult($0, script: path) } ?? AuditResult(id: stem, script: path)
    if let failure { result.failures = [.init(place: failure.place, message: failure.message)] }
    return result
  }
}
