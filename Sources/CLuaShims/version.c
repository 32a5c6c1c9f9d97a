#include "CLuaShims.h"

#include <lua.h>

int mt_lua_version_number(void) { return LUA_VERSION_NUM; }

const char *mt_lua_release(void) { return LUA_RELEASE; }
