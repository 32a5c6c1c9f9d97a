extension PolicyReference {
  /// `share/lua/moontap.luacheckrc`: `luacheck --config share/lua/moontap.luacheckrc policy.lua`.
  ///
  /// - Parameters:
  ///   - names: every name reachable from a policy's globals, as `string.rep`.
  ///   - testNames: the same for a policy that is tested.
  public static func luacheck(names: [String], testNames: [String]) -> String {
    "-- What a policy may use, and what tests and audits may use besides, printed from the table that binds it.\n"
      + standard("moontap", names) + standard("moontap_test", testNames.filter { !names.contains($0) })
      + standard("moontap_audit", auditGlobalPaths.filter { !names.contains($0) })
      + standard("moontap_audit_test", APIEntry.onlyOfAudits.filter { $0.inTests == .only }.map(\.path))
        + """
        std = "moontap"
        files["/**/*_test.lua"] = { std = "moontap+moontap_test" }
        files["/**/audits/**/*.lua"] = { std = "moontap+moontap_audit" }
        files["/**/audits/**/*_test.lua"] = { std = "moontap+moontap_audit+moontap_test+moontap_audit_test" }
        exclude_files = { "**/*.d.lua" }
        max_line_length = 120
        -- A callback is given more than most need.
        unused_args = false

        """
  }

  private static func standard(_ name: String, _ names: [String]) -> String {
    var fields: [String: [String]] = [:]
    for name in names where !name.hasPrefix("(") {
      let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
      guard let global = parts.first else { continue }
      fields[global, default: []] += parts.dropFirst()
    }
    // Their fields are not in the list.
    let entries = APIEntry.all + APIEntry.onlyOfAudits
    let values = Set(entries.filter { if case .value = $0.binding { true } else { false } }.map(\.path))
    var text = "stds.\(name) = {\n  read_globals = {\n"
    for (global, members) in fields.sorted(by: { $0.key < $1.key }) {
      let list = members.sorted().map {
        "[\"\($0)\"] = { \(values.contains("\(global).\($0)") ? "other_fields = true " : "")}"
      }.joined(separator: ", ")
      let isOpen = members.isEmpty
      text += "    [\"\(global)\"] = { fields = { \(list) }\(isOpen ? ", other_fields = true" : "") },\n"
    }
    return text + "  },\n}\n"
  }
}
