/* Values on their way between Lua and the host: Lua's are converted into st->in, the host's are collected in st->out. */

#include "state.h"

#include <stdlib.h>
#include <string.h>

/* --- Lua to host ------------------------------------------------------------------------------------------------- */

void mt_reserve_in(lua_State *L, uint32_t count) {
  mt_state *st = mt_of(L);
  if (count > MT_MAX_VALUES) luaL_error(L, "the table is too large for the host (at most %d entries)", MT_MAX_VALUES / 2);
  if (count <= st->in_capacity) return;
  uint32_t capacity = st->in_capacity ? st->in_capacity : 64;
  while (capacity < count) capacity *= 2;
  mt_value *grown = realloc(st->in, capacity * sizeof(mt_value));
  if (!grown) luaL_error(L, "not enough memory for the host's copy of a table");
  st->in = grown;
  st->in_capacity = capacity;
}

/* The same function always gets the same reference, so passing it again and again does not fill the registry. */
int mt_function_reference(lua_State *L, int index) {
  mt_state *st = mt_of(L);
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, "too many values");
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->functions);
  lua_pushvalue(L, index);
  if (lua_rawget(L, -2) == LUA_TNUMBER) {
    int known = (int)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return known;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, index);
  int reference = luaL_ref(L, LUA_REGISTRYINDEX);
  mt_note_function(L, index, reference);
  lua_pushvalue(L, index);
  lua_pushinteger(L, reference);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  return reference;
}

void mt_take_number(lua_State *L, int index, mt_value *value) {
  int is_whole;
  value->kind = lua_isinteger(L, index) ? MT_INTEGER : MT_NUMBER;
  value->number = lua_tonumber(L, index);
  value->integer = lua_tointegerx(L, index, &is_whole);
  value->flag = is_whole != 0;
}

static void take_function(lua_State *L, int index, mt_value *value) {
  lua_Debug ar;
  int reference = mt_function_reference(L, index);
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &ar);
  value->kind = MT_FUNCTION;
  value->integer = reference;
  value->flag = *ar.what == 'C';
  value->count = ar.linedefined > 0 ? (uint32_t)ar.linedefined : 0;
  value->bytes = *ar.source == '@' || *ar.source == '=' ? ar.source + 1 : "chunk";
  if (value->flag) { /* the closure keeps its name as long as the reference keeps the closure */
    bool is_named = lua_tocfunction(L, index) == mt_host_function && lua_getupvalue(L, index, 2);
    value->bytes = is_named ? lua_tostring(L, -1) : "";
    if (is_named) lua_pop(L, 1);
  }
  value->length = strlen(value->bytes);
}

static void take_object(lua_State *L, int index, mt_value *value) {
  const mt_object *object = lua_touserdata(L, index);
  value->type = (uint16_t)object->type;
  if (object->kind == MT_OBJECT_HANDLE) {
    value->kind = MT_HANDLE;
    value->integer = ((const mt_handle *)object)->index;
    return;
  }
  const mt_record *record = (const mt_record *)object;
  if (!mt_is_fresh(mt_of(L), record)) mt_raise_stale(L, record);
  value->kind = MT_RECORD;
  value->base = record->base;
  value->flag = record->serial == MT_PINNED;
}

static void take(lua_State *L, int index, uint32_t at, int depth);

static uint32_t count_pairs(lua_State *L, int index) {
  uint32_t count = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) count++;
  return count;
}

static void take_table(lua_State *L, int index, uint32_t at, int depth) {
  mt_state *st = mt_of(L);
  if (depth >= MT_MAX_DEPTH) luaL_error(L, "the table is nested too deeply (at most %d levels)", MT_MAX_DEPTH);
  luaL_checkstack(L, 6, "the table is nested too deeply");
  mt_see_names(L, index);
  uint32_t pairs = count_pairs(L, index), first = st->in_count;
  mt_charge_or_raise(L, 32 * (int64_t)pairs);
  if (pairs > MT_MAX_VALUES / 2) mt_reserve_in(L, MT_MAX_VALUES + 1);
  mt_reserve_in(L, first + 2 * pairs);
  st->in_count = first + 2 * pairs;
  memset(st->in + first, 0, 2 * pairs * sizeof(mt_value));
  st->in[at].kind = MT_TABLE;
  st->in[at].integer = first;
  st->in[at].count = pairs;
  uint32_t next = first;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), next += 2) {
    if (lua_type(L, -2) != LUA_TSTRING && !lua_isinteger(L, -2))
      luaL_error(L, "the keys of the table must be texts or whole numbers, not %s", luaL_typename(L, -2));
    take(L, lua_gettop(L) - 1, next, depth + 1);
    take(L, lua_gettop(L), next + 1, depth + 1);
  }
}

/* The host copies what it is given, and the same text may be given many times: bounded, and charged. */
static void take_text(lua_State *L, int index, mt_value *value) {
  mt_state *st = mt_of(L);
  value->kind = MT_STRING;
  value->bytes = lua_tolstring(L, index, &value->length);
  st->in_text += value->length;
  if (st->in_text > MT_MAX_TEXT) luaL_error(L, "too much text for the host in one call (at most %d MiB)", MT_MAX_TEXT >> 20);
  mt_charge_or_raise(L, (int64_t)value->length / 4);
}

/* `index` is absolute. Strings stay Lua's: they live as long as the arguments do. */
static void take(lua_State *L, int index, uint32_t at, int depth) {
  mt_value value = {0};
  switch (lua_type(L, index)) {
  case LUA_TNIL: value.kind = MT_NIL; break;
  case LUA_TBOOLEAN:
    value.kind = MT_BOOLEAN;
    value.integer = lua_toboolean(L, index);
    break;
  case LUA_TNUMBER:
    mt_take_number(L, index, &value);
    break;
  case LUA_TSTRING: take_text(L, index, &value); break;
  case LUA_TTABLE: take_table(L, index, at, depth); return;
  case LUA_TFUNCTION: take_function(L, index, &value); break;
  case LUA_TUSERDATA: take_object(L, index, &value); break;
  default:
    value.kind = MT_OTHER;
    value.bytes = luaL_typename(L, index);
    value.length = strlen(value.bytes);
  }
  mt_of(L)->in[at] = value;
}

void mt_take_arguments(lua_State *L, int first, int count) {
  mt_state *st = mt_of(L);
  mt_reserve_in(L, (uint32_t)count);
  st->in_count = (uint32_t)count;
  st->in_text = 0;
  for (int i = 0; i < count; i++) take(L, first + i, (uint32_t)i, 0);
}

/* The first result of a call, for the host. Unprotected: only reads. */
void mt_read_result(lua_State *L, int index, mt_value *result) {
  memset(result, 0, sizeof *result);
  switch (lua_type(L, index)) {
  case LUA_TNONE:
  case LUA_TNIL: result->kind = MT_NIL; return;
  case LUA_TBOOLEAN:
    result->kind = MT_BOOLEAN;
    result->integer = lua_toboolean(L, index);
    return;
  case LUA_TNUMBER:
    mt_take_number(L, index, result);
    return;
  case LUA_TSTRING:
    result->kind = MT_STRING;
    result->bytes = lua_tolstring(L, index, &result->length);
    return;
  case LUA_TUSERDATA: {
    const mt_object *object = lua_touserdata(L, index);
    if (object->kind == MT_OBJECT_HANDLE) {
      result->kind = MT_HANDLE;
      result->type = (uint16_t)object->type;
      result->integer = ((const mt_handle *)object)->index;
      return;
    }
    result->kind = MT_OTHER;
    result->bytes = mt_of(L)->records[object->type].name;
    result->length = strlen(result->bytes);
    return;
  }
  default:
    result->kind = MT_OTHER;
    result->bytes = lua_typename(L, lua_type(L, index));
    result->length = strlen(result->bytes);
  }
}

/* --- host to Lua: collected first, pushed when the host has returned ---------------------------------------------- */

enum { OUT_PINNED = MT_OTHER + 1, OUT_ID_TABLE, OUT_RECORD_COPY };

void mt_begin(mt_state *st) {
  st->out_count = 0;
  st->out_length = 0;
  st->out_failed = false;
  st->next_wanted = st->next_is_chunk = false;
  st->failed_argument = 0;
  st->failure[0] = 0;
}

static mt_value *add(mt_state *st, uint8_t kind) {
  if (st->out_count == st->out_capacity) {
    uint32_t capacity = st->out_capacity ? 2 * st->out_capacity : 64;
    mt_value *grown = capacity <= 16 * MT_MAX_VALUES ? realloc(st->out, capacity * sizeof(mt_value)) : NULL;
    if (!grown) {
      st->out_failed = true;
      st->out_count = 0; /* keeps `out` writable; nothing of it is used */
      static _Thread_local mt_value waste;
      return &waste;
    }
    st->out = grown;
    st->out_capacity = capacity;
  }
  mt_value *value = &st->out[st->out_count++];
  memset(value, 0, sizeof *value);
  value->kind = kind;
  return value;
}

/* Copies text; returns its offset in the bytes, since they may move. */
static size_t add_bytes(mt_state *st, const char *bytes, size_t length) {
  size_t need = st->out_length + length;
  if (need > st->out_bytes_capacity) {
    size_t capacity = st->out_bytes_capacity ? st->out_bytes_capacity : 4096;
    while (capacity < need && capacity < (size_t)1 << 32) capacity *= 2;
    char *grown = capacity >= need ? realloc(st->out_bytes, capacity) : NULL;
    if (!grown) {
      st->out_failed = true;
      return 0;
    }
    st->out_bytes = grown;
    st->out_bytes_capacity = capacity;
  }
  if (length) memcpy(st->out_bytes + st->out_length, bytes, length);
  st->out_length = need;
  return need - length;
}

void mt_push_nil(mt_state *st) { add(st, MT_NIL); }
void mt_push_boolean(mt_state *st, bool value) { add(st, MT_BOOLEAN)->integer = value; }
void mt_push_integer(mt_state *st, int64_t value) { add(st, MT_INTEGER)->integer = value; }
void mt_push_number(mt_state *st, double value) { add(st, MT_NUMBER)->number = value; }
void mt_push_table(mt_state *st, uint32_t pairs) { add(st, MT_TABLE)->count = pairs; }
void mt_push_function(mt_state *st, int32_t reference) { add(st, MT_FUNCTION)->integer = reference; }
void mt_push_pinned(mt_state *st, int32_t reference) { add(st, OUT_PINNED)->integer = reference; }
void mt_push_id_table(mt_state *st, uint32_t id) { add(st, OUT_ID_TABLE)->integer = id; }

void mt_push_string(mt_state *st, const char *bytes, size_t length) {
  size_t offset = add_bytes(st, bytes, length);
  mt_value *value = add(st, MT_STRING);
  value->integer = (int64_t)offset;
  value->length = st->out_failed ? 0 : length;
}

void mt_push_handle(mt_state *st, uint32_t type, int64_t index) {
  mt_value *value = add(st, MT_HANDLE);
  value->type = (uint16_t)type;
  value->integer = index;
}

void mt_push_record(mt_state *st, uint32_t type, const void *base, bool pinned) {
  mt_value *value = add(st, MT_RECORD);
  value->type = (uint16_t)type;
  value->base = base;
  value->flag = pinned;
}

void mt_push_record_copy(mt_state *st, uint32_t type, const void *bytes, size_t size) {
  size_t offset = add_bytes(st, bytes, size);
  mt_value *value = add(st, OUT_RECORD_COPY);
  value->type = (uint16_t)type;
  value->integer = (int64_t)offset;
  value->length = size;
}

/* Pushes the value at `at` and returns where the next one begins. */
static uint32_t give(lua_State *L, uint32_t at, int depth) {
  mt_state *st = mt_of(L);
  if (at >= st->out_count || depth > MT_MAX_DEPTH) luaL_error(L, "the host's value is not whole");
  luaL_checkstack(L, 4, "too many values");
  mt_value value = st->out[at++];
  switch (value.kind) {
  case MT_BOOLEAN: lua_pushboolean(L, value.integer != 0); break;
  case MT_INTEGER: lua_pushinteger(L, value.integer); break;
  case MT_NUMBER: lua_pushnumber(L, value.number); break;
  case MT_STRING: lua_pushlstring(L, value.length ? st->out_bytes + value.integer : "", value.length); break;
  case MT_HANDLE: mt_new_handle(L, value.type, value.integer); break;
  case MT_FUNCTION:
  case OUT_PINNED: lua_rawgeti(L, LUA_REGISTRYINDEX, value.integer); break;
  case OUT_ID_TABLE: mt_push_id_table_value(L, (uint32_t)value.integer); break;
  case MT_RECORD: {
    mt_record *record = mt_new_record(L, value.type);
    record->base = value.base;
    record->serial = value.flag ? MT_PINNED : st->serial;
    break;
  }
  case OUT_RECORD_COPY: mt_push_copied_record(L, value.type, st->out_bytes + value.integer, value.length); break;
  case MT_TABLE:
    lua_createtable(L, 0, 0);
    for (uint32_t i = 0; i < value.count; i++) {
      at = give(L, at, depth + 1);
      at = give(L, at, depth + 1);
      if (lua_isnil(L, -2)) luaL_error(L, "the host's table has a nil key");
      lua_rawset(L, -3);
    }
    break;
  default: lua_pushnil(L);
  }
  return at;
}

int mt_give_all(lua_State *L, uint32_t from) {
  mt_state *st = mt_of(L);
  if (st->out_failed) luaL_error(L, "not enough memory for the host's answer");
  mt_charge_or_raise(L, (int64_t)(st->out_count + st->out_length / 32));
  int count = 0;
  for (uint32_t at = from; at < st->out_count; count++) at = give(L, at, 0);
  return count;
}
