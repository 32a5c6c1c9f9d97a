internal import JSONText
package import LuaRuntime

extension HostCall {
  /// An argument that the table of entries has already checked to be a function.
  package func requireFunction(_ position: Int) throws(HostFailure) -> LuaFunctionReference {
    guard let function = function(position) else {
      throw HostFailure(argument: position + 1, "function expected, got \(typeName(position))")
    }
    return function
  }

  /// A name for metrics: 1 to 60 characters, none of them a control character.
  func functionName(_ position: Int) throws(HostFailure) -> String {
    let name = string(position) ?? ""
    guard !name.isEmpty, name.count <= 60, name.utf8.count <= 240, name.cleanLine(limit: 240) == name else {
      throw HostFailure(argument: position + 1, "a name has 1 to 60 characters, none of them a control character")
    }
    return name
  }
}

extension LuaTable {
  /// Refuses keys that mean nothing, with the nearest that does.
  ///
  /// - Parameter items: entries without a name are allowed.
  func allow(_ keys: [String], argument: Int, items allowsItems: Bool? = nil) throws(HostFailure) {
    if let key = fields.first(where: { !keys.contains($0.key) })?.key {
      let shown = ValueSetBuilder.shown(Array(key.utf8))
      let near = Spelling.nearest(to: key, among: keys).map { ": did you mean \($0)?" }
      throw HostFailure(
        argument: argument, "unknown key \(shown)" + (near ?? ": known are " + keys.joined(separator: ", ")))
    }
    let hasItems = allowsItems ?? keys.isEmpty
    guard sparse.isEmpty, hasItems || items.isEmpty else {
      let number = sparse.keys.min() ?? 1
      throw HostFailure(
        argument: argument,
        "unexpected entry [\(number)]: \(keys.isEmpty ? "a list without holes" : "named keys") expected")
    }
  }
}
