/// The VNIs of an inventory's mirrors, and the one that a new mirror gets.
///
/// A mirror that names no VNI gets one derived from what it is called: the same today and tomorrow, on every host, and
/// whatever other mirrors come and go, unless its number is taken (1 in 16 million for each other mirror).
struct NetworkIdentifiers {
  private(set) var taken: Set<UInt32>

  /// - Parameter taken: of mirrors that exist, and those that drafts ask for: a default never takes one of these.
  init(taken: Set<UInt32> = []) { self.taken = taken }

  mutating func take(_ number: UInt32) { taken.insert(number) }

  /// FNV-1a (64 bits, folded to 24) of region, VPC and name, each behind a zero byte; on a collision the next free
  /// number. 0 is never given: many receivers take it for "no network".
  ///
  /// - Parameter limit: highest number; nil: 2^24 - 1.
  func number(region: String, vpc: String, name: String, limit: UInt32? = nil) -> UInt32 {
    let count = limit ?? 0xff_ffff
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(region)\0\(vpc)\0\(name)\0".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let first = UInt32(truncatingIfNeeded: (hash >> 48 ^ hash >> 24 ^ hash) & 0xff_ffff) % count
    for step in 0..<min(count, UInt32(taken.count) + 1) {
      let candidate = (first + step) % count + 1
      if !taken.contains(candidate) { return candidate }
    }
    return first + 1
  }
}

extension MirrorDraft {
  /// The VNI that the draft asks for, if it is one: taken before any default is chosen.
  public var explicitVNI: UInt32? {
    let members = definition.filter { $0.name == "encapsulation" } + targetMembers
    for member in members {
      guard case .table(let parts) = member.value.content else { continue }
      if let vni = parts.first(where: { $0.name == "vni" })?.value.integer { return UInt32(exactly: vni) }
    }
    return nil
  }

  private var targetMembers: [DraftMember] {
    guard isLua, case .table(let parts)? = definition.first(where: { $0.name == "target" })?.value.content else {
      return []
    }
    return parts.filter { $0.name == "encapsulation" }
  }
}
