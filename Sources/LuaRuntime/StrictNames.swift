/// Every name of the strict environment. A test and the self-test at start compare it with what a script can reach.
enum StrictNames {
  static let globals = [
    "_G", "_VERSION", "assert", "error", "ipairs", "next", "pairs", "pcall", "print", "rawequal", "rawlen", "select",
    "tonumber", "tostring", "type",
  ]

  static let libraries: [(name: String, members: [String])] = [
    (
      "math",
      [
        "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger",
        "min", "mininteger", "modf", "pi", "rad", "random", "sin", "sqrt", "tan", "tointeger", "type", "ult",
      ]
    ),
    (
      "string",
      [
        "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack", "rep", "reverse", "sub",
        "unpack", "upper",
      ]
    ),
    ("table", ["concat", "insert", "move", "pack", "remove", "sort", "unpack"]),
    ("utf8", ["char", "charpattern", "codepoint", "codes", "len", "offset"]),
  ]

  /// As `LuaState.reachableNames()` gives them for an empty library.
  static var all: [String] {
    var names = globals
    for library in libraries {
      names.append(library.name)
      for member in library.members {
        names.append("\(library.name).\(member)")
        if library.name == "string" { names.append("(string):\(member)") }
      }
    }
    return names.sorted()
  }
}
