/* The strict environment, built from an empty table. The table below is the whole list of names; a golden test compares. */

#include "state.h"

#include <lualib.h>
#include <string.h>

/* What a call of a stock function is charged beforehand, in steps of about 4 ns. */
enum charge {
  FREE,      /* constant time */
  TEXT,      /* the bytes of the first argument / 64, a copy or a comparison, of the others / 4 */
  WORK,      /* the bytes of the text arguments / 4: a test or a call for each, or a numeral that is read */
  ARGUMENTS, /* their number, and as numerals */
  REPEAT,    /* string.rep: what it will make, and its numeral */
  TABLE      /* charged in table.c, which has its own functions */
};

typedef struct stock_entry {
  const char *name;
  enum charge charge;
} stock_entry;

static const stock_entry stock[] = {
    {"assert", FREE},        {"error", TEXT},         {"ipairs", FREE},       {"rawequal", TEXT},
    {"rawlen", FREE},        {"tonumber", WORK},      {"type", FREE},         {"string.rep", REPEAT},
    {"string.pack", TEXT},   {"string.unpack", WORK}, {"string.byte", WORK},  {"string.char", ARGUMENTS},
    {"string.len", FREE},    {"string.lower", WORK},  {"string.upper", WORK}, {"string.reverse", WORK},
    {"string.sub", TEXT},    {"utf8.char", ARGUMENTS}, {"utf8.codes", FREE},
    {"utf8.codepoint", WORK}, {"utf8.len", WORK},     {"utf8.offset", WORK},
    {"math.abs", WORK},      {"math.ceil", WORK},     {"math.floor", WORK},   {"math.max", ARGUMENTS},
    {"math.min", ARGUMENTS}, {"math.fmod", WORK},     {"math.modf", WORK},    {"math.sqrt", WORK},
    {"math.exp", WORK},      {"math.log", WORK},      {"math.sin", WORK},     {"math.cos", WORK},
    {"math.tan", WORK},      {"math.asin", WORK},     {"math.acos", WORK},    {"math.atan", WORK},
    {"math.tointeger", WORK}, {"math.type", FREE},    {"math.ult", WORK},     {"math.deg", WORK},
    {"math.rad", WORK},      {NULL, FREE},
};

static int64_t text_bytes(lua_State *L, int first) {
  int64_t sum = 0;
  for (int i = lua_gettop(L); i >= first; i--)
    if (lua_type(L, i) == LUA_TSTRING) sum += (int64_t)lua_rawlen(L, i);
  return sum;
}

static int64_t repeat_bytes(lua_State *L) {
  size_t length, between = 0;
  luaL_checklstring(L, 1, &length);
  lua_Integer times = mt_check_integer(L, 2);
  luaL_optlstring(L, 3, "", &between);
  if (times <= 0 || length + between == 0) return times > MT_MAX_REPEAT ? 0 : 1;
  if ((uint64_t)times > MT_MAX_REPEAT / (length + between) + 1 ||
      (uint64_t)times * (length + between) - between > MT_MAX_REPEAT)
    luaL_error(L, "resulting string too large (at most %d bytes)", MT_MAX_REPEAT);
  return times * (int64_t)(length + between);
}

static int64_t cost(lua_State *L, enum charge charge) {
  switch (charge) {
  case TEXT: return 1 + (lua_type(L, 1) == LUA_TSTRING ? (int64_t)lua_rawlen(L, 1) / 64 : 0) + text_bytes(L, 2) / 4;
  case WORK: return 1 + text_bytes(L, 1) / 4;
  case ARGUMENTS: return 1 + lua_gettop(L) + text_bytes(L, 1) / 4;
  case REPEAT: return 1 + repeat_bytes(L) / 64;
  default: return 1;
  }
}

/* Upvalue 1: position in `stock`. The library's function runs in this call's frame, so its errors name the right place. */
static int charged(lua_State *L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(1));
  mt_charge_or_raise(L, cost(L, stock[i].charge));
  return mt_of(L)->stock[i](L);
}

/* "string.rep" in the globals at `globals`: pushes the table and returns the name within. */
static const char *push_owner(lua_State *L, int globals, const char *path) {
  const char *dot = strchr(path, '.');
  if (!dot) {
    lua_pushvalue(L, globals);
    return path;
  }
  lua_pushlstring(L, path, (size_t)(dot - path));
  if (lua_rawget(L, globals) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushlstring(L, path, (size_t)(dot - path));
    lua_pushvalue(L, -2);
    lua_rawset(L, globals);
  }
  return dot + 1;
}

static void set_path(lua_State *L, int globals, const char *path) { /* pops the value on top */
  const char *name = push_owner(L, globals, path);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static void add_own(lua_State *L, int globals, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    set_path(L, globals, functions->name);
  }
}

/* Opens a library into a table of its own that no script will see, and leaves it on the stack. */
static void open_aside(lua_State *L, lua_CFunction open) {
  lua_pushcfunction(L, open);
  lua_pushliteral(L, "");
  lua_call(L, 1, 1);
}

/* Lua's own metatable of strings has the arithmetic of numerals: kept. Its `__index` becomes a copy of our table, so that a
   script that empties `string` keeps the methods of strings. */
static void set_strings_metatable(lua_State *L, int globals) {
  int text = lua_gettop(L) + 1, metatable = text + 1, functions = text + 2, copy = text + 3;
  lua_pushliteral(L, "");
  if (!lua_getmetatable(L, text)) luaL_error(L, "this Lua has no metatable of strings");
  lua_getfield(L, globals, "string");
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, functions);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy); /* leaves the key for lua_next */
  }
  lua_setfield(L, metatable, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, metatable, "__metatable");
  lua_settop(L, text - 1);
}

void mt_build_environment(lua_State *L) {
  mt_state *st = mt_of(L);
  _Static_assert(sizeof stock / sizeof *stock <= MT_STOCK_FUNCTIONS, "make room for the stock functions");
  lua_newtable(L);
  int globals = lua_gettop(L), libraries = globals + 1;
  /* luaopen_base writes into the registry's globals: give it ours only afterwards. */
  open_aside(L, luaopen_base);
  open_aside(L, luaopen_string);
  lua_setfield(L, libraries, "string");
  open_aside(L, luaopen_utf8);
  lua_setfield(L, libraries, "utf8");
  open_aside(L, luaopen_math);
  lua_setfield(L, libraries, "math");
  open_aside(L, luaopen_table);
  lua_setfield(L, libraries, "table");
  for (int i = 0; stock[i].name; i++) {
    const char *name = push_owner(L, libraries, stock[i].name);
    lua_getfield(L, -1, name);
    st->stock[i] = lua_tocfunction(L, -1);
    if (!st->stock[i]) luaL_error(L, "this Lua has no %s", stock[i].name);
    lua_pop(L, 2);
    lua_pushinteger(L, i);
    lua_pushcclosure(L, charged, 1);
    set_path(L, globals, stock[i].name);
  }
  static const char *const constants[] = {"_VERSION", "math.pi", "math.huge", "math.maxinteger", "math.mininteger",
                                          "utf8.charpattern"};
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
    const char *name = push_owner(L, libraries, constants[i]);
    lua_getfield(L, -1, name);
    set_path(L, globals, constants[i]);
    lua_pop(L, 1);
  }
  lua_settop(L, globals);
  add_own(L, globals, mt_base_functions);
  add_own(L, globals, mt_string_functions);
  add_own(L, globals, mt_pattern_functions);
  add_own(L, globals, mt_table_functions);
  lua_pushvalue(L, globals);
  lua_setfield(L, globals, "_G");
  set_strings_metatable(L, globals);
  lua_pushvalue(L, globals);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_settop(L, globals - 1);
}

const char *mt_library_name(lua_State *L, int index) {
  static const luaL_Reg *const own[] = {mt_base_functions, mt_string_functions, mt_pattern_functions, mt_table_functions};
  lua_CFunction function = lua_tocfunction(L, index);
  if (function == charged && lua_getupvalue(L, index, 1)) {
    lua_Integer i = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return stock[i].name;
  }
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    for (const luaL_Reg *entry = own[i]; entry->name; entry++)
      if (entry->func == function) return entry->name;
  return NULL;
}

bool mt_is_text_method(const char *path) {
  static const luaL_Reg *const own[] = {mt_string_functions, mt_pattern_functions};
  for (int i = 0; stock[i].name; i++)
    if (strcmp(stock[i].name, path) == 0) return true;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    for (const luaL_Reg *entry = own[i]; entry->name; entry++)
      if (strcmp(entry->name, path) == 0) return true;
  return false;
}

/* --- environments of modules --------------------------------------------------------------------------------------- */

/* Pushes a copy of the table at `index`; of its plain tables too, since a script could change them for all. Namespaces of
   the host are read-only and stay the same. */
static void push_copy(lua_State *L, int index, int depth) {
  luaL_checkstack(L, 6, "nested too deeply");
  lua_newtable(L);
  int copy = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index);) {
    bool is_itself = lua_rawequal(L, -1, index);
    bool is_plain = lua_istable(L, -1) && !is_itself && depth < 4;
    if (is_plain && lua_getmetatable(L, -1)) {
      lua_pop(L, 1);
      is_plain = false;
    }
    if (is_plain) {
      push_copy(L, lua_gettop(L), depth + 1);
      lua_replace(L, -2);
    }
    lua_pushvalue(L, -2);
    lua_pushvalue(L, is_itself ? copy : -2);
    lua_rawset(L, copy);
    lua_pop(L, 1);
  }
}

void mt_keep_environment(lua_State *L) {
  lua_pushglobaltable(L);
  push_copy(L, lua_gettop(L), 0);
  mt_of(L)->pristine = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
}

void mt_push_fresh_environment(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, mt_of(L)->pristine);
  push_copy(L, lua_gettop(L), 0);
  lua_remove(L, -2);
}

/* --- every reachable name ----------------------------------------------------------------------------------------- */

typedef struct walk_request {
  void *context;
  void (*visit)(void *context, const char *name, size_t length);
} walk_request;

/* Tables already seen are keys of the table at 2. Names come as "a.b"; those of namespaces too. */
static void walk(lua_State *L, const walk_request *request, int table, int prefix, int depth) {
  luaL_checkstack(L, 8, "nested too deeply");
  lua_pushvalue(L, table);
  lua_pushboolean(L, 1);
  lua_rawset(L, 2);
  mt_see_names(L, table);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    int value = lua_gettop(L);
    size_t length;
    lua_pushvalue(L, prefix);
    lua_pushvalue(L, value - 1);
    mt_describe_value(L, -1);
    lua_remove(L, -2);
    lua_concat(L, 2);
    const char *name = lua_tolstring(L, -1, &length);
    request->visit(request->context, name, length);
    lua_pushvalue(L, value);
    bool fresh = lua_istable(L, value) && depth < 8 && (lua_rawget(L, 2) == LUA_TNIL);
    lua_settop(L, value + 1);
    if (fresh) {
      lua_pushliteral(L, ".");
      lua_concat(L, 2);
      walk(L, request, value, value + 1, depth + 1);
    }
    lua_settop(L, value);
  }
}

static int walk_globals(lua_State *L) {
  const walk_request *request = lua_touserdata(L, 1);
  lua_newtable(L); /* 2 */
  lua_pushglobaltable(L); /* 3 */
  lua_pushliteral(L, ""); /* 4 */
  walk(L, request, 3, 4, 0);
  /* What strings answer to is reachable as well. */
  lua_pushliteral(L, "");
  if (luaL_getmetafield(L, -1, "__index") == LUA_TTABLE) {
    lua_pushliteral(L, "(string):");
    walk(L, request, lua_gettop(L) - 1, lua_gettop(L), 0);
  }
  return 0;
}

int mt_reachable_names(mt_state *st, void *context, void (*visit)(void *context, const char *name, size_t length)) {
  walk_request request = {context, visit};
  return mt_protect(st, walk_globals, &request);
}
