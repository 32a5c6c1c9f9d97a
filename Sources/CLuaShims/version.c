#include "CLuaShims.h"
#include <lua.h>

int mts_lua_version_number(void) { return LUA_VERSION_NUM; }
