/* May a function's answer be remembered? Its bytecode is followed, and all that it calls, with what is known of each
   register: a value of no concern, a lent record, a table made in this call, a live table or function.

   What is proved of a function that passes (`writes` is false):
    1. It changes nothing that outlives the call: no upvalue, no table but those it made in this very call, neither itself
       nor any function of Lua that it can reach. Calls of what is not known beforehand count as changes.
    2. So it keeps nothing either: a record may be lent to it again and again (invariant 6 of CLuaShims.h).
    3. What it is made of, helpers and the tables they are found in, is listed as facts: "this slot holds this value". The
       proof holds as long as the facts do; `mt_holds` looks whether they do.
    4. `open` says whether it may read more of Lua's memory than the facts, such as the entries of a table.
    5. `is_short`: no instruction is met twice in a call, and no function of Lua is called. Its length bounds its steps, so
       that they need not be counted; functions in C charge and look at the limits themselves.
   There is no hidden code: metamethods are the host's and are written in C. What functions in C do is looked at while they
   run (track.c); only those that change tables or call functions of Lua are known here by name.

   What is proved nowhere is taken for the worst: bytecode that cannot be read, an opcode not in the list, too much of
   anything. Registers are joined where paths meet until nothing changes; what is complained about is found afterwards. */

#include "examine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- frames ------------------------------------------------------------------------------------------------------- */

static uint32_t add_frame(examiner *x, frame f) {
  for (uint32_t i = 0; i < x->frame_count; i++)
    if (x->frames[i].p == f.p && x->frames[i].live == f.live && x->frames[i].parent == f.parent) return i;
  if (x->frame_count == MAX_FRAMES) {
    mtx_complain(x, NULL, 0, "is made of too many functions to be followed");
    return 0;
  }
  x->frames[x->frame_count] = f;
  return x->frame_count++;
}

/* The frame of a live function of Lua. */
uint32_t mtx_live_frame(examiner *x, uint32_t id) {
  lua_State *L = x->L;
  lua_Debug ar;
  for (uint32_t i = 0; i < x->frame_count; i++)
    if (x->frames[i].live == id) return i;
  if (x->read_count == MAX_FRAMES) {
    mtx_complain(x, NULL, 0, "is made of too many functions to be followed");
    return 0;
  }
  lua_rawgeti(L, x->heap, id);
  if (!mt_read_bytecode(L, lua_gettop(L), &x->read[x->read_count])) {
    mtx_complain(x, NULL, 0, "is too long to be followed");
    lua_pop(L, 1);
    return 0;
  }
  frame f = {x->read[x->read_count++].root, id, 0, ""};
  lua_getinfo(L, ">S", &ar);
  snprintf(f.chunk, sizeof f.chunk, "%s", *ar.source == '@' || *ar.source == '=' ? ar.source + 1 : "chunk");
  return add_frame(x, f);
}

value mtx_made_closure(examiner *x, uint32_t at, unsigned child) {
  const frame *f = &x->frames[at];
  if ((int)child >= f->p->child_count) return unknown;
  frame made = {f->p->children[child], 0, at, ""};
  memcpy(made.chunk, f->chunk, sizeof made.chunk);
  return (value){CLOSURE, 0, 0, add_frame(x, made)};
}
/* --- one function ------------------------------------------------------------------------------------------------- */

/* Joins the state behind `pc` into that before `next`; true: something new. */
static bool flow(value *states, int width, const value *from, int count, int next) {
  bool is_new = false;
  if (next < 0 || next >= count) return false;
  value *to = states + (size_t)next * (size_t)width;
  for (int n = 0; n < width; n++) {
    value joined = mtx_join(to[n], from[n]);
    if (memcmp(&joined, &to[n], sizeof joined) == 0) continue;
    to[n] = joined;
    is_new = true;
  }
  return is_new;
}

static bool settle(examiner *x, uint32_t at, value *states, bool *reached) {
  const mt_prototype *p = x->frames[at].p;
  int width = p->registers, next[2];
  value now[256];
  for (bool again = true; again;) {
    again = false;
    for (int pc = 0; pc < p->code_count; pc++) {
      if (!reached[pc]) continue;
      if (++x->steps > MAX_STEPS) return false;
      memcpy(now, states + (size_t)pc * (size_t)width, (size_t)width * sizeof *now);
      if (!mtx_follow(x, at, pc, now)) return false;
      mtx_successors(p, pc, next);
      for (int n = 0; n < 2; n++) {
        if (next[n] < 0 || next[n] >= p->code_count) continue;
        bool is_new = flow(states, width, now, p->code_count, next[n]) || !reached[next[n]];
        reached[next[n]] = true;
        again = again || (is_new && next[n] <= pc);
      }
    }
  }
  return true;
}

static bool was_visited(examiner *x, const visit *v) {
  for (int i = 0; i < x->visit_count; i++)
    if (memcmp(&x->visits[i], v, sizeof *v) == 0) return true;
  if (x->visit_count == MAX_VISITS) {
    mtx_complain(x, NULL, 0, "is made of too many functions to be followed");
    return true;
  }
  x->visits[x->visit_count++] = *v;
  return false;
}

void mtx_enter(examiner *x, uint32_t at, const value *arguments, int count, bool is_whole) {
  visit v;
  if (x->result->writes) return;
  if (x->visit_count > 0) x->result->is_short = false;
  const mt_prototype *p = x->frames[at].p;
  memset(&v, 0, sizeof v);
  v.frame = at;
  for (int i = 0; i < MAX_ARGUMENTS && i < p->parameters; i++)
    v.arguments[i] = i < count && arguments[i].kind != NONE ? arguments[i] : is_whole && i >= count ? plain : unknown;
  if (was_visited(x, &v)) return;
  size_t width = p->registers, size = (size_t)p->code_count * width;
  if (size > MAX_STATES) {
    mtx_complain(x, NULL, 0, "is too long to be followed");
    return;
  }
  value *states = lua_newuserdatauv(x->L, (size + 1) * sizeof *states + (size_t)p->code_count, 0);
  bool *reached = (bool *)(states + size + 1);
  memset(states, 0, (size + 1) * sizeof *states + (size_t)p->code_count);
  for (int i = 0; i < (int)width; i++)
    states[i] = i >= p->parameters ? plain : i < MAX_ARGUMENTS ? v.arguments[i] : unknown;
  if (p->code_count > 0) reached[0] = true;
  luaL_checkstack(x->L, 24, "too many functions");
  x->depth++;
  if (x->depth > MAX_DEPTH || !settle(x, at, states, reached)) mtx_complain(x, NULL, 0, "is too long to be followed");
  for (int pc = 0; pc < p->code_count && !x->result->writes; pc++)
    if (reached[pc]) mtx_judge(x, at, pc, states + (size_t)pc * width);
  x->depth--;
  lua_pop(x->L, 1);
}

static int examine(lua_State *L) {
  examiner *x = lua_touserdata(L, 1);
  luaL_checkstack(L, 40, "too many functions");
  x->L = L;
  lua_newtable(L);
  x->heap = lua_gettop(L);
  lua_newtable(L);
  x->list = lua_gettop(L);
  if (lua_rawgeti(L, LUA_REGISTRYINDEX, x->function) != LUA_TFUNCTION || lua_iscfunction(L, -1)) {
    mtx_complain(x, NULL, 0, "is no function of the script");
    return 0;
  }
  uint32_t id = mtx_number_of(x);
  lua_pop(L, 1);
  uint32_t root = mtx_live_frame(x, id);
  value arguments[MAX_ARGUMENTS] = {{RECORD, 0, (uint16_t)x->record, 0}, unknown};
  if (x->frames[root].p && x->frames[root].p->code_count > MAX_SHORT) x->result->is_short = false;
  if (!x->result->writes) mtx_enter(x, root, arguments, 2, true);
  lua_pushvalue(L, x->list);
  x->facts = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

int mt_examine(mt_state *st, int32_t function, uint32_t record, mt_examination *result) {
  memset(result, 0, sizeof *result);
  examiner *x = calloc(1, sizeof *x);
  if (!x) return MT_MEMORY;
  x->st = st;
  x->function = function;
  x->record = record;
  x->facts = LUA_NOREF;
  x->result = result;
  result->is_short = true;
  int status = mt_protect(st, examine, x);
  for (uint32_t i = 0; i < x->read_count; i++) mt_free_bytecode(&x->read[i]);
  result->facts = x->facts;
  result->fact_count = (uint32_t)x->fact_count;
  free(x);
  if (status != MT_OK && status != MT_BUSY) {
    result->writes = true;
    snprintf(result->reason, sizeof result->reason, "could not be examined");
  }
  if (result->writes) result->is_short = false;
  mt_trust(st, function, status == MT_OK && !result->writes, result->is_short);
  return status;
}
