extension MirrorRule {
  /// The page `docs/mirror-rules.md`.
  public static var page: String {
    let head = """
      # Rules of a mirror

      Checked on every road to a mirror: JSON files, Lua policies, the command line. All violations of all mirrors are
      reported together, each with its code, the offending value, the path in the definition and the line of the file;
      nothing is started if one is an error. Warnings never block.

      Printed from the table in `Sources/Mirroring/MirrorRule+Table.swift`; do not edit by hand
      (`MOONTAP_WRITE_DOCS=1 swift test --filter MirrorRuleTests` writes it anew).

      **S**: the console's document says so. **D**: the cloud's API or product documents say so. **M**: decided by Moontap.


      """
    return head + groups.map(section).joined(separator: "\n")
  }

  private static func section(_ group: MirrorRuleGroup) -> String {
    let rows = group.rules.map { "| `\($0.code)` | \($0.kind.rawValue) | \($0.sentence) | \($0.mark.rawValue) |\n" }
    return "## \(group.title)\n\n| code | kind | rule | mark |\n| --- | --- | --- | --- |\n" + rows.joined()
  }
}
