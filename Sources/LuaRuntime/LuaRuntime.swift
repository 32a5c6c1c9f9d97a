internal import CLuaShims

public func luaVersionNumber() -> Int { Int(mts_lua_version_number()) }
