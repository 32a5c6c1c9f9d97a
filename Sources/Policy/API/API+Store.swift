internal import LuaRuntime

// What `mirrors` can do with the store besides reading it as it reads a policy's own mirrors.
extension APIEntry {
  static let storeEntries: [APIEntry] = [
    APIEntry(
      owner: .type(.mirrors), name: "find",
      parameters: [APIParameter("which", .table, "name, and vpc, region, origin where needed")],
      returns: "mirror|nil",
      doc: "The mirror of the name; what else is given must fit too. Several that fit are an error.",
      example: #"mirrors.find { name = "web", vpc = "vpc-shop", origin = "store" }"#,
      binding: .function { context, call throws(HostFailure) in try context.findMirror(call) }),
    APIEntry(
      owner: .type(.mirrors), name: "create",
      parameters: [
        APIParameter("definition", .table, "its keys: see The keys of a mirror; a Lua filter as { lua = text }")
      ],
      returns: "mirror",
      doc:
        "Makes a mirror in the store, by the same rules and in the same way as `moontap mirror create`; with `--store` only. At the prompt it is there at once. Policies use it in timers, not while they load: it is judged at once and made soon after, and what then goes wrong is said in the log.",
      example: """
        local rooms = { name = "rooms", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10" }
        every(60, function()
          if not mirrors.rooms then pcall(mirrors.create, rooms) end
        end)
        """,
      isChange: true,
      binding: .function { context, call throws(HostFailure) in try context.createStored(call) }),
    APIEntry(
      owner: .type(.mirror), name: "history", returns: "table[]",
      doc:
        "Of a mirror of the store: who changed what and when, the last 100 changes, oldest first, each with time, actor, action, name and changes. At the prompt, and while a policy loads.",
      example: #"local ok, lines = pcall(function() return mirrors.web:history() end)"#,
      binding: .method { context, call throws(HostFailure) in try context.pushHistory(call) }),
  ]
}
