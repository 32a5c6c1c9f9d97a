/* The table library, for plain tables of the script: no metatable, bounded work, charged before it is done. */

#include "state.h"

/* Checks the argument and returns its length. */
static lua_Integer plain_table(lua_State *L, int argument) {
  luaL_checktype(L, argument, LUA_TTABLE);
  if (lua_getmetatable(L, argument)) luaL_argerror(L, argument, "a plain table expected, got one of the host");
  return (lua_Integer)lua_rawlen(L, argument);
}

/* Elements of i...j; raises if they are more than a function may touch. */
static lua_Integer bounded_count(lua_State *L, lua_Integer i, lua_Integer j, lua_Integer most) {
  if (i > j) return 0;
  lua_Unsigned more = (lua_Unsigned)j - (lua_Unsigned)i;
  if (more >= (lua_Unsigned)most) luaL_error(L, "too many elements (at most %d)", (int)most);
  mt_charge_or_raise(L, 1 + (lua_Integer)more);
  return (lua_Integer)more + 1;
}

static int table_pack(lua_State *L) {
  int count = lua_gettop(L);
  mt_charge_or_raise(L, 1 + count);
  lua_createtable(L, count, 1);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, 1, i);
  lua_pushinteger(L, count);
  lua_setfield(L, 1, "n");
  return 1;
}

static int table_unpack(lua_State *L) {
  lua_Integer length = plain_table(L, 1), i = mt_opt_integer(L, 2, 1), j = mt_opt_integer(L, 3, length);
  lua_Integer count = bounded_count(L, i, j, MT_MAX_UNPACK);
  luaL_checkstack(L, (int)count, "too many results to unpack");
  for (lua_Integer k = 0; k < count; k++) lua_rawgeti(L, 1, i + k);
  return (int)count;
}

static int table_insert(lua_State *L) {
  lua_Integer next = plain_table(L, 1) + 1, position = next;
  switch (lua_gettop(L)) {
  case 2: break;
  case 3:
    position = mt_check_integer(L, 2);
    luaL_argcheck(L, position >= 1 && position <= next, 2, "position out of bounds");
    break;
  default: return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  bounded_count(L, position, next, MT_MAX_SEQUENCE);
  for (lua_Integer i = next; i > position; i--) {
    lua_rawgeti(L, 1, i - 1);
    lua_rawseti(L, 1, i);
  }
  lua_rawseti(L, 1, position);
  return 0;
}

static int table_remove(lua_State *L) {
  lua_Integer length = plain_table(L, 1), position = mt_opt_integer(L, 2, length);
  if (position != length)
    luaL_argcheck(L, position >= 1 && position <= length + 1, 2, "position out of bounds");
  bounded_count(L, position, length, MT_MAX_SEQUENCE);
  lua_rawgeti(L, 1, position);
  for (; position < length; position++) {
    lua_rawgeti(L, 1, position + 1);
    lua_rawseti(L, 1, position);
  }
  lua_pushnil(L);
  lua_rawseti(L, 1, position);
  return 1;
}

static int table_move(lua_State *L) {
  plain_table(L, 1);
  lua_Integer from = mt_check_integer(L, 2), end = mt_check_integer(L, 3), to = mt_check_integer(L, 4);
  int target = lua_isnoneornil(L, 5) ? 1 : 5;
  plain_table(L, target);
  lua_Integer count = bounded_count(L, from, end, MT_MAX_SEQUENCE);
  luaL_argcheck(L, count == 0 || to <= LUA_MAXINTEGER - (count - 1), 4, "destination wrap around");
  bool backwards = target == 1 && to > from && to <= end;
  for (lua_Integer k = 0; k < count; k++) {
    lua_Integer i = backwards ? count - 1 - k : k;
    lua_rawgeti(L, 1, from + i);
    lua_rawseti(L, target, to + i);
  }
  lua_pushvalue(L, target);
  return 1;
}

static int table_concat(lua_State *L) {
  lua_Integer length = plain_table(L, 1);
  size_t between, size;
  const char *separator = luaL_optlstring(L, 2, "", &between);
  lua_Integer i = mt_opt_integer(L, 3, 1), j = mt_opt_integer(L, 4, length);
  lua_Integer count = bounded_count(L, i, j, MT_MAX_SEQUENCE);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (lua_Integer k = 0; k < count; k++) {
    int type = lua_rawgeti(L, 1, i + k);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
      return luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)(i + k));
    lua_tolstring(L, -1, &size);
    mt_charge_or_raise(L, (int64_t)((size + between) / 16));
    luaL_addvalue(&text);
    if (k + 1 < count) luaL_addlstring(&text, separator, between);
  }
  luaL_pushresult(&text);
  return 1;
}

/* --- sort: merging from below, so it is stable, never quadratic, and the same on every run ---------------------------
   Stack: 1 the table, 2 the order or nil, 3 and 4 the two halves of the work. The table changes at the end only. */

/* Pushes work[i] and work[j]; does work[j] come before work[i]? */
static bool comes_before(lua_State *L, int work, lua_Integer i, lua_Integer j) {
  int top = lua_gettop(L);
  bool natural = lua_isnil(L, 2);
  if (!natural) lua_pushvalue(L, 2);
  lua_rawgeti(L, work, j);
  lua_rawgeti(L, work, i);
  bool answer;
  if (natural) {
    size_t bytes = lua_type(L, -1) == LUA_TSTRING ? lua_rawlen(L, -1) : 0;
    mt_charge_or_raise(L, 1 + (int64_t)bytes / 16);
    answer = lua_compare(L, -2, -1, LUA_OPLT);
  } else {
    mt_charge_or_raise(L, 1);
    lua_call(L, 2, 1);
    answer = lua_toboolean(L, -1);
  }
  lua_settop(L, top);
  return answer;
}

static void merge(lua_State *L, int from, int to, lua_Integer low, lua_Integer middle, lua_Integer high) {
  lua_Integer left = low, right = middle;
  for (lua_Integer k = low; k < high; k++) {
    bool take_right = left >= middle || (right < high && comes_before(L, from, left, right));
    lua_rawgeti(L, from, take_right ? right++ : left++);
    lua_rawseti(L, to, k);
  }
}

static lua_Integer least(lua_Integer a, lua_Integer b) { return a < b ? a : b; }

static void copy(lua_State *L, int from, int to, lua_Integer count) {
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, from, i);
    lua_rawseti(L, to, i);
  }
}

static int table_sort(lua_State *L) {
  lua_Integer count = plain_table(L, 1);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  bounded_count(L, 1, count, MT_MAX_SEQUENCE);
  lua_createtable(L, (int)count, 0);
  lua_createtable(L, (int)count, 0);
  copy(L, 1, 3, count);
  int from = 3, to = 4;
  for (lua_Integer width = 1; width < count; width *= 2) {
    mt_charge_or_raise(L, count / 4);
    for (lua_Integer low = 1; low <= count; low += 2 * width)
      merge(L, from, to, low, least(low + width, count + 1), least(low + 2 * width, count + 1));
    from = 7 - from;
    to = 7 - to;
  }
  copy(L, from, 1, count);
  return 0;
}

const luaL_Reg mt_table_functions[] = {
    {"table.pack", table_pack},     {"table.unpack", table_unpack}, {"table.insert", table_insert},
    {"table.remove", table_remove}, {"table.move", table_move},     {"table.concat", table_concat},
    {"table.sort", table_sort},     {NULL, NULL},
};
