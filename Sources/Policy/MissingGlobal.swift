internal import JSONText

/// Adds to Lua's words about a global that is not there what was probably meant.
package enum MissingGlobal {
  /// What other Lua programs have, and what policies use in its place.
  private static let absent = [
    "os": "there is no os in policies; use packet.time", "io": "there is no io in policies; see set.load and log",
    "debug": "there is no debug in policies", "coroutine": "there is no coroutine in policies",
    "package": "there is no package in policies; see require", "load": "there is no load in policies",
    "loadstring": "there is no loadstring in policies", "loadfile": "there is no loadfile in policies; see require",
    "dofile": "there is no dofile in policies; see require",
    "test": "it is a word of test files, which moontap test runs",
    "expect": "it is a word of test files, which moontap test runs",
    "audit": "audits are run by moontap audit; a test file of one begins with a line -- audit: NAME.lua",
    "findings": "it is a word of test files of audits, which begin with a line -- audit: NAME.lua",
    "setmetatable": "there are no metatables in policies", "getmetatable": "there are no metatables in policies",
  ]

  private static let standard = [
    "assert", "error", "ipairs", "math", "next", "pairs", "pcall", "print", "rawequal", "rawlen", "select", "string",
    "table", "tonumber", "tostring", "type", "utf8",
  ]

  /// - Parameters:
  ///   - message: such as `attempt to call a nil value (global 'mirorr')`.
  ///   - inAudit: the names are those of audits.
  package static func explained(_ message: String, inAudit: Bool = false) -> String {
    let marks = (start: "a nil value (global '", end: "')")
    guard message.hasPrefix("attempt to "), message.hasSuffix(marks.end), let start = position(of: marks.start, message)
    else { return message }
    let name = String(message[start...].dropLast(marks.end.count))
    if let hint = absent[name] { return "\(message); \(hint)" }
    let known = inAudit ? PolicyReference.auditGlobals : PolicyReference.globals
    let near = Spelling.nearest(to: name, among: known + standard)
    return near.map { "\(message); did you mean '\($0)'?" } ?? message
  }

  /// Where the text behind the mark begins.
  private static func position(of mark: String, _ text: String) -> String.Index? {
    text.indices.first { text[$0...].hasPrefix(mark) }.map { text.index($0, offsetBy: mark.count) }
  }
}
