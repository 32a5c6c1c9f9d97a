// The language of audits as text: what they have besides the language of policies.
extension PolicyReference {
  /// `docs/audit-language.md`
  public static var auditPage: String {
    var page = """
      # The language of audits

      An audit is a script of [the policy language](policy-language.md) that declares one `audit{}`; how to write one is
      told in [audits.md](audits.md). It has `filter`, `inventory`, `mirrors` (to read), `packet`, `set`, `log`, `require`,
      `policy.args` and Lua's own library, and what stands here. It cannot declare or change mirrors. This page is printed
      from the table that binds the language (`Sources/Policy/API`); a test keeps them equal.

      ## The keys of an audit


      """
    page += AuditKey.all.map { row($0.name, $0.type, $0.doc) }.joined()
    page += "\n## The keys of a finding\n\n"
    page += FindingKey.all.map { row($0.name, $0.type, $0.doc) }.joined()
    for section in sections(APIEntry.onlyOfAudits) { page += "\n" + section.page }
    return page
  }

  private static func row(_ name: String, _ type: String, _ doc: String) -> String {
    "- `\(name)` (\(type)): \(doc)\n"
  }

  /// Every name of the language of audits that policies do not have.
  public static var auditNames: [String] { APIEntry.onlyOfAudits.map(\.path) }

  /// Of all names that audits have, those that can be reached from the globals.
  public static var auditGlobalPaths: [String] {
    APIEntry.ofAudits.filter { entry in
      if case .type = entry.owner { return false }
      return entry.inTests != .only
    }.map(\.path)
  }

  /// The examples of the page, by name, and where each can stand: by itself, or in a function of an audit.
  public static var auditExamples: [(path: String, example: String, subject: String?)] {
    APIEntry.onlyOfAudits.filter { $0.inTests != .only }.map { entry in
      let subject: String? =
        switch entry.owner {
        case .type(.packet): "packet"
        case .type(.conversation), .type(.end), .type(.tls), .type(.tlsAnswer), .type(.certificate), .type(.http),
          .type(.dns):
          "conversation"
        case .global where entry.name == "finding": "packet"
        case .namespace("os"): "packet"
        case .global where entry.name == "audit": nil
        default: "config"
        }
      return (entry.path, entry.example, subject)
    }
  }
}
