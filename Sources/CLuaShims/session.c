/* Interactive use: chunks that come one by one share the globals; their results are kept as views, tables that the host
   looks into one level at a time, so that cycles and great tables are its own to judge. */

#include "state.h"

#include <string.h>

/* The view's table is known by its number as long as views last; the same table has the same number. */
static uint32_t view_of(lua_State *L, int index) {
  mt_state *st = mt_of(L);
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, "too many values");
  if (st->views == LUA_NOREF) {
    lua_newtable(L);
    st->views = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    st->view_numbers = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->view_numbers);
  lua_pushvalue(L, index);
  if (lua_rawget(L, -2) == LUA_TNUMBER) {
    uint32_t known = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return known;
  }
  lua_pop(L, 1);
  uint32_t number = st->view_count + 1;
  lua_pushvalue(L, index);
  lua_pushinteger(L, number);
  lua_rawset(L, -3);
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->views);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, number);
  lua_pop(L, 2);
  return st->view_count = number;
}

static void forget_views(lua_State *L) {
  mt_state *st = mt_of(L);
  luaL_unref(L, LUA_REGISTRYINDEX, st->views);
  luaL_unref(L, LUA_REGISTRYINDEX, st->view_numbers);
  st->views = st->view_numbers = LUA_NOREF;
  st->view_count = 0;
}

static int forget_inside(lua_State *L) {
  forget_views(L);
  return 0;
}

int mt_forget_views(mt_state *st) { return mt_protect(st, forget_inside, NULL); }

/* --- evaluating --------------------------------------------------------------------------------------------------- */

typedef struct evaluation {
  const char *source, *chunk;
  size_t length;
  bool apart, incomplete;
  int32_t function;
  uint32_t results, count;
} evaluation;

/* The message on top of the stack says that the text ended too early; a string in quotes cannot go on in a new line. */
static bool wants_more(lua_State *L) {
  static const char mark[] = "<eof>";
  size_t length, end = sizeof mark - 1;
  const char *message = lua_tolstring(L, -1, &length);
  return length >= end && strcmp(message + length - end, mark) == 0 && !strstr(message, ": unfinished string near ");
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The text's first word is one that only statements begin with. */
static bool begins_statement(const evaluation *e) {
  static const char *const words[] = {"local", "for",    "if", "while", "repeat",
                                      "do",    "return", "goto", "break", "function"};
  const char *p = e->source, *end = e->source + e->length;
  while (p < end && is_space(*p)) p++;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t length = strlen(words[i]);
    if ((size_t)(end - p) > length && memcmp(p, words[i], length) == 0 && is_space(p[length])) return true;
  }
  return false;
}

/* Two messages on top of the stack, the expression's and the statement's: the former knows more if the statement failed
   where it began, and the expression did not just end. */
static bool expression_knows_more(lua_State *L, const evaluation *e) {
  if (begins_statement(e)) return false;
  return strstr(lua_tostring(L, -1), ": unexpected symbol near ") && !strstr(lua_tostring(L, -2), ": <eof> expected ");
}

static int compile_as_expression(lua_State *L, const evaluation *e) {
  lua_pushliteral(L, "return ");
  lua_pushlstring(L, e->source, e->length);
  lua_concat(L, 2);
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  int status = mt_try_compile(L, text, length, e->chunk);
  lua_remove(L, -2);
  return status;
}

/* Pushes the function. Of the two messages the one is raised that is about more of the text. */
static bool compile(lua_State *L, evaluation *e) {
  mt_state *st = mt_of(L);
  st->syntax = true;
  st->was_expression = compile_as_expression(L, e) == LUA_OK;
  if (!st->was_expression) {
    e->incomplete = wants_more(L);
    if (mt_try_compile(L, e->source, e->length, e->chunk) != LUA_OK) {
      e->incomplete = e->incomplete || wants_more(L);
      if (e->incomplete) return false;
      if (expression_knows_more(L, e)) lua_pop(L, 1);
      lua_error(L);
    }
    e->incomplete = false;
    lua_remove(L, -2);
  }
  st->syntax = false;
  return true;
}

/* The values from `first` on, as one table and one view. */
static void keep_results(lua_State *L, int first, evaluation *e) {
  e->count = (uint32_t)(lua_gettop(L) - first + 1);
  lua_createtable(L, (int)e->count, 0);
  lua_insert(L, first);
  for (uint32_t i = e->count; i > 0; i--) lua_rawseti(L, first, i);
  e->results = view_of(L, first);
}

static int evaluate_inside(lua_State *L) {
  evaluation *e = lua_touserdata(L, 1);
  forget_views(L);
  if (!compile(L, e)) return 0;
  int function = lua_gettop(L);
  if (e->apart) {
    mt_push_fresh_environment(L);
    if (!lua_setupvalue(L, function, 1)) lua_pop(L, 1);
  }
  lua_call(L, 0, LUA_MULTRET);
  if (!e->apart && lua_gettop(L) >= function && !lua_isnil(L, function)) {
    lua_pushglobaltable(L);
    lua_pushliteral(L, "_");
    lua_pushvalue(L, function);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  keep_results(L, function, e);
  return 0;
}

int mt_evaluate(mt_state *st, const char *source, size_t length, const char *chunk, bool apart,
                const mt_limits *limits, uint32_t *results, uint32_t *count) {
  mt_value none;
  if (st->running) return MT_BUSY;
  int32_t line = 1;
  *results = *count = 0;
  const char *fault = mt_check_source(source ? source : "", length, &line);
  if (fault) {
    mt_report_text(st, fault);
    st->error.line = line;
    mt_clean(st->error.chunk, sizeof st->error.chunk, chunk, strlen(chunk), false);
    return MT_SYNTAX;
  }
  mt_remember_chunk(st, chunk);
  st->print_left = INT64_MAX; /* whoever types can stop it */
  evaluation e = {.source = source ? source : "", .length = length, .chunk = chunk, .apart = apart};
  int status = mt_run(st, evaluate_inside, &e, limits, true, &none);
  if (status != MT_OK) return status;
  *results = e.results;
  *count = e.count;
  return e.incomplete ? MT_INCOMPLETE : MT_OK;
}

bool mt_was_expression(const mt_state *st) { return st->was_expression; }

static int call_inside(lua_State *L) {
  evaluation *e = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, e->function);
  int first = lua_gettop(L);
  lua_call(L, mt_give_all(L, 0), LUA_MULTRET);
  keep_results(L, first, e);
  return 0;
}

int mt_call_for_view(mt_state *st, int32_t function, const mt_limits *limits, uint32_t *results, uint32_t *count) {
  mt_value none;
  if (st->running) return MT_BUSY;
  evaluation e = {.function = function};
  int status = mt_run(st, call_inside, &e, limits, false, &none);
  *results = e.results;
  *count = e.count;
  return status;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static void see_function(lua_State *L, int index, mt_value *value) {
  lua_Debug ar;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &ar);
  value->kind = MT_FUNCTION;
  value->flag = *ar.what == 'C';
  value->count = ar.linedefined > 0 ? (uint32_t)ar.linedefined : 0;
  value->bytes = *ar.source == '@' || *ar.source == '=' ? ar.source + 1 : "";
  if (value->flag) {
    bool is_named = lua_tocfunction(L, index) == mt_host_function && lua_getupvalue(L, index, 2);
    value->bytes = is_named ? lua_tostring(L, -1) : "";
    if (is_named) lua_pop(L, 1);
  }
  value->length = strlen(value->bytes);
}

static void see_object(lua_State *L, int index, mt_value *value) {
  mt_state *st = mt_of(L);
  const mt_object *object = lua_touserdata(L, index);
  value->type = (uint16_t)object->type;
  if (object->kind == MT_OBJECT_HANDLE) {
    value->kind = MT_HANDLE;
    value->integer = ((const mt_handle *)object)->index;
    return;
  }
  const mt_record *record = (const mt_record *)object;
  if (mt_is_fresh(st, record)) {
    value->kind = MT_RECORD;
    value->base = record->base;
    value->flag = record->serial == MT_PINNED;
    return;
  }
  value->kind = MT_OTHER;
  value->bytes = st->records[object->type].stale;
  value->length = strlen(value->bytes);
}

/* May make a view, so `at` is a number: the array can move. */
static void see(lua_State *L, int index, uint32_t at) {
  mt_value value = {0};
  switch (lua_type(L, index)) {
  case LUA_TNIL: value.kind = MT_NIL; break;
  case LUA_TBOOLEAN:
    value.kind = MT_BOOLEAN;
    value.integer = lua_toboolean(L, index);
    break;
  case LUA_TNUMBER: mt_take_number(L, index, &value); break;
  case LUA_TSTRING:
    value.kind = MT_STRING;
    value.bytes = lua_tolstring(L, index, &value.length);
    break;
  case LUA_TTABLE:
    value.kind = MT_TABLE;
    value.integer = view_of(L, index);
    value.count = (uint32_t)lua_rawlen(L, index);
    break;
  case LUA_TFUNCTION: see_function(L, index, &value); break;
  case LUA_TUSERDATA: see_object(L, index, &value); break;
  default:
    value.kind = MT_OTHER;
    value.bytes = luaL_typename(L, index);
    value.length = strlen(value.bytes);
  }
  mt_of(L)->in[at] = value;
}

typedef struct view_request {
  uint32_t view;
  uint64_t total;
  int64_t key;
  int32_t reference;
} view_request;

static void push_view(lua_State *L, uint32_t view) {
  mt_state *st = mt_of(L);
  if (view == 0) {
    lua_pushglobaltable(L);
    return;
  }
  if (st->views == LUA_NOREF) luaL_error(L, "there is no such view");
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->views);
  if (lua_rawgeti(L, -1, view) != LUA_TTABLE) luaL_error(L, "there is no such view");
}

static int find_function(lua_State *L) {
  view_request *request = lua_touserdata(L, 1);
  push_view(L, request->view);
  if (lua_rawgeti(L, -1, request->key) != LUA_TFUNCTION) return luaL_error(L, "there is no function");
  request->reference = mt_function_reference(L, -1);
  return 0;
}

int mt_view_function(mt_state *st, uint32_t view, int64_t key, int32_t *reference) {
  view_request request = {.view = view, .key = key};
  int status = mt_protect(st, find_function, &request);
  *reference = request.reference;
  return status;
}

static int look(lua_State *L) {
  enum { MOST = MT_MAX_VALUES / 2 };
  mt_state *st = mt_of(L);
  view_request *request = lua_touserdata(L, 1);
  push_view(L, request->view);
  int table = lua_gettop(L);
  mt_see_names(L, table); /* of a namespace of the host */
  request->total = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) request->total++;
  uint32_t pairs = request->total < MOST ? (uint32_t)request->total : MOST, next = 0;
  mt_reserve_in(L, 2 * pairs);
  st->in_count = 2 * pairs;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (next == 2 * pairs) break;
    see(L, table + 1, next);
    see(L, table + 2, next + 1);
    next += 2;
  }
  return 0;
}

int mt_view(mt_state *st, uint32_t view, const mt_value **pairs, uint32_t *count, uint64_t *total) {
  view_request request = {.view = view};
  *count = 0;
  int status = mt_protect(st, look, &request);
  if (status != MT_OK) return status;
  *pairs = st->in;
  *count = st->in_count / 2;
  *total = request.total;
  return MT_OK;
}
