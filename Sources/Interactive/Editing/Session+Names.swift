import Inventory
import LuaRuntime
import Mirroring
import Policy

/// What a value is, as far as completion needs to know.
enum ValueKind {
  case table(LuaView)
  case object(APITypeName)
  case string
}

extension Session {
  /// The names in a table.
  func names(in view: LuaView) -> [String] {
    let pairs = (try? state.look(into: view).pairs) ?? []
    return pairs.compactMap { pair in
      guard case .string(let bytes, let length) = pair.key, length == bytes.count, LuaText.isName(bytes) else {
        return nil
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  func names(inGlobal name: String) -> [String] {
    guard case .table(let view)? = kind(of: [LineScan.Step(link: .start, name: name)]) else { return [] }
    return names(in: view)
  }

  /// What stands at the end of the steps. Nothing is called: what a call gives is known from the table of the language.
  func kind(of path: some Sequence<LineScan.Step>) -> ValueKind? {
    var kind: ValueKind?
    var before: String?
    for step in path {
      var next =
        before == nil
        ? member(step.name, of: .table(.globals)) ?? Self.guess(step.name) : member(step.name, of: kind)
      if step.isCalled { next = result(of: step, in: kind, called: before) ?? next }
      for _ in 0..<step.indexes { next = element(of: next, named: step.name) }
      (kind, before) = (next, step.name)
      if kind == nil { return nil }
    }
    return kind
  }

  /// What parameters are usually called.
  private static func guess(_ name: String) -> ValueKind? {
    switch name {
    case "p", "packet": .object(.packet)
    case "eni": .object(.eni)
    default: nil
    }
  }

  private func member(_ name: String, of kind: ValueKind?) -> ValueKind? {
    switch kind {
    case .table(let view)?:
      let pairs = (try? state.look(into: view).pairs) ?? []
      let found = pairs.first { pair in
        if case .string(let bytes, _) = pair.key { bytes.elementsEqual(name.utf8) } else { false }
      }
      return found.flatMap { self.kind(of: $0.value) }
    case .object(let type)?:
      return APIEntry.known.first { $0.owner == .type(type) && $0.name == name }.flatMap { Self.kind($0.returns) }
    case .string?, nil: return nil
    }
  }

  private func kind(of sight: LuaSight) -> ValueKind? {
    switch sight {
    case .table(let view, _): .table(view)
    case .string: .string
    case .handle(let handle):
      APITypeName.allCases.first { !$0.isRecord && context.types.handle($0) == handle.type }.map { .object($0) }
    case .record(let type, _):
      APITypeName.allCases.first { $0.isRecord && context.types.record($0) == type }.map { .object($0) }
    default: nil
    }
  }

  private func result(of step: LineScan.Step, in kind: ValueKind?, called name: String?) -> ValueKind? {
    let entries = APIEntry.known.filter { entry in
      guard entry.name == step.name else { return false }
      switch (kind, entry.owner) {
      case (.object(let type)?, .type(let owner)): return type == owner
      case (nil, .global): return true
      case (.table?, .namespace(let space)): return space == name
      default: return false
      }
    }
    return entries.first.flatMap { Self.kind($0.returns) }
  }

  private func element(of kind: ValueKind?, named name: String) -> ValueKind? {
    switch kind {
    case .object(.packets)?: return .object(.packet)
    case .object(.mirrors)?: return .object(.mirror)
    case .object(.list)?:
      let singular = name.hasSuffix("s") ? String(name.dropLast()) : name
      return APITypeName.allCases.first { $0.name == singular }.map { .object($0) }
    default: return nil
    }
  }

  /// Of a type in the language's notation: `packet?`, `string`.
  private static func kind(_ returns: String?) -> ValueKind? {
    guard let returns else { return nil }
    let name = returns.hasSuffix("?") ? String(returns.dropLast()) : returns
    if name == "string" { return .string }
    return APITypeName.allCases.first { $0.name == name }.map { .object($0) }
  }

  /// Ids of the inventory and names of mirrors that begin so, sorted.
  func identifiers(beginningWith typed: String) -> [String] {
    let ids = sortedIdentifiers
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < typed { low = middle + 1 } else { high = middle }
    }
    let mirrors = context.mirrors.map(\.mirror.name).filter { $0.hasPrefix(typed) }
    return Array(ids[low...].prefix { $0.hasPrefix(typed) }) + mirrors.sorted()
  }
}

extension Inventory {
  /// Every id that scripts may name, each once, sorted.
  var identifiers: [String] {
    let all = regions.map(\.id) + vpcs.map(\.id) + subnets.map(\.id) + enis.map(\.id) + routeTables.map(\.id)
    return Set(all + natGateways.map(\.id)).sorted()
  }
}
