/* Host functions, and handles: what a script holds instead of a host object. */

#include "state.h"

#include <stdlib.h>
#include <string.h>

static _Noreturn void raise_failure(lua_State *L) {
  mt_state *st = mt_of(L);
  if (st->failed_argument) luaL_argerror(L, (int)st->failed_argument, st->failure);
  luaL_error(L, "%s", st->failure);
  __builtin_unreachable();
}

void mt_fail(mt_state *st, uint32_t argument, const char *message, size_t length) {
  st->failed_argument = argument <= MT_MAX_ARGUMENTS ? argument : 0;
  mt_clean(st->failure, sizeof st->failure, message, length, false);
}

void mt_next(mt_state *st, uint32_t token) {
  st->next_token = token;
  st->next_wanted = true;
}

uint32_t mt_next_depth(const mt_state *st) { return st->next_depth; }

void mt_next_chunk(mt_state *st, uint32_t token, const char *chunk) {
  mt_next(st, token);
  st->next_is_chunk = true;
  strncpy(st->next_chunk, chunk, sizeof st->next_chunk - 1);
  st->next_chunk[sizeof st->next_chunk - 1] = 0;
}

bool mt_caller(mt_state *st, const char **chunk, int32_t *line) {
  static _Thread_local char name[MT_CHUNK_SIZE];
  *chunk = name;
  *line = 0;
  return mt_find_place(st->L, 0, name, sizeof name, line);
}

/* A module has globals of its own: neither can spoil the other's. */
static void load_pushed_chunk(lua_State *L) {
  mt_state *st = mt_of(L);
  char name[MT_CHUNK_SIZE];
  size_t length;
  memcpy(name, st->next_chunk, sizeof name);
  const char *source = lua_tolstring(L, -1, &length);
  mt_charge_or_raise(L, MT_HOOK_INTERVAL + 1 + (int64_t)length / 8); /* compiling takes time, too */
  int32_t line = 0;
  const char *fault = mt_check_source(source, length, &line);
  mt_remember_chunk(st, name);
  st->syntax = true;
  if (fault) {
    lua_pushfstring(L, "%s:%d: %s", mt_chunk_id(st, name), (int)line, fault);
    lua_error(L);
  }
  mt_compile(L, source, length, name);
  st->syntax = false;
  lua_remove(L, -2);
  mt_push_fresh_environment(L);
  if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
}

/* Arguments are in the stack from `first`; leaves the results on top. The host has returned before anything is raised. */
int mt_call_host(lua_State *L, uint32_t function, int first, int count) {
  mt_state *st = mt_of(L);
  uint32_t token = 0;
  int base = lua_gettop(L);
  if (count > MT_MAX_ARGUMENTS) luaL_error(L, "too many arguments (at most %d)", MT_MAX_ARGUMENTS);
  for (;;) {
    mt_take_arguments(L, first, count);
    mt_note_host_call(st, function);
    mt_begin(st);
    int64_t left = st->steps;
    int answer = st->host.call(st->host.context, function, token, st->in, (uint32_t)count);
    mt_charge(st, 4);
    mt_settle_or_raise(L, left - st->steps);
    if (answer == MT_RAISE) raise_failure(L);
    if (!st->next_wanted) return mt_give_all(L, 0);
    st->written++; /* a function of Lua that nobody examined */
    token = st->next_token;
    bool is_chunk = st->next_is_chunk;
    lua_settop(L, base);
    int values = mt_give_all(L, 0);
    if (values == 0) luaL_error(L, "the host named no function to call");
    if (is_chunk) load_pushed_chunk(L);
    st->next_depth++;
    lua_call(L, values - 1, LUA_MULTRET);
    st->next_depth--;
    first = base + 1;
    count = lua_gettop(L) - base;
    if (count > MT_MAX_ARGUMENTS) lua_settop(L, base + (count = MT_MAX_ARGUMENTS));
  }
}

static int namespace_assign(lua_State *L);

/* `filter:any()` gives the namespace itself as the first argument. */
static void refuse_colon(lua_State *L) {
  lua_Debug ar;
  if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) return;
  lua_pushliteral(L, "__newindex");
  lua_rawget(L, -2);
  if (lua_tocfunction(L, -1) == namespace_assign && lua_getstack(L, 0, &ar) && lua_getinfo(L, "n", &ar) &&
      strcmp(ar.namewhat, "method") == 0) {
    lua_getupvalue(L, -1, 1);
    luaL_error(L, "call it with a dot: %s.%s(...)", lua_tostring(L, -1), ar.name);
  }
  lua_pop(L, 2);
}

/* Upvalue 1: the host function's number; 2, if there is one: what scripts call it, "filter.any". */
int mt_host_function(lua_State *L) {
  refuse_colon(L);
  return mt_call_host(L, (uint32_t)lua_tointeger(L, lua_upvalueindex(1)), 1, lua_gettop(L));
}

void mt_push_host_function(lua_State *L, uint32_t function) {
  lua_pushinteger(L, function);
  lua_pushcclosure(L, mt_host_function, 1);
}

/* --- handles ------------------------------------------------------------------------------------------------------ */

static mt_handle *handle_of_type(lua_State *L, int index, uint32_t type) {
  mt_object *object = lua_type(L, index) == LUA_TUSERDATA ? lua_touserdata(L, index) : NULL;
  return object && object->kind == MT_OBJECT_HANDLE && object->type == type ? (mt_handle *)object : NULL;
}

void mt_new_handle(lua_State *L, uint32_t type, int64_t index) {
  mt_state *st = mt_of(L);
  if (type >= st->handle_count || !st->handles[type].name) luaL_error(L, "the host gave a handle of an unknown type");
  mt_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
  handle->object = (mt_object){MT_OBJECT_HANDLE, type};
  handle->index = index;
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->handles[type].metatable);
  lua_setmetatable(L, -2);
}

static void consider_keys(lua_State *L, mt_suggestion *s, int table) {
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    size_t length;
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    const char *name = lua_tolstring(L, -2, &length);
    mt_consider(s, name, length);
  }
}

static _Noreturn void raise_unknown_key(lua_State *L, int key, int names, const char *kind, const char *owner) {
  if (lua_type(L, key) != LUA_TSTRING) {
    luaL_error(L, "%s has no key of type %s", owner, luaL_typename(L, key));
    __builtin_unreachable();
  }
  size_t length;
  const char *wanted = lua_tolstring(L, key, &length);
  mt_suggestion s = mt_suggest_for(wanted, length);
  consider_keys(L, &s, names);
  mt_raise_unknown(L, &s, kind, owner);
}

/* Upvalues: type, members (name -> method closure, or number of a field's host function). */
static int handle_index(lua_State *L) {
  mt_handle_kind *kind = &mt_of(L)->handles[lua_tointeger(L, lua_upvalueindex(1))];
  lua_pushvalue(L, 2);
  switch (lua_rawget(L, lua_upvalueindex(2))) {
  case LUA_TFUNCTION: return 1;
  case LUA_TNUMBER: {
    uint32_t function = (uint32_t)lua_tointeger(L, -1);
    lua_settop(L, 1);
    return mt_call_host(L, function, 1, 1) ? 1 : 0;
  }
  default: break;
  }
  lua_settop(L, 2);
  if (kind->index != MT_NO_FUNCTION) return mt_call_host(L, kind->index, 1, 2) ? 1 : 0;
  lua_pushvalue(L, lua_upvalueindex(2));
  raise_unknown_key(L, 2, 3, "field", kind->name);
}

/* Pushes what a handle has under the name: a method, or the number of a field's host function. False: nothing, and nothing
   is pushed. */
bool mt_push_member(lua_State *L, int index, const char *name, size_t length) {
  const mt_handle *handle = lua_touserdata(L, index);
  if (!handle || handle->object.kind != MT_OBJECT_HANDLE || !lua_getmetatable(L, index)) return false;
  int top = lua_gettop(L);
  lua_getfield(L, top, "__index");
  if (lua_tocfunction(L, -1) == handle_index && lua_getupvalue(L, -1, 2)) {
    lua_pushlstring(L, name, length);
    lua_rawget(L, -2);
    lua_replace(L, top);
  } else {
    lua_pushnil(L);
    lua_replace(L, top);
  }
  lua_settop(L, top);
  if (!lua_isnil(L, top)) return true;
  lua_pop(L, 1);
  return false;
}

static int handle_assign(lua_State *L) {
  mt_handle_kind *kind = &mt_of(L)->handles[lua_tointeger(L, lua_upvalueindex(1))];
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
  return luaL_error(L, "cannot set '%s': %s is read-only", key, kind->name);
}

static int handle_equal(lua_State *L) {
  const mt_handle *a = lua_touserdata(L, 1), *b = lua_touserdata(L, 2);
  lua_pushboolean(L, a && b && a->object.kind == MT_OBJECT_HANDLE && b->object.kind == MT_OBJECT_HANDLE &&
                         a->object.type == b->object.type && a->index == b->index);
  return 1;
}

static int handle_unary(lua_State *L) { /* Lua passes the operand twice */
  return mt_call_host(L, (uint32_t)lua_tointeger(L, lua_upvalueindex(1)), 1, 1);
}

/* `pairs` over a handle. Upvalues: handle, position, serial of the call that made it: one from an earlier call has gone on
   since. */
int mt_enumerate(lua_State *L) {
  mt_state *st = mt_of(L);
  if (st->track.on && lua_tointeger(L, lua_upvalueindex(3)) != (lua_Integer)st->serial) mt_note_unsteady(st, "pairs");
  const mt_handle *handle = lua_touserdata(L, lua_upvalueindex(1));
  lua_Integer position = lua_tointeger(L, lua_upvalueindex(2));
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushinteger(L, position);
  lua_pushinteger(L, position + 1);
  lua_replace(L, lua_upvalueindex(2));
  int count = mt_call_host(L, st->handles[handle->object.type].enumerate, 1, 2);
  if (count == 3) { /* the host says itself where it goes on */
    lua_replace(L, lua_upvalueindex(2));
    count = 2;
  }
  if (count) return count;
  lua_pushnil(L);
  return 1;
}

static const char *const operator_names[MT_OPERATORS] = {"__band", "__bor", "__bxor", "__bnot", "__len"};

static void add_operators(lua_State *L, int metatable, const mt_handle_type *d, bool functions) {
  for (int i = 0; i < MT_OPERATORS; i++) {
    if (d->operators[i] == MT_NO_FUNCTION || (functions && i == MT_LEN)) continue;
    lua_pushinteger(L, d->operators[i]);
    lua_pushcclosure(L, i == MT_BNOT || i == MT_LEN ? handle_unary : mt_host_function, 1);
    lua_setfield(L, metatable, operator_names[i]);
  }
}

static void lock(lua_State *L, int metatable) {
  lua_pushboolean(L, 0);
  lua_setfield(L, metatable, "__metatable");
}

typedef struct handle_request {
  uint32_t type;
  const mt_handle_type *description;
} handle_request;

static int define_handle(lua_State *L) {
  mt_state *st = mt_of(L);
  const handle_request *request = lua_touserdata(L, 1);
  const mt_handle_type *d = request->description;
  mt_handle_kind *kind = &st->handles[request->type];
  lua_newtable(L); /* 2: metatable */
  lua_newtable(L); /* 3: members */
  for (uint32_t i = 0; i < d->field_count; i++) {
    lua_pushinteger(L, d->fields[i].function);
    lua_setfield(L, 3, d->fields[i].name);
  }
  for (uint32_t i = 0; i < d->method_count; i++) {
    mt_push_host_function(L, d->methods[i].function);
    lua_setfield(L, 3, d->methods[i].name);
  }
  lua_pushinteger(L, request->type);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, handle_index, 2);
  lua_setfield(L, 2, "__index");
  lua_pushinteger(L, request->type);
  lua_pushcclosure(L, handle_assign, 1);
  lua_setfield(L, 2, "__newindex");
  lua_pushcfunction(L, handle_equal);
  lua_setfield(L, 2, "__eq");
  lua_pushstring(L, d->name);
  lua_setfield(L, 2, "__name");
  add_operators(L, 2, d, false);
  lock(L, 2);
  if (d->claims_functions) { /* one metatable for all functions of the state */
    lua_newtable(L);
    add_operators(L, 4, d, true);
    lock(L, 4);
    lua_pushcfunction(L, handle_equal);
    lua_pushvalue(L, 4);
    lua_setmetatable(L, -2);
  }
  lua_settop(L, 2);
  kind->metatable = luaL_ref(L, LUA_REGISTRYINDEX);
  kind->index = d->index;
  kind->enumerate = d->enumerate;
  kind->describe = d->describe;
  return 0;
}

int mt_define_handle_type(mt_state *st, uint32_t type, const mt_handle_type *description) {
  if (type >= st->handle_count) return MT_RUNTIME;
  char *name = strdup(description->name);
  if (!name) return MT_MEMORY;
  handle_request request = {type, description};
  int status = mt_protect(st, define_handle, &request);
  if (status == MT_OK) st->handles[type].name = name;
  else free(name);
  return status;
}

bool mt_is_handle_of(lua_State *L, int index, uint32_t type) { return handle_of_type(L, index, type) != NULL; }

/* --- namespaces: read-only for scripts by a metatable over an ordinary table --------------------------------------- */

/* Upvalue 1: the namespace's name. Only reached for names that are not there. */
static int namespace_index(lua_State *L) {
  raise_unknown_key(L, 2, 1, "name", lua_tostring(L, lua_upvalueindex(1)));
}

static int namespace_assign(lua_State *L) {
  return luaL_error(L, "'%s' is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

/* Moves the names of the table into one of their own, and pushes that: an assignment to an empty table always asks
   `__newindex`, to a name that is there it never does. */
static void move_names(lua_State *L, int table) {
  lua_newtable(L);
  int names = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, names);
  }
  for (lua_pushnil(L); lua_next(L, names); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushnil(L);
    lua_rawset(L, table);
  }
}

/* `strict`: a name that is not there is an error. Tables within, `policy.args`, are locked but not strict. */
static void lock_names(lua_State *L, int table, const char *name, bool strict) {
  luaL_checkstack(L, 10, "nested too deeply");
  table = lua_absindex(L, table);
  move_names(L, table);
  int names = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, names); lua_pop(L, 1)) {
    if (!lua_istable(L, -1)) continue;
    const char *inner = lua_pushfstring(L, "%s.%s", name, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?");
    lock_names(L, -2, inner, false);
    lua_pop(L, 1);
  }
  lua_createtable(L, 0, 3);
  lua_pushvalue(L, names);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, name);
  lua_pushcclosure(L, namespace_assign, 1);
  lua_setfield(L, -2, "__newindex");
  lock(L, lua_gettop(L));
  lua_setmetatable(L, table);
  if (strict) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, name);
    lua_pushcclosure(L, namespace_index, 1);
    lua_setfield(L, -2, "__index");
    lock(L, lua_gettop(L));
    lua_setmetatable(L, names);
  }
  lua_settop(L, names - 1);
}

void mt_lock_namespace(lua_State *L, int table, const char *name) { lock_names(L, table, name, true); }

/* Where the names of a locked table are: puts that table in its place at `index`; leaves any other as it is. */
void mt_see_names(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return;
  lua_pushliteral(L, "__newindex");
  lua_rawget(L, -2);
  bool is_locked = lua_tocfunction(L, -1) == namespace_assign;
  lua_pop(L, 1);
  if (is_locked) {
    lua_pushliteral(L, "__index");
    lua_rawget(L, -2);
    lua_replace(L, index);
  }
  lua_pop(L, 1);
}
