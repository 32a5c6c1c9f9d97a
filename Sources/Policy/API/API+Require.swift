internal import LuaRuntime

extension APIEntry {
  static let requireEntries: [APIEntry] = [
    APIEntry(
      owner: .global, name: "require",
      parameters: [APIParameter("module", .string, "letters, digits, _ and -; a dot between folders")], returns: "any",
      doc:
        "Runs a module, `name.lua` in the policy's folder or else in one of --lib, once, and returns what it returned; "
        + "every call gets a table as a copy of its own.",
      example: #"local lists = require "shop.lists""#, isDeclaration: true, inTests: .too,
      binding: .function { context, call throws(HostFailure) in try context.require(call) })
  ]
}

/// A module that a policy required.
enum ModuleState {
  case loading
  case loaded(LuaValue)
}

extension PolicyContext {
  fileprivate func require(_ call: HostCall) throws(HostFailure) {
    let name = call.string(0) ?? ""
    switch modules[name] {
    case .loaded(let value): return call.push(value)
    case .loading: throw HostFailure("module \(name) requires itself")
    case nil: break
    }
    try reserve(modules.count, limit: Limit.others, "modules")
    let path = try Self.path(ofModule: name)
    let source = try read(module: name, path)
    modules[name] = .loading
    call.next(source: source, chunkName: path) { [unowned self] answer throws(HostFailure) in
      modules[name] = .loaded(answer[0])
      answer.push(answer[0])
    }
  }

  private static func path(ofModule name: String) throws(HostFailure) -> String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    func isPlain(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard name.utf8.count <= 200, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isPlain) }) else {
      throw HostFailure(
        argument: 1,
        "\(ValueSetBuilder.shown(Array(name.utf8))) is no module: letters, digits, _ and -, dots between folders")
    }
    return parts.joined(separator: "/") + ".lua"
  }

  /// The policy's own folder first, then the libraries; the first reason is the one that is told.
  private func read(module name: String, _ path: String) throws(HostFailure) -> [UInt8] {
    try refuseFilesOfEngine()
    var reason: String?
    for (index, folder) in ([folder] + options.libraries).enumerated() {
      do throws(PolicyFile.Failure) {
        let source = try PolicyFile.read(path, inside: folder, limit: PolicyFile.sourceLimit)
        if index > 0 { moduleFolders[path] = folder }
        note(source)
        return source
      } catch {
        reason = reason ?? error.reason
      }
    }
    throw HostFailure("module \(name): \(path) \(reason ?? "is not there")")
  }
}
