package import Inventory
package import LuaRuntime
package import Mirroring

/// What an interactive session has besides the policy language: entries of the same table, and how its collections are
/// looked into. Its chunks come one by one, and all of them may declare.
package struct SessionLibrary: Sendable {
  /// Of a type that scripts index, walk with `pairs` and print.
  package struct Collection: Sendable {
    package var index: APIEntry.Call
    package var enumerate: APIEntry.Call
    package var describe: APIEntry.Call

    package init(index: @escaping APIEntry.Call, enumerate: @escaping APIEntry.Call, describe: @escaping APIEntry.Call)
    {
      self.index = index
      self.enumerate = enumerate
      self.describe = describe
    }
  }

  package var entries: [APIEntry]
  package var collections: [APITypeName: Collection]
  /// Chunks whose names begin so were typed: they may do what scripts of strangers may not.
  package var typedPrefix: String
  /// Who answers for the entries; they find it again with `PolicyContext.sessionOwner`.
  package var owner: Owner

  /// Does not keep what it names alive.
  package final class Owner: @unchecked Sendable {
    package weak var object: AnyObject?
    package init() {}
  }

  package init(entries: [APIEntry], collections: [APITypeName: Collection], typedPrefix: String, owner: Owner) {
    self.entries = entries
    self.typedPrefix = typedPrefix
    self.collections = collections
    self.owner = owner
  }
}

extension SessionLibrary {
  package func isTyped(_ place: LuaPlace?) -> Bool { place?.chunk.hasPrefix(typedPrefix) ?? false }
}

extension PolicyContext {
  package var sessionOwner: AnyObject? { options.session?.owner.object }
}

extension Policy {
  /// A session: nothing is loaded, and declarations are allowed for good.
  package convenience init(
    session library: SessionLibrary, inventory: Inventory, bpf: (any BPFCompiler)?, earlier: [TrafficMirror] = [],
    options given: PolicyOptions
  ) throws(PolicyError) {
    var options = given
    options.session = library
    options.remembersVerdicts = false
    try self.init(
      source: "", file: "session", host: 0, inventory: inventory, bpf: bpf, earlier: earlier, options: options)
  }
}

extension APIEntry {
  /// The policy language, for help and completion.
  package static var language: [APIEntry] { all }
}

extension PolicyContext {
  /// What a list of the inventory holds.
  package func elements(ofList handle: LuaHandle) -> APITypeName {
    InventoryList(rawValue: handle.index & 15)?.elements ?? .eni
  }

  /// The last refused `mirror{}`, if the error is its.
  package func violations(of error: LuaError) -> [MirrorViolation] {
    guard error.kind == .runtime, let refusal = lastRefusal, error.message.hasPrefix(refusal.message.prefix(100)) else {
      return []
    }
    return refusal.violations
  }
}

extension PolicyContext {
  /// What a set is and has, as far as it knows its members one by one: ports as ranges, strings sorted.
  package func set(_ handle: LuaHandle) -> (kind: String, count: Int, members: [[UInt8]])? {
    guard handle.type == types.handle(.set), sets.indices.contains(handle.index) else { return nil }
    let set = sets[handle.index]
    return (set.kind.rawValue, set.count, set.members)
  }
}

extension ValueSet {
  fileprivate var members: [[UInt8]] {
    switch self {
    case .cidrs: []
    case .ports(let bits, _): Self.ranges(bits).map { Array($0.utf8) }
    case .strings(let members): members.sorted { $0.lexicographicallyPrecedes($1) }
    }
  }

  /// `443`, `8000-8099`
  private static func ranges(_ bits: [UInt64]) -> [String] {
    var ranges: [String] = []
    var first: Int?
    for port in 0...65536 {
      let isMember = port < 65536 && bits[port >> 6] >> UInt64(port & 63) & 1 == 1
      if isMember, first == nil { first = port }
      guard !isMember, let start = first else { continue }
      ranges.append(start == port - 1 ? "\(start)" : "\(start)-\(port - 1)")
      first = nil
    }
    return ranges
  }
}
