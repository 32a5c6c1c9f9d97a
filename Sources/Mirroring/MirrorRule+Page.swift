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
    return head + groups.map(section).joined(separator: "\n") + defaults
  }

  private static let defaults = """

    ## What is not written

    - `direction` is `all`, `filter` is none (everything in range), `balance` is `even`, `copies` is `once`, `enabled` is
      true, `onError` is `skip`, the encapsulation VXLAN to UDP port 4789.
    - In a condition, a field that is absent, null, empty, `any`, `all` or `*` is not given and matches everything, and so
      is a port `1-65535` or `0-65535`.
    - The VNI is derived from region, VPC and name (FNV-1a, folded to 24 bits, for ERSPAN to 10), so it is the same on every
      host and stays while the mirror keeps its name. A number that another mirror has or asks for is never taken: the next
      free one is.

    ## How far warnings see

    - `filter.unsatisfiable` and `filter.one-sided` judge conditions that are ANDed, also those that Lua joins with `&`; what
      stands under `|` or `~` is not judged.
    - `rules.shadowed` finds a rule that one rule before it covers, not one that several cover together.
    - `range.receiver-inside` says nothing of a VPC range, whose receivers lie in it by rule.
    - `receivers.bandwidth` and `range.overlap` go by the inventory; an ENI without a bandwidth counts nothing as a source,
      and as a receiver it ends the check.

    """

  private static func section(_ group: MirrorRuleGroup) -> String {
    let rows = group.rules.map { "| `\($0.code)` | \($0.kind.rawValue) | \($0.sentence) | \($0.mark.rawValue) |\n" }
    return "## \(group.title)\n\n| code | kind | rule | mark |\n| --- | --- | --- | --- |\n" + rows.joined()
  }
}
