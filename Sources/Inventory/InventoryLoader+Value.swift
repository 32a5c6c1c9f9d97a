import JSONText
import Wire

// Single values, and the names by which they are found again.
extension InventoryLoader {
  /// - Returns: the id, or "" when it is missing or wrong (reported).
  mutating func readID(_ object: JSONObjectFields) -> String {
    guard let field = collector.required(object, "id"), let id = collector.string(field) else { return "" }
    guard isID(id) else {
      collector.report(
        .id, field, "\(id.quotedForMessage) is not an id",
        hint: "1 to 128 characters without blanks, control characters and slashes, not starting with a full stop")
      return ""
    }
    return id
  }

  /// Ids become parts of file names and of terminal output.
  private func isID(_ id: String) -> Bool {
    let scalars = id.unicodeScalars
    guard !scalars.isEmpty, scalars.count <= 128, scalars.first != "." else { return false }
    return scalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .spaceSeparator, .lineSeparator, .paragraphSeparator: false
      default: scalar != "/" && scalar != "\\"
      }
    }
  }

  /// Reads an id and takes it for this region, whatever kind of thing has it.
  mutating func claimID(_ object: JSONObjectFields, kind: String) -> String {
    let id = readID(object)
    guard !id.isEmpty, let field = object["id"] else { return id }
    if let other = regionIDs[id] {
      let article = other.kind == "ENI" ? "an" : "a"
      collector.report(
        .duplicateID, field, "the id \(id) is already that of \(article) \(other.kind) at line \(other.line)",
        hint: "ids are unique within a region")
    } else {
      regionIDs[id] = (kind, field.value.position.line)
    }
    return id
  }

  mutating func resolve(_ field: JSONField, among known: [String: Int], kind: String) -> Int? {
    guard let id = collector.string(field) else { return nil }
    if let index = known[id] { return index }
    collector.report(
      .unknownReference, field, "VPC \(inventory.vpcs[vpc].id) has no \(kind) \(id.quotedForMessage)",
      hint: collector.givesHints ? suggestion(for: id, among: known, kind: kind) : nil)
    return nil
  }

  private func suggestion(for id: String, among known: [String: Int], kind: String) -> String {
    let names = known.keys.filter { !$0.isEmpty }.sorted()
    if let near = Spelling.nearest(to: id, among: names) { return "did you mean \"\(near)\"?" }
    return names.isEmpty ? "the VPC has no \(kind)" : "it has \(names.prefix(8).joined(separator: ", "))"
  }

  mutating func readLabels(_ object: JSONObjectFields) -> (name: String?, tags: [String: String]) {
    let name = collector.string(object, "name")
    var tags: [String: String] = [:]
    if let field = object["tags"] {
      guard let members = field.value.members else {
        collector.report(.type, field, "\(field.value.typeName) stands where an object of tags should")
        return (name, tags)
      }
      for member in members {
        tags[member.name] = collector.string(JSONField(value: member.value, path: field.path[member.name]))
      }
    }
    return (name, tags)
  }

  mutating func readAddresses(_ object: JSONObjectFields, _ name: String) -> [IPAddress] {
    var addresses: [IPAddress] = []
    for field in collector.list(object, name) {
      if let address = readAddress(field) { addresses.append(address) }
    }
    return addresses
  }

  mutating func readAddress(_ field: JSONField) -> IPAddress? {
    guard let text = collector.string(field) else { return nil }
    guard let address = IPAddress(text), !address.isMulticast, !address.isUnspecified, !address.isLimitedBroadcast
    else {
      collector.report(
        .address, field, "\(text.quotedForMessage) is not the IP address of an interface",
        hint: "as in 10.20.1.11 or 2001:db8:20::11")
      return nil
    }
    return address
  }

  mutating func readCIDR(_ field: JSONField) -> CIDR? {
    guard let text = collector.string(field) else { return nil }
    guard let (cidr, hadHostBits) = CIDR.parse(text) else {
      collector.report(
        .cidr, field, "\(text.quotedForMessage) is not a network", hint: "as in 10.20.0.0/16 or 2001:db8:20::/56")
      return nil
    }
    if hadHostBits {
      collector.report(
        .cidr, field, "\(text.quotedForMessage) has bits set beyond its length", hint: "did you mean \"\(cidr)\"?")
      return nil
    }
    return cidr
  }

  /// `isBroken`: at least one is missing or wrong, so nothing can be said about what lies inside.
  mutating func readCIDRs(
    _ object: JSONObjectFields
  ) -> (prefixes: [CIDR], fields: [(prefix: CIDR, field: JSONField)], isBroken: Bool) {
    guard let list = collector.required(object, "cidrs") else { return ([], [], true) }
    if list.value.array?.isEmpty == true {
      collector.report(.cidr, list, "there is no network", hint: "list at least one, as in [\"10.20.0.0/16\"]")
    }
    let elements = collector.list(object, "cidrs")
    var fields: [(prefix: CIDR, field: JSONField)] = []
    for field in elements {
      if let prefix = readCIDR(field) { fields.append((prefix, field)) }
    }
    return (fields.map(\.prefix), fields, fields.isEmpty || fields.count < elements.count)
  }
}
