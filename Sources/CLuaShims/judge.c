/* What an instruction does beyond registers: what it writes, calls and reads; and how that is told. */

#include "examine.h"

#include <stdio.h>
#include <string.h>

/* --- what is said ------------------------------------------------------------------------------------------------- */

static void place(const examiner *x, const frame *f, int pc, char *text, size_t size) {
  int line = mt_line_of(f->p, pc);
  if (strcmp(f->chunk, x->frames[0].chunk) == 0) snprintf(text, size, "line %d", line);
  else snprintf(text, size, "%.100s:%d", f->chunk, line);
}

/* The first complaint is the one that is told. `%s` of the pattern is the place. */
void mtx_complain(examiner *x, const frame *f, int pc, const char *pattern, ...) {
  if (x->result->writes) return;
  x->result->writes = true;
  char where[MT_CHUNK_SIZE + 16];
  size_t size = sizeof x->result->reason;
  va_list arguments;
  va_start(arguments, pattern);
  int used = vsnprintf(x->result->reason, size, pattern, arguments);
  va_end(arguments);
  if (!f || used < 0 || (size_t)used >= size) return;
  place(x, f, pc, where, sizeof where);
  snprintf(x->result->reason + used, size - (size_t)used, " (%s)", where);
}

static void note_unsteady(examiner *x, const frame *f, int pc, const char *verb, const char *name, const char *more) {
  char where[MT_CHUNK_SIZE + 16];
  if (x->result->unsteady[0]) return;
  place(x, f, pc, where, sizeof where);
  snprintf(x->result->unsteady, sizeof x->result->unsteady, "%s %.80s (%s)%s", verb, name, where, more);
}

/* Names of fields, each once, with commas between. */
static void note_field(examiner *x, const char *name) {
  char *list = x->result->fields;
  size_t length = strlen(name), used = strlen(list);
  for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
    if ((at == list || at[-1] == ' ') && (at[length] == 0 || at[length] == ',')) return;
  if (used + length + 3 > sizeof x->result->fields) return;
  snprintf(list + used, sizeof x->result->fields - used, "%s%s", used ? ", " : "", name);
}
/* --- what an instruction does beyond registers -------------------------------------------------------------------- */


static void store(examiner *x, const frame *f, int pc, value table) {
  if (table.kind != OWN) mtx_complain(x, f, pc, "writes into a table that it did not make");
}

/* `n = n + 1`: the value comes from the same upvalue a few instructions before. */
static bool is_counting(const mt_prototype *p, int pc) {
  unsigned index = mt_b(p->code[pc]);
  for (int i = pc - 1; i >= 0 && i >= pc - 4; i--) {
    unsigned op = mt_op(p->code[i]);
    if (op == OP_GETUPVAL && mt_b(p->code[i]) == index) return true;
    if (op < OP_GETUPVAL || (op > OP_GETUPVAL && op < OP_ADDI) || op > OP_MMBINK) return false;
  }
  return false;
}

static void store_upvalue(examiner *x, const frame *f, int pc) {
  unsigned index = mt_b(f->p->code[pc]);
  const mt_upvalue *u = (int)index < f->p->upvalue_count ? &f->p->upvalues[index] : NULL;
  mtx_complain(x, f, pc, "%s upvalue '%.*s'", is_counting(f->p, pc) ? "counts packets in" : "changes",
           u ? (int)(u->length < 60 ? u->length : 60) : 1, u ? u->name : "?");
}

static void store_in_upvalue(examiner *x, const frame *f, int pc) {
  uint32_t i = f->p->code[pc];
  const mt_upvalue *u = (int)mt_a(i) < f->p->upvalue_count ? &f->p->upvalues[mt_a(i)] : NULL;
  const mt_constant *key = mtx_text_constant(f->p, mt_b(i));
  bool is_global = u && u->length == 4 && memcmp(u->name, "_ENV", 4) == 0 && key;
  if (is_global) mtx_complain(x, f, pc, "changes global '%.*s'", (int)(key->length < 60 ? key->length : 60), key->text);
  else mtx_complain(x, f, pc, "writes into table '%.*s'", u ? (int)(u->length < 60 ? u->length : 60) : 1, u ? u->name : "?");
}

/* Of the function in C on top of the stack, which stays there. */
static void note_nature(examiner *x, const frame *f, int pc, const char *verb) {
  int at = lua_gettop(x->L), nature = mt_native_nature(x->L, at);
  const char *name = mt_native_name(x->L, at);
  if (nature == MT_CHANGES) note_unsteady(x, f, pc, verb, name, ", whose answer changes");
  if (nature == MT_ACTS) note_unsteady(x, f, pc, verb, name, ", which has an effect");
}

/* The function in register `a`, its `count` arguments behind it; more may follow if they are not `whole`. */
static void call(examiner *x, uint32_t at, int pc, const value *r, unsigned a, int count, bool is_whole) {
  const frame *f = &x->frames[at];
  value function = at_register(r, f->p, a), arguments[MAX_ARGUMENTS];
  for (int i = 0; i < MAX_ARGUMENTS; i++)
    arguments[i] = i < count ? at_register(r, f->p, a + 1 + (unsigned)i) : is_whole ? plain : unknown;
  switch (function.kind) {
  case FUNCTION: mtx_enter(x, mtx_live_frame(x, function.id), arguments, count, is_whole); return;
  case CLOSURE: mtx_enter(x, function.id, arguments, count, is_whole); return;
  case NATIVE: break;
  case UNKNOWN: mtx_complain(x, f, pc, "calls a function that is not known beforehand"); return;
  default: return; /* raises */
  }
  for (int i = 0; i < MAX_ARGUMENTS; i++)
    if (arguments[i].kind == TABLE || arguments[i].kind == UNKNOWN) x->result->open = true;
  if (function.id) {
    lua_rawgeti(x->L, x->heap, function.id);
    note_nature(x, f, pc, "calls");
    lua_pop(x->L, 1);
  }
  static const value all_unknown[MAX_ARGUMENTS] = {{UNKNOWN, 0, 0, 0}, {UNKNOWN, 0, 0, 0}};
  value called = unknown;
  switch (function.rule) {
  case CALLS:
    if (count > 0 || !is_whole) call(x, at, pc, r, a + 1, count > 0 ? count - 1 : 0, is_whole);
    return;
  case CHANGES: store(x, f, pc, arguments[0]); return;
  case MOVES:
    if (!is_whole || count < 5) store(x, f, pc, arguments[0]);
    if (!is_whole || count >= 5) store(x, f, pc, arguments[4]);
    return;
  case SORTS:
    store(x, f, pc, arguments[0]);
    called = arguments[1];
    break;
  case REPLACES: called = arguments[2]; break;
  default: return;
  }
  if (called.kind == FUNCTION) mtx_enter(x, mtx_live_frame(x, called.id), all_unknown, 2, false);
  else if (called.kind == CLOSURE) mtx_enter(x, called.id, all_unknown, 2, false);
  else if (called.kind == UNKNOWN || (called.kind == NATIVE && called.rule > ITERATES_PLAIN))
    mtx_complain(x, f, pc, "calls a function that is not known beforehand");
}

/* A method or field of a live handle: what a call of it would make of the run (track.c). */
static void note_member(examiner *x, const frame *f, int pc, value base, const mt_constant *name) {
  lua_State *L = x->L;
  lua_rawgeti(L, x->heap, base.id);
  int handle = lua_gettop(L);
  if (mt_push_member(L, handle, name->text, name->length)) {
    if (lua_isfunction(L, -1)) note_nature(x, f, pc, "calls");
    else mt_push_host_function(L, (uint32_t)lua_tointeger(L, -1)), note_nature(x, f, pc, "reads");
  }
  lua_settop(L, handle - 1);
}

static void note_read(examiner *x, const frame *f, int pc, value base, const mt_constant *name) {
  const char *owner = "";
  if (base.kind == TABLE && !name) x->result->open = true;
  if (base.kind == UNKNOWN) x->result->open = true;
  if (base.kind == PLAIN && base.id && name) note_member(x, f, pc, base, name);
  if (base.kind != RECORD) return;
  const mt_field_entry *field = name ? mtx_record_field(x, base.type, name, &owner) : NULL;
  char path[2 * MT_MAX_NAME + 2];
  if (!field) return;
  bool is_outer = base.type == x->record;
  snprintf(path, sizeof path, "%s%s%.*s", is_outer ? "" : owner, is_outer ? "" : ".", (int)name->length, name->text);
  if (field->kind == MT_FIELD_METHOD) {
    lua_rawgeti(x->L, LUA_REGISTRYINDEX, x->st->records[base.type].constants);
    lua_rawgeti(x->L, -1, field->constant);
    bool is_pure = mt_native_nature(x->L, lua_gettop(x->L)) == MT_PURE;
    lua_pop(x->L, 2);
    if (is_pure) note_field(x, path);
    else note_unsteady(x, f, pc, "reads", path, "");
  } else if (field->is_unsteady) {
    note_unsteady(x, f, pc, "reads", path, "");
  } else if (field->kind != MT_FIELD_RECORD) {
    note_field(x, path);
  }
}

void mtx_judge(examiner *x, uint32_t at, int pc, const value *r) {
  const frame *f = &x->frames[at];
  const mt_prototype *p = f->p;
  int next[2];
  mtx_successors(p, pc, next);
  if ((next[0] >= 0 && next[0] <= pc) || (next[1] >= 0 && next[1] <= pc)) x->result->is_short = false;
  uint32_t i = p->code[pc];
  unsigned a = mt_a(i), b = mt_b(i), c = mt_c(i);
  switch (mt_op(i)) {
  case OP_SETUPVAL: store_upvalue(x, f, pc); break;
  case OP_SETTABUP: store_in_upvalue(x, f, pc); break;
  case OP_SETTABLE: case OP_SETI: case OP_SETFIELD: case OP_SETLIST: store(x, f, pc, at_register(r, p, a)); break;
  case OP_GETTABUP: note_read(x, f, pc, mtx_upvalue(x, at, b), mtx_text_constant(p, c)); break;
  case OP_GETFIELD: note_read(x, f, pc, at_register(r, p, b), mtx_text_constant(p, c)); break;
  case OP_SELF: note_read(x, f, pc, at_register(r, p, b), mt_k(i) ? mtx_text_constant(p, c) : NULL); break;
  case OP_GETI: /* a number is as good as a name, in tables */
    if (at_register(r, p, b).kind == UNKNOWN) x->result->open = true;
    break;
  case OP_GETTABLE: note_read(x, f, pc, at_register(r, p, b), NULL); break;
  case OP_LEN: note_read(x, f, pc, at_register(r, p, b), NULL); break;
  case OP_CALL: case OP_TAILCALL: call(x, at, pc, r, a, b ? (int)b - 1 : MAX_ARGUMENTS, b != 0); break;
  case OP_TFORCALL: call(x, at, pc, r, a, 2, true); break;
  default: break;
  }
}
