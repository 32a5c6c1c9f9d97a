import ArgumentParser
import Foundation
import Inventory
import JSONText

/// What every command that knows mirrors takes: where they and the inventory stand.
struct InputOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("Lua policies that declare mirrors.", valueName: "policy"), completion: .file())
  var policies: [String] = []

  @Option(
    help: ArgumentHelp("Inventory (moontap.inventory/1): what exists. (default: the store's)", valueName: "file"))
  var inventory: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Mirrors in JSON (moontap.mirrors/1); may be given several times.", valueName: "file"))
  var mirrors: [String] = []

  @OptionGroup var scripts: ScriptOptions

  @Flag(
    name: .customLong("no-cache"),
    help: "Ask Lua functions for every packet, also where a remembered answer would be the same.")
  var noCache = false

  @Option(
    help: ArgumentHelp(
      "The enabled mirrors of this store too. Without policies and --mirrors they are what runs, by default of the user's store.",
      valueName: "file"),
    completion: .file())
  var store: String?

  func validate() throws {
    if policies.isEmpty, mirrors.isEmpty, store == nil, !hasDefaultStore {
      throw ValidationError("No mirrors: name a Lua policy, or --mirrors FILE, or make one with moontap mirror create.")
    }
    if inventory == nil, !usesStore {
      throw ValidationError("No inventory: --inventory FILE tells which networks and interfaces exist.")
    }
  }
}

/// What every command that runs scripts gives them.
struct ScriptOptions: ParsableArguments {
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("An argument for the scripts: policy.args.KEY is VALUE.", valueName: "key=value"))
  var set: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "A folder where require, and in tests packet.from_capture, look after the script's own.", valueName: "folder"))
  var lib: [String] = []

  func arguments() throws -> [String: String] { try Self.arguments(set) }

  /// Whether the folders are there: a wrong one would be silent until a module is missing.
  func checkLibraries() throws {
    for folder in lib {
      var isFolder = ObjCBool(false)
      guard unsafe FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
        throw Problem(place: folder, code: "lib.unreadable", sentence: "--lib names no folder")
      }
    }
  }

  static func arguments(_ set: [String]) throws -> [String: String] {
    var arguments: [String: String] = [:]
    for text in set {
      guard let mark = text.firstIndex(of: "="), mark != text.startIndex else {
        throw ValidationError("'--set \(text)': KEY=VALUE is needed, as in --set customer=10.20.1.0/24.")
      }
      let key = String(text[..<mark])
      guard arguments.updateValue(String(text[text.index(after: mark)...]), forKey: key) == nil else {
        throw ValidationError("'--set \(key)' is given twice.")
      }
    }
    return arguments
  }

  func validate() throws { _ = try arguments() }
}

/// Captures, and whose they are.
struct RecordedOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Captures: pcap or pcapng, plain or gzip'ed; - is standard input.", valueName: "capture"))
  var read: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "FILE was captured at this ENI; it is read like those of --read. May be given several times.",
      valueName: "eni=file"))
  var eni: [String] = []

  /// `--eni ENI=FILE` as pairs.
  func bindings() throws -> [(eni: String, file: String)] {
    try eni.map { text in
      guard let mark = text.firstIndex(of: "="), mark != text.startIndex, text.index(after: mark) != text.endIndex
      else {
        throw ValidationError("'--eni \(text)': ENI=FILE is needed, as in --eni eni-web1=web1.pcap.")
      }
      return (String(text[..<mark]), String(text[text.index(after: mark)...]))
    }
  }

  /// - Throws: `Problems` when the inventory has no such ENI.
  func checkBindings(_ inventory: Inventory) throws {
    let problems = try bindings().compactMap { eni, file -> Problem? in
      guard !inventory.enis.contains(where: { $0.id == eni }) else { return nil }
      let near = Spelling.nearest(to: eni, among: inventory.enis.map(\.id))
      return Problem(
        code: "eni.unknown", sentence: "--eni \(eni)=\(file): the inventory has no ENI \(eni.quotedForMessage)",
        hint: near.map { "did you mean \($0)?" })
    }
    if !problems.isEmpty { throw Problems(list: problems) }
  }

  /// Every capture once, in the order given; those of `--eni` that `--read` does not name come last.
  func captures() throws -> [String] {
    let bound = try bindings().map(\.file)
    return read + bound.filter { !read.contains($0) }
  }

  func validate() throws {
    let files = try captures()
    if let script = files.first(where: { $0.hasSuffix(".lua") }) {
      throw ValidationError("--read took '\(script)' for a capture: name scripts before --read.")
    }
    if files.filter({ $0 == "-" }).count > 1 { throw ValidationError("Standard input (-) can be read once.") }
    let names = Dictionary(grouping: files, by: { $0 }).filter { $0.value.count > 1 }.keys.sorted()
    if let twice = names.first { throw ValidationError("'\(twice)' is given twice.") }
  }
}

/// What the commands that judge packets take besides.
struct TrafficOptions: ParsableArguments {
  @OptionGroup var recorded: RecordedOptions

  @Option(help: "Several captures: merged by time, or one after the other.")
  var order: Order = .time

  enum Order: String, ExpressibleByArgument, CaseIterable { case time, given }

  @Flag(help: "Addresses of a subnet that no ENI lists are nobody's, instead of an unlisted ENI's.")
  var noUnlisted = false

  @Option(help: "Later fragments: have no ports, or those of their first fragment.")
  var fragments: Fragments = .plain

  enum Fragments: String, ExpressibleByArgument, CaseIterable { case plain, track }

  @Option(help: ArgumentHelp("Conversations remembered at most.", valueName: "count"))
  var conversations: Int = 1 << 20

  func validate() throws {
    guard conversations >= 1, conversations <= 1 << 26 else {
      throw ValidationError("--conversations is from 1 to \(1 << 26), not \(conversations).")
    }
  }
}
