/* Live values: what a slot of Lua's memory holds now, as a fact that the proof hangs on, and whether the facts still hold. */

#include "examine.h"

#include <string.h>

/* Of functions in C, by the name that scripts call them. */
static const struct {
  const char *name;
  enum rule rule;
} rules[] = {
    {"pcall", CALLS},          {"table.sort", SORTS},        {"table.insert", CHANGES}, {"table.remove", CHANGES},
    {"table.move", MOVES},     {"table.pack", MAKES_TABLE},  {"string.gsub", REPLACES}, {"string.gmatch", ITERATES_PLAIN},
    {"utf8.codes", ITERATES_PLAIN}, {"pairs", ITERATES},     {"ipairs", ITERATES},      {"tostring", COMPUTES_PLAIN},
    {"tonumber", COMPUTES_PLAIN}, {"type", COMPUTES_PLAIN},  {"rawlen", COMPUTES_PLAIN}, {"rawequal", COMPUTES_PLAIN},
    {"table.concat", COMPUTES_PLAIN},
};

/* The number of the value on top of the stack, which stays there. */
uint32_t mtx_number_of(examiner *x) {
  lua_State *L = x->L;
  lua_pushvalue(L, -1);
  lua_rawget(L, x->heap);
  uint32_t number = (uint32_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (number) return number;
  number = ++x->heap_count;
  lua_pushvalue(L, -1);
  lua_rawseti(L, x->heap, number);
  lua_pushvalue(L, -1);
  lua_pushinteger(L, number);
  lua_rawset(L, x->heap);
  return number;
}

enum rule mtx_rule_named(const char *name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (strcmp(rules[i].name, name) == 0) return rules[i].rule;
  bool is_plain = strncmp(name, "string.", 7) == 0 || strncmp(name, "math.", 5) == 0 || strncmp(name, "utf8.", 5) == 0;
  return is_plain ? COMPUTES_PLAIN : COMPUTES;
}

/* What is known of the value on top of the stack, which stays there. */
static value seen(examiner *x) {
  lua_State *L = x->L;
  switch (lua_type(L, -1)) {
  case LUA_TTABLE: return (value){TABLE, 0, 0, mtx_number_of(x)};
  case LUA_TFUNCTION:
    if (!lua_iscfunction(L, -1)) return (value){FUNCTION, 0, 0, mtx_number_of(x)};
    value v = native(mtx_rule_named(mt_native_name(L, lua_gettop(L))));
    v.id = mtx_number_of(x);
    return v;
  case LUA_TUSERDATA: return (value){PLAIN, 0, 0, mtx_number_of(x)};
  default: return plain;
  }
}

static bool is_known(examiner *x, uint32_t owner, const void *key, int number) {
  for (int i = 0; i < x->fact_count; i++)
    if (x->known[i].owner == owner && x->known[i].key == key && x->known[i].number == number) return true;
  return false;
}

/* The slot of the owner that the key names holds the value on top: nil is stood for by the list itself. */
static void add_fact(examiner *x, uint32_t owner, int key, const void *pointer, int number) {
  lua_State *L = x->L;
  if (is_known(x, owner, pointer, number)) return;
  if (x->fact_count == MAX_FACTS) {
    mtx_complain(x, NULL, 0, "depends on too much to be followed");
    return;
  }
  x->known[x->fact_count].owner = owner;
  x->known[x->fact_count].key = pointer;
  x->known[x->fact_count].number = number;
  int at = 3 * x->fact_count++;
  lua_rawgeti(L, x->heap, owner);
  lua_rawseti(L, x->list, at + 1);
  if (pointer) lua_pushvalue(L, key);
  else lua_pushinteger(L, number);
  lua_rawseti(L, x->list, at + 2);
  lua_pushvalue(L, lua_isnil(L, -1) ? x->list : -1);
  lua_rawseti(L, x->list, at + 3);
}

/* A field of a live table by a constant key. */
value mtx_live_field(examiner *x, uint32_t table, const mt_constant *name, int number) {
  lua_State *L = x->L;
  lua_rawgeti(L, x->heap, table);
  mt_see_names(L, -1);
  uint32_t owner = mtx_number_of(x);
  if (name) lua_pushlstring(L, name->text, name->length);
  else lua_pushinteger(L, number);
  int key = lua_gettop(L);
  lua_pushvalue(L, key);
  lua_rawget(L, key - 1);
  add_fact(x, owner, key, name ? lua_topointer(L, key) : NULL, number);
  value v = seen(x);
  lua_settop(L, key - 2);
  return v;
}

value mtx_upvalue(examiner *x, uint32_t at, unsigned index) {
  lua_State *L = x->L;
  const frame *f = &x->frames[at];
  if ((int)index >= f->p->upvalue_count) return unknown;
  if (!f->live) {
    const mt_upvalue *u = &f->p->upvalues[index];
    return u->in_stack ? unknown : mtx_upvalue(x, f->parent, u->index);
  }
  lua_rawgeti(L, x->heap, f->live);
  if (!lua_getupvalue(L, -1, (int)index + 1)) {
    lua_pop(L, 1);
    return unknown;
  }
  add_fact(x, f->live, 0, NULL, -(int)index - 1);
  value v = seen(x);
  lua_pop(L, 2);
  return v;
}

/* --- do the facts still hold? ------------------------------------------------------------------------------------- */

typedef struct facts_request {
  int32_t facts;
  bool hold;
} facts_request;

static int drop_facts(lua_State *L) {
  luaL_unref(L, LUA_REGISTRYINDEX, *(const int32_t *)lua_touserdata(L, 1));
  return 0;
}

void mt_drop_facts(mt_state *st, int32_t facts) { mt_protect(st, drop_facts, &facts); }

static int compare_facts(lua_State *L) {
  facts_request *request = lua_touserdata(L, 1);
  request->hold = false;
  if (lua_rawgeti(L, LUA_REGISTRYINDEX, request->facts) != LUA_TTABLE) return 0;
  int list = lua_gettop(L);
  for (lua_Integer at = 1; lua_rawgeti(L, list, at) != LUA_TNIL; at += 3) {
    bool is_function = lua_isfunction(L, -1);
    lua_rawgeti(L, list, at + 1);
    if (is_function) {
      if (!lua_getupvalue(L, -2, (int)-lua_tointeger(L, -1))) return 0;
    } else {
      lua_rawget(L, -2);
    }
    lua_rawgeti(L, list, at + 2);
    if (lua_rawequal(L, -1, list) ? !lua_isnil(L, -2) : !lua_rawequal(L, -1, -2)) return 0;
    lua_settop(L, list);
  }
  request->hold = true;
  return 0;
}

bool mt_holds(mt_state *st, int32_t function, const mt_examination *examination) {
  facts_request request = {examination->facts, false};
  bool hold = examination->fact_count == 0 || (mt_protect(st, compare_facts, &request) == MT_OK && request.hold);
  mt_trust(st, function, hold, examination->is_short);
  return hold;
}
