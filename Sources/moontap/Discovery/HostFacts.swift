import Foundation
import JSONText
import Wire

/// What this host says about its networks: the answers of `ip`, `bridge` and `nft`, taken apart.
struct HostFacts {
  struct Namespace {
    var name: String
    /// How this namespace numbers it.
    var id: Int?
    var links: [HostLink]
  }

  var name: String
  var links: [HostLink] = []
  var namespaces: [Namespace] = []
  var routes: [HostRoute] = []
  var nats: [HostNAT] = []
  /// MACs that bridges have learned, by port.
  var learned: [String: [String]] = [:]
  /// Addresses that neighbours have, by MAC.
  var neighbours: [String: [String]] = [:]
  var notes: [Problem] = []

  init(name: String) { self.name = name }

  /// Asks this host.
  ///
  /// - Throws: `Problem` when it cannot be asked at all.
  static func gather() throws -> HostFacts {
    var facts = HostFacts(name: ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "host")
    guard let links = try ask("ip", ["-json", "-details", "address", "show"]) else {
      throw Problem(
        code: "discover.ip", sentence: "the program ip (iproute2) is needed and was not found", exit: .failed)
    }
    facts.links = (links.array ?? []).compactMap { HostLink($0) }
    try facts.gatherNamespaces()
    try facts.gatherRoutes()
    try facts.gatherGuests()
    if let ruleset = try ask("nft", ["--json", "list", "ruleset"]) {
      facts.nats = HostNAT.rules(ruleset)
    } else {
      facts.notes.append(
        Problem(
          code: "discover.nft", sentence: "NAT rules are not known: the program nft was not found or may not be asked",
          hint: "install nftables, and run as root", isWarning: true))
    }
    return facts
  }

  private mutating func gatherNamespaces() throws {
    var closed: [String] = []
    for entry in try Self.ask("ip", ["-json", "netns", "list"])?.array ?? [] {
      guard let name = entry["name"]?.string else { continue }
      guard let links = try Self.ask("ip", ["-netns", name, "-json", "-details", "address", "show"]) else {
        closed.append(name)
        continue
      }
      namespaces.append(
        Namespace(name: name, id: entry["id"]?.integer, links: (links.array ?? []).compactMap { HostLink($0) }))
    }
    guard !closed.isEmpty else { return }
    let names = Words.some(closed.map(\.quotedForMessage))
    notes.append(
      Problem(
        code: "discover.namespace",
        sentence: "\(closed.count == 1 ? "namespace" : "namespaces") \(names) cannot be entered",
        hint: "run as root", isWarning: true))
  }

  private mutating func gatherRoutes() throws {
    for (option, isV6) in [("-4", false), ("-6", true)] {
      let routes = try Self.ask("ip", [option, "-json", "route", "show"])?.array ?? []
      self.routes += routes.compactMap { HostRoute($0, isV6: isV6) }
    }
  }

  private mutating func gatherGuests() throws {
    for entry in try Self.ask("bridge", ["-json", "fdb", "show"])?.array ?? [] {
      let flags = (entry["flags"]?.array ?? []).compactMap(\.string)
      guard let port = entry["ifname"]?.string, let mac = entry["mac"]?.string, entry["state"]?.string != "permanent",
        !flags.contains("self")
      else { continue }
      learned[port, default: []].append(mac)
    }
    for entry in try Self.ask("ip", ["-json", "neighbour", "show"])?.array ?? [] {
      guard let mac = entry["lladdr"]?.string, let address = entry["dst"]?.string,
        IPAddress(address)?.isLinkLocal == false
      else { continue }
      neighbours[mac, default: []].append(address)
    }
  }

  /// What a program answers; nil: it is not there, or refuses.
  private static func ask(_ program: String, _ arguments: [String]) throws -> JSONValue? {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    // The tools stand in sbin, which is not on everybody's path.
    process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
    process.environment?["PATH", default: ""] += ":/usr/sbin:/sbin"
    process.arguments = [program] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return nil }
    let text = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    // Nothing to tell is an empty answer.
    return text.isEmpty ? [] : try? JSONValue(json: text, file: program)
  }
}
