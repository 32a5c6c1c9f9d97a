/* A state's life, and the ways into it. */

#include "state.h"

#include <stdlib.h>
#include <string.h>

/* Never reached while the invariants hold: an error outside of lua_pcall. */
static int on_panic(lua_State *L) {
  (void)L;
  abort();
}

/* The stack at rest: 1 the message handler, 2 the last result. */
enum { HANDLER = 1, RESULT = 2 };

int mt_protect(mt_state *st, lua_CFunction body, void *request) {
  lua_State *L = st->L;
  if (st->running) return MT_BUSY;
  static const mt_limits none = {INT64_MAX, INT64_MAX, INT64_MAX};
  lua_settop(L, HANDLER);
  mt_arm(st, &none, true);
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, request);
  int status = mt_report(st, lua_pcall(L, 1, 0, HANDLER));
  lua_settop(L, HANDLER);
  st->fatal = 0;
  return status;
}

static int open_inside(lua_State *L) {
  mt_state *st = mt_of(L);
  lua_newtable(L);
  st->functions = luaL_ref(L, LUA_REGISTRYINDEX);
  mt_open_id_tables(L);
  lua_newtable(L);
  st->spaces = luaL_ref(L, LUA_REGISTRYINDEX);
  mt_build_environment(L);
  return 0;
}

mt_state *mt_open(const mt_host *host, size_t memory, uint64_t fail_from) {
  mt_state *st = calloc(1, sizeof *st);
  if (!st) return NULL;
  st->host = *host;
  st->live_limit = memory;
  st->fail_from = fail_from;
  st->fail_count = UINT64_MAX;
  st->allocated_limit = INT64_MAX;
  st->serial = st->written = 1;
  st->random = 0x4D6F6F6E746170; /* fixed: audits repeat */
  st->print_left = MT_PRINT_QUOTA;
  st->views = st->view_numbers = LUA_NOREF;
  lua_State *L = lua_newstate(mt_allocate, st);
  if (!L) {
    free(st);
    return NULL;
  }
  lua_atpanic(L, on_panic);
  *(mt_state **)lua_getextraspace(L) = st;
  st->L = L;
  lua_pushcfunction(L, mt_message_handler);
  if (mt_protect(st, open_inside, NULL) == MT_OK) return st;
  mt_close(st);
  return NULL;
}

void mt_close(mt_state *st) {
  lua_sethook(st->L, NULL, 0, 0);
  lua_close(st->L);
  for (uint32_t i = 0; i < st->record_count; i++) {
    free(st->records[i].name);
    free(st->records[i].entries);
    free(st->records[i].names);
  }
  for (uint32_t i = 0; i < st->handle_count; i++) free(st->handles[i].name);
  free(st->records);
  free(st->handles);
  free(st->in);
  free(st->out);
  free(st->out_bytes);
  free(st->chunks);
  free(st->known);
  for (uint32_t i = 0; i < st->native_count; i++) free(st->natives[i].name);
  free(st->natives);
  mt_forget_coverage(st);
  free(st->texts);
  free(st);
}

void mt_set_context(mt_state *st, void *context) { st->host.context = context; }

/* --- the library's names ------------------------------------------------------------------------------------------ */

int mt_reserve_types(mt_state *st, uint32_t handles, uint32_t records) {
  if (st->handles || st->records) return MT_RUNTIME;
  st->handles = calloc(handles + 1, sizeof *st->handles);
  st->records = calloc(records + 1, sizeof *st->records);
  if (!st->handles || !st->records) return MT_MEMORY;
  st->handle_count = handles;
  st->record_count = records;
  return MT_OK;
}

typedef struct name_request {
  const char *space, *name;
  uint32_t function;
} name_request;

/* Pushes the globals or the namespace, which is made when first named. */
static void push_space(lua_State *L, const char *space) {
  lua_pushglobaltable(L);
  if (!space) return;
  lua_pushstring(L, space);
  if (lua_rawget(L, -2) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushstring(L, space);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
    lua_rawgeti(L, LUA_REGISTRYINDEX, mt_of(L)->spaces);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, space);
    lua_pop(L, 1);
  }
  lua_remove(L, -2);
}

static int add_function(lua_State *L) {
  const name_request *request = lua_touserdata(L, 1);
  push_space(L, request->space);
  lua_pushstring(L, request->name);
  lua_pushinteger(L, request->function);
  lua_pushfstring(L, "%s%s%s", request->space ? request->space : "", request->space ? "." : "", request->name);
  lua_pushcclosure(L, mt_host_function, 2);
  lua_rawset(L, -3);
  return 0;
}

int mt_add_function(mt_state *st, const char *space, const char *name, uint32_t function) {
  name_request request = {space, name, function};
  return mt_protect(st, add_function, &request);
}

static int add_value(lua_State *L) {
  const name_request *request = lua_touserdata(L, 1);
  push_space(L, request->space);
  lua_pushstring(L, request->name);
  if (mt_give_all(L, 0) != 1) return luaL_error(L, "one value was expected");
  lua_rawset(L, -3);
  return 0;
}

int mt_add_value(mt_state *st, const char *space, const char *name) {
  name_request request = {space, name, 0};
  return mt_protect(st, add_value, &request);
}

void mt_lock_namespace(lua_State *L, int table, const char *name);

static int seal(lua_State *L) {
  mt_state *st = mt_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->spaces);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) mt_lock_namespace(L, -1, lua_tostring(L, -2));
  for (uint32_t i = 0; i < st->record_count; i++) {
    if (!st->records[i].name) return luaL_error(L, "record type %d is declared but not defined", (int)i);
    st->records[i].lent = mt_new_record(L, i);
    st->records[i].object = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  mt_keep_environment(L);
  st->sealed = true;
  return 0;
}

int mt_seal(mt_state *st) { return mt_protect(st, seal, NULL); }

bool mt_is_running(const mt_state *st) { return st->running; }

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void enter(mt_state *st, const mt_limits *limits, bool counts) {
  lua_settop(st->L, HANDLER);
  mt_arm(st, limits, counts);
  st->running = true;
  st->serial++;
}

/* A call that may change anything in Lua's memory. */
static void enter_freely(mt_state *st, const mt_limits *limits) {
  enter(st, limits, true);
  st->written++;
}

static int collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

static int leave(mt_state *st, int status, mt_value *result) {
  lua_State *L = st->L;
  st->running = false;
  st->track.on = false;
  st->serial++; /* what was lent is stale now */
  if (status == LUA_OK) {
    mt_read_result(L, RESULT, result);
    return MT_OK;
  }
  int reported = mt_report(st, status);
  memset(result, 0, sizeof *result);
  st->fatal = 0;
  lua_settop(L, HANDLER);
  lua_sethook(L, NULL, 0, 0);
  if (reported == MT_MEMORY) {
    mt_error kept = st->error;
    mt_protect(st, collect, NULL);
    st->error = kept;
  }
  return reported;
}

typedef struct load_request {
  const char *source, *chunk;
  size_t length;
} load_request;

static int load_and_run(lua_State *L) {
  mt_state *st = mt_of(L);
  const load_request *request = lua_touserdata(L, 1);
  st->syntax = true;
  mt_compile(L, request->source, request->length, request->chunk);
  st->syntax = false;
  lua_call(L, 0, 1);
  return 1;
}

int mt_load(mt_state *st, const char *source, size_t length, const char *chunk, const mt_limits *limits,
            mt_value *result) {
  memset(result, 0, sizeof *result);
  if (st->running) return MT_BUSY;
  int32_t line = 1;
  const char *fault = mt_check_source(source ? source : "", length, &line);
  if (fault) {
    mt_report_text(st, fault);
    st->error.line = line;
    mt_clean(st->error.chunk, sizeof st->error.chunk, chunk, strlen(chunk), false);
    return MT_SYNTAX;
  }
  mt_remember_chunk(st, chunk);
  load_request request = {source ? source : "", chunk, length};
  return mt_run(st, load_and_run, &request, limits, true, result);
}

/* Calls `body`, one of ours, under limits; its first result is the call's. `compiles`: that takes time, too. */
int mt_run(mt_state *st, lua_CFunction body, void *request, const mt_limits *limits, bool compiles, mt_value *result) {
  enter_freely(st, limits);
  if (compiles) mt_start_clock(st);
  lua_pushcfunction(st->L, body);
  lua_pushlightuserdata(st->L, request);
  return leave(st, lua_pcall(st->L, 1, 1, HANDLER), result);
}

static int call_with_values(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, *(const int32_t *)lua_touserdata(L, 1));
  int count = mt_give_all(L, 0);
  lua_call(L, count, 1);
  return 1;
}

int mt_call(mt_state *st, int32_t function, const mt_limits *limits, mt_value *result) {
  memset(result, 0, sizeof *result);
  if (st->running) return MT_BUSY;
  enter_freely(st, limits);
  lua_pushcfunction(st->L, call_with_values);
  lua_pushlightuserdata(st->L, &function);
  return leave(st, lua_pcall(st->L, 1, 1, HANDLER), result);
}

typedef struct record_call {
  int32_t function, pinned;
  uint32_t type;
  const void *base;
} record_call;

/* What this call lends may be kept, so the next one must not make it valid again. */
static int call_with_fresh_record(lua_State *L) {
  const record_call *request = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, request->function);
  mt_record *record = mt_new_record(L, request->type);
  record->base = request->base;
  record->serial = mt_of(L)->serial;
  if (request->pinned) lua_rawgeti(L, LUA_REGISTRYINDEX, request->pinned);
  lua_call(L, request->pinned ? 2 : 1, 1);
  return 1;
}

/* For functions that cannot keep it. Allocates nothing: the function, the record and the pinned value exist. */
static int call_with_lent_record(mt_state *st, const record_call *request) {
  lua_State *L = st->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, request->function);
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->records[request->type].object);
  mt_record *record = st->records[request->type].lent;
  record->base = request->base;
  record->serial = st->serial;
  if (request->pinned) lua_rawgeti(L, LUA_REGISTRYINDEX, request->pinned);
  return lua_pcall(L, request->pinned ? 2 : 1, 1, HANDLER);
}

int mt_call_record(mt_state *st, int32_t function, uint32_t type, const void *base, int32_t pinned,
                   const mt_limits *limits, mt_value *result) {
  lua_State *L = st->L;
  if (st->running || type >= st->record_count) {
    st->track.base = NULL;
    memset(result, 0, sizeof *result);
    return MT_BUSY;
  }
  bool is_sure = mt_is_sure(st, function);
  enter(st, limits, !is_sure || !mt_is_short(st, function) || limits->steps < MT_SHORT_STEPS);
  st->track.on = st->track.base == &st->track;
  st->track.base = base;
  record_call request = {function, pinned, type, base};
  if (!is_sure) st->written++;
  if (is_sure || mt_cannot_keep(st, function)) return leave(st, call_with_lent_record(st, &request), result);
  lua_pushcfunction(L, call_with_fresh_record);
  lua_pushlightuserdata(L, &request);
  return leave(st, lua_pcall(L, 1, 1, HANDLER), result);
}

/* --- references --------------------------------------------------------------------------------------------------- */

static int pin(lua_State *L) {
  int32_t *reference = lua_touserdata(L, 1);
  if (mt_give_all(L, 0) != 1) return luaL_error(L, "one value was expected");
  *reference = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

int mt_pin(mt_state *st, int32_t *reference) { return mt_protect(st, pin, reference); }

static int release(lua_State *L) {
  int reference = *(const int32_t *)lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, mt_of(L)->functions);
  if (lua_rawgeti(L, LUA_REGISTRYINDEX, reference) == LUA_TFUNCTION) {
    lua_pushnil(L);
    lua_rawset(L, -3);
  }
  luaL_unref(L, LUA_REGISTRYINDEX, reference);
  mt_forget_function(mt_of(L), reference);
  return 0;
}

int mt_release(mt_state *st, int32_t reference) { return mt_protect(st, release, &reference); }

/* --- questions ---------------------------------------------------------------------------------------------------- */

static int miscompiles(lua_State *L) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  luaL_addstring(&text, "local t = {");
  for (int i = 1; i <= 257; i++) {
    lua_pushfstring(L, "%d.5,", i);
    luaL_addvalue(&text);
  }
  luaL_addstring(&text, "} return (1 ~ (2 or 3)) ~= 3 or (1 << (2 or 3)) ~= 4");
  luaL_pushresult(&text);
  if (luaL_loadbufferx(L, lua_tostring(L, -1), lua_rawlen(L, -1), "=self-test", "t") != LUA_OK) return lua_error(L);
  lua_call(L, 0, 1);
  *(bool *)lua_touserdata(L, 1) = lua_toboolean(L, -1);
  return 0;
}

int mt_miscompiles_bit_operators(mt_state *st, bool *answer) { return mt_protect(st, miscompiles, answer); }

int mt_lua_version_number(void) { return LUA_VERSION_NUM; }

const char *mt_lua_release(void) { return LUA_RELEASE; }
