/* The basic functions that differ from Lua's own. */

#include "state.h"

#include <math.h>
#include <string.h>

/* Limits pass through: once the call is to end, nothing catches that, and out of memory is always its end. */
static int base_pcall(lua_State *L) {
  mt_state *st = mt_of(L);
  uint32_t depth = st->next_depth;
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  if (status == LUA_ERRMEM) mt_set_fatal(st, MT_MEMORY);
  if (st->fatal) mt_raise_fatal(L);
  if (status == LUA_OK) return lua_gettop(L);
  st->next_depth = depth;
  st->syntax = false;
  lua_pushboolean(L, 0);
  lua_replace(L, 1); /* the error value is above it */
  return 2;
}

static const char *object_name(mt_state *st, const mt_object *object, uint32_t *describe) {
  bool is_handle = object->kind == MT_OBJECT_HANDLE;
  *describe = is_handle ? st->handles[object->type].describe : st->records[object->type].describe;
  return is_handle ? st->handles[object->type].name : st->records[object->type].name;
}

static void describe_object(lua_State *L, int index) {
  uint32_t describe;
  const char *name = object_name(mt_of(L), lua_touserdata(L, index), &describe);
  if (describe != MT_NO_FUNCTION) {
    int top = lua_gettop(L);
    if (mt_call_host(L, describe, index, 1) > 0 && lua_type(L, top + 1) == LUA_TSTRING) {
      lua_settop(L, top + 1);
      return;
    }
    lua_settop(L, top);
  }
  lua_pushstring(L, name);
}

/* As Lua's tostring, but without addresses and without code of anyone. */
void mt_describe_value(lua_State *L, int index) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, "too many values");
  switch (lua_type(L, index)) {
  case LUA_TNIL: lua_pushliteral(L, "nil"); return;
  case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); return;
  case LUA_TNUMBER:
  case LUA_TSTRING:
    lua_pushvalue(L, index);
    lua_tostring(L, -1);
    return;
  case LUA_TUSERDATA: describe_object(L, index); return;
  default: lua_pushstring(L, luaL_typename(L, index));
  }
}

static int base_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  mt_describe_value(L, 1);
  return 1;
}

static int base_print(lua_State *L) {
  mt_state *st = mt_of(L);
  char line[MT_PRINT_LINE + 1];
  size_t used = 0;
  int count = lua_gettop(L);
  mt_note_unsteady(st, "print");
  for (int i = 1; i <= count; i++) {
    size_t length;
    mt_describe_value(L, i);
    const char *text = lua_tolstring(L, -1, &length);
    mt_charge_or_raise(L, 4 + (int64_t)(length < MT_PRINT_LINE ? length : MT_PRINT_LINE) / 4);
    if (i > 1 && used < MT_PRINT_LINE) line[used++] = '\t';
    if (used < MT_PRINT_LINE) used += mt_clean(line + used, sizeof line - used, text, length, true);
    lua_pop(L, 1);
  }
  if (st->print_left < (int64_t)used + 1) {
    st->print_dropped++;
    return 0;
  }
  st->print_left -= (int64_t)used + 1;
  st->host.print(st->host.context, line, (uint32_t)used);
  return 0;
}

static int base_select(lua_State *L) {
  int count = lua_gettop(L);
  mt_charge_or_raise(L, count / 8);
  if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), "#") == 0) {
    lua_pushinteger(L, count - 1);
    return 1;
  }
  lua_Integer n = mt_check_integer(L, 1);
  if (n < 0) n = count + n;
  else if (n > count) n = count;
  luaL_argcheck(L, n >= 1, 1, "index out of range");
  return count - (int)n;
}

static int base_next(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  mt_see_names(L, 1);
  if (lua_next(L, 1)) return 2;
  lua_pushnil(L);
  return 1;
}

static int base_pairs(lua_State *L) {
  mt_state *st = mt_of(L);
  const mt_object *object = lua_type(L, 1) == LUA_TUSERDATA ? lua_touserdata(L, 1) : NULL;
  if (object && object->kind == MT_OBJECT_HANDLE && st->handles[object->type].enumerate != MT_NO_FUNCTION) {
    lua_settop(L, 1);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, (lua_Integer)st->serial);
    lua_pushcclosure(L, mt_enumerate, 3);
    lua_pushnil(L);
    lua_pushnil(L);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushcfunction(L, base_next);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* SplitMix64 (Steele, Lea, Flood 2014): a fixed start, so that audits repeat; never used for anything of the host. */
static uint64_t random_bits(mt_state *st) {
  uint64_t z = st->random += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* Uniform in 0...limit: bits beyond the mask's are drawn again. */
static uint64_t random_up_to(mt_state *st, uint64_t limit) {
  uint64_t mask = limit, bits;
  for (unsigned shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  do bits = random_bits(st) & mask;
  while (bits > limit);
  return bits;
}

static int math_random(lua_State *L) {
  mt_state *st = mt_of(L);
  lua_Integer low = 1, high;
  mt_note_unsteady(st, "math.random");
  switch (lua_gettop(L)) {
  case 0: lua_pushnumber(L, (lua_Number)(random_bits(st) >> 11) * 0x1p-53); return 1;
  case 1:
    high = mt_check_integer(L, 1);
    if (high == 0) {
      lua_pushinteger(L, (lua_Integer)random_bits(st));
      return 1;
    }
    break;
  case 2:
    low = mt_check_integer(L, 1);
    high = mt_check_integer(L, 2);
    break;
  default: return luaL_error(L, "wrong number of arguments");
  }
  luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
  uint64_t offset = random_up_to(st, (uint64_t)high - (uint64_t)low);
  lua_pushinteger(L, (lua_Integer)((uint64_t)low + offset));
  return 1;
}

const luaL_Reg mt_base_functions[] = {
    {"pcall", base_pcall},   {"tostring", base_tostring}, {"print", base_print},       {"select", base_select},
    {"next", base_next},     {"pairs", base_pairs},       {"math.random", math_random}, {NULL, NULL},
};
