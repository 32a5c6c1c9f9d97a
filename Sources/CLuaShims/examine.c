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

#include "bytecode.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mt_protect(mt_state *st, lua_CFunction body, void *request);

enum { MAX_FRAMES = 64, MAX_VISITS = 96, MAX_FACTS = 128, MAX_DEPTH = 12, MAX_ARGUMENTS = 8, MAX_STEPS = 200000, MAX_STATES = 1 << 16, MAX_SHORT = 1024 };

enum kind {
  NONE,     /* not reached */
  PLAIN,    /* no table and no function: numbers, texts, handles */
  RECORD,   /* lent by the host; type */
  OWN,      /* a table made in this call */
  TABLE,    /* a live table; id */
  FUNCTION, /* a live function of Lua; id */
  CLOSURE,  /* a function made in this call; id: its frame */
  NATIVE,   /* a function in C; rule */
  UNKNOWN
};

typedef struct value {
  uint8_t kind, rule;
  uint16_t type;
  uint32_t id; /* of a live value its place in the heap */
} value;

/* How functions in C treat what they are given; those that only compute need no name. */
enum rule { COMPUTES, COMPUTES_PLAIN, MAKES_TABLE, ITERATES, ITERATES_PLAIN, CALLS, SORTS, CHANGES, MOVES, REPLACES };

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

/* A function of Lua with the way to its upvalues. */
typedef struct frame {
  const mt_prototype *p;
  uint32_t live;   /* the closure's place in the heap; 0: made in the call, by `parent` */
  uint32_t parent; /* frame */
  char chunk[MT_CHUNK_SIZE];
} frame;

typedef struct visit {
  uint32_t frame;
  value arguments[MAX_ARGUMENTS];
} visit;

typedef struct examiner {
  lua_State *L;
  mt_state *st;
  int32_t function, facts;
  uint32_t record;
  mt_examination *result;
  /* Places in the stack: live values by number and numbers by value; owner, key and value of each fact. */
  int heap, list;
  uint32_t heap_count;
  int fact_count;
  struct {
    uint32_t owner;
    const void *key;
    int number;
  } known[MAX_FACTS];
  frame frames[MAX_FRAMES];
  mt_bytecode read[MAX_FRAMES];
  uint32_t frame_count, read_count;
  visit visits[MAX_VISITS];
  int visit_count, depth;
  long steps;
} examiner;

static const value unknown = {UNKNOWN, 0, 0, 0}, plain = {PLAIN, 0, 0, 0};

static value native(enum rule rule) { return (value){NATIVE, (uint8_t)rule, 0, 0}; }

static value join(value a, value b) {
  if (a.kind == NONE || memcmp(&a, &b, sizeof a) == 0) return b;
  if (b.kind == NONE) return a;
  bool are_plain = (a.kind == PLAIN || a.kind == RECORD) && (b.kind == PLAIN || b.kind == RECORD);
  return are_plain ? plain : unknown;
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

static void place(const examiner *x, const frame *f, int pc, char *text, size_t size) {
  int line = mt_line_of(f->p, pc);
  if (strcmp(f->chunk, x->frames[0].chunk) == 0) snprintf(text, size, "line %d", line);
  else snprintf(text, size, "%.100s:%d", f->chunk, line);
}

/* The first complaint is the one that is told. `%s` of the pattern is the place. */
__attribute__((format(printf, 4, 5))) static void complain(examiner *x, const frame *f, int pc, const char *pattern, ...) {
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

/* --- live values -------------------------------------------------------------------------------------------------- */

/* The number of the value on top of the stack, which stays there. */
static uint32_t number_of(examiner *x) {
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

static enum rule rule_named(const char *name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (strcmp(rules[i].name, name) == 0) return rules[i].rule;
  bool is_plain = strncmp(name, "string.", 7) == 0 || strncmp(name, "math.", 5) == 0 || strncmp(name, "utf8.", 5) == 0;
  return is_plain ? COMPUTES_PLAIN : COMPUTES;
}

/* What is known of the value on top of the stack, which stays there. */
static value seen(examiner *x) {
  lua_State *L = x->L;
  switch (lua_type(L, -1)) {
  case LUA_TTABLE: return (value){TABLE, 0, 0, number_of(x)};
  case LUA_TFUNCTION:
    if (!lua_iscfunction(L, -1)) return (value){FUNCTION, 0, 0, number_of(x)};
    value v = native(rule_named(mt_native_name(L, lua_gettop(L))));
    v.id = number_of(x);
    return v;
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
    complain(x, NULL, 0, "depends on too much to be followed");
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
static value live_field(examiner *x, uint32_t table, const mt_constant *name, int number) {
  lua_State *L = x->L;
  lua_rawgeti(L, x->heap, table);
  mt_see_names(L, -1);
  uint32_t owner = number_of(x);
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

static value upvalue(examiner *x, uint32_t at, unsigned index) {
  lua_State *L = x->L;
  const frame *f = &x->frames[at];
  if ((int)index >= f->p->upvalue_count) return unknown;
  if (!f->live) {
    const mt_upvalue *u = &f->p->upvalues[index];
    return u->in_stack ? unknown : upvalue(x, f->parent, u->index);
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

/* --- frames ------------------------------------------------------------------------------------------------------- */

static uint32_t add_frame(examiner *x, frame f) {
  for (uint32_t i = 0; i < x->frame_count; i++)
    if (x->frames[i].p == f.p && x->frames[i].live == f.live && x->frames[i].parent == f.parent) return i;
  if (x->frame_count == MAX_FRAMES) {
    complain(x, NULL, 0, "is made of too many functions to be followed");
    return 0;
  }
  x->frames[x->frame_count] = f;
  return x->frame_count++;
}

/* The frame of a live function of Lua. */
static uint32_t live_frame(examiner *x, uint32_t id) {
  lua_State *L = x->L;
  lua_Debug ar;
  for (uint32_t i = 0; i < x->frame_count; i++)
    if (x->frames[i].live == id) return i;
  if (x->read_count == MAX_FRAMES) {
    complain(x, NULL, 0, "is made of too many functions to be followed");
    return 0;
  }
  lua_rawgeti(L, x->heap, id);
  if (!mt_read_bytecode(L, lua_gettop(L), &x->read[x->read_count])) {
    complain(x, NULL, 0, "is too long to be followed");
    lua_pop(L, 1);
    return 0;
  }
  frame f = {x->read[x->read_count++].root, id, 0, ""};
  lua_getinfo(L, ">S", &ar);
  snprintf(f.chunk, sizeof f.chunk, "%s", *ar.source == '@' || *ar.source == '=' ? ar.source + 1 : "chunk");
  return add_frame(x, f);
}

static value made_closure(examiner *x, uint32_t at, unsigned child) {
  const frame *f = &x->frames[at];
  if ((int)child >= f->p->child_count) return unknown;
  frame made = {f->p->children[child], 0, at, ""};
  memcpy(made.chunk, f->chunk, sizeof made.chunk);
  return (value){CLOSURE, 0, 0, add_frame(x, made)};
}

/* --- one instruction ---------------------------------------------------------------------------------------------- */

static const mt_constant *text_constant(const mt_prototype *p, unsigned index) {
  return (int)index < p->constant_count && p->constants[index].is_string ? &p->constants[index] : NULL;
}

static const mt_field_entry *record_field(const examiner *x, uint32_t type, const mt_constant *name, const char **owner) {
  if (type >= x->st->record_count) return NULL;
  const mt_record_kind *kind = &x->st->records[type];
  *owner = kind->name;
  for (uint32_t i = 0; i <= kind->mask; i++) {
    const char *text = kind->names[i].text;
    if (text && strlen(text) == name->length && memcmp(text, name->text, name->length) == 0)
      return &kind->entries[kind->names[i].entry];
  }
  return NULL;
}

static value field_of_record(const examiner *x, uint32_t type, const mt_constant *name) {
  const char *owner;
  const mt_field_entry *field = name ? record_field(x, type, name, &owner) : NULL;
  if (!name) return unknown;
  if (!field) return plain; /* raises */
  switch (field->kind) {
  case MT_FIELD_RECORD:
  case MT_FIELD_ELSEWHERE: return (value){RECORD, 0, (uint16_t)field->detail, 0};
  case MT_FIELD_TABLE:
  case MT_FIELD_VALUE: return unknown;
  case MT_FIELD_METHOD: return native(COMPUTES);
  default: return plain;
  }
}

static value field_of(examiner *x, value base, const mt_constant *name, bool has_number, int number) {
  switch (base.kind) {
  case RECORD: return field_of_record(x, base.type, name);
  case TABLE: return name || has_number ? live_field(x, base.id, name, number) : unknown;
  default: return unknown;
  }
}

/* `base:name`: of a text a function of `string`, of a host object a function of the host. Where both have a name (`find`),
   neither gives a table or a function. */
static value method_of(examiner *x, value base, const mt_constant *name) {
  if (base.kind != PLAIN || !name) return field_of(x, base, name, false, 0);
  char path[MT_MAX_NAME + 8];
  snprintf(path, sizeof path, "string.%.*s", (int)(name->length > MT_MAX_NAME ? MT_MAX_NAME : name->length), name->text);
  return native(mt_is_text_method(path) ? rule_named(path) : COMPUTES);
}

static void set_from(value *registers, const mt_prototype *p, unsigned first, value v) {
  for (unsigned i = first; i < p->registers; i++) registers[i] = v;
}

static void call_results(value *registers, const mt_prototype *p, unsigned a, value function) {
  value first = a + 1 < p->registers ? registers[a + 1] : unknown;
  enum rule rule = function.kind == NATIVE ? function.rule : COMPUTES;
  set_from(registers, p, a, rule == COMPUTES_PLAIN || rule == REPLACES ? plain : unknown);
  if (rule == MAKES_TABLE) registers[a] = (value){OWN, 0, 0, 0};
  if (rule != ITERATES && rule != ITERATES_PLAIN) return;
  registers[a] = native(rule == ITERATES ? COMPUTES : COMPUTES_PLAIN);
  if (a + 1 < p->registers) registers[a + 1] = first;
}

static value at_register(const value *registers, const mt_prototype *p, unsigned index) {
  return index < p->registers && registers[index].kind != NONE ? registers[index] : unknown;
}

/* Of the others A is something else, or may lie behind the last register. */
static bool writes_register(unsigned op) {
  switch (op) {
  case OP_SETTABUP: case OP_JMP: case OP_CLOSE: case OP_TBC: case OP_RETURN: case OP_RETURN0: case OP_RETURN1:
  case OP_TFORPREP: case OP_VARARGPREP: case OP_EXTRAARG: return false;
  default: return true;
  }
}

/* What the instruction leaves in the registers. False: an opcode that nobody knows. */
static bool follow(examiner *x, uint32_t at, int pc, value *r) {
  const mt_prototype *p = x->frames[at].p;
  uint32_t i = p->code[pc];
  unsigned a = mt_a(i), b = mt_b(i), c = mt_c(i);
  if (a >= p->registers && writes_register(mt_op(i))) return false;
  switch (mt_op(i)) {
  case OP_MOVE: r[a] = at_register(r, p, b); break;
  case OP_LOADI: case OP_LOADF: case OP_LOADK: case OP_LOADKX: case OP_LOADFALSE: case OP_LFALSESKIP: case OP_LOADTRUE:
    r[a] = plain;
    break;
  case OP_LOADNIL:
    for (unsigned n = a; n <= a + b && n < p->registers; n++) r[n] = plain;
    break;
  case OP_GETUPVAL: r[a] = upvalue(x, at, b); break;
  case OP_GETTABUP: r[a] = field_of(x, upvalue(x, at, b), text_constant(p, c), false, 0); break;
  case OP_GETTABLE: r[a] = field_of(x, at_register(r, p, b), NULL, false, 0); break;
  case OP_GETI: r[a] = field_of(x, at_register(r, p, b), NULL, true, (int)c); break;
  case OP_GETFIELD: r[a] = field_of(x, at_register(r, p, b), text_constant(p, c), false, 0); break;
  case OP_SELF: {
    value base = at_register(r, p, b);
    if (a + 1 >= p->registers) return false;
    r[a + 1] = base;
    r[a] = method_of(x, base, mt_k(i) ? text_constant(p, c) : NULL);
    break;
  }
  case OP_NEWTABLE: r[a] = (value){OWN, 0, 0, 0}; break;
  case OP_CLOSURE: r[a] = made_closure(x, at, mt_bx(i)); break;
  case OP_TESTSET: r[a] = join(r[a], at_register(r, p, b)); break;
  case OP_CALL: case OP_TAILCALL: call_results(r, p, a, r[a]); break;
  case OP_TFORCALL: {
    value function = r[a];
    bool is_plain = function.kind == NATIVE && function.rule == COMPUTES_PLAIN;
    set_from(r, p, a + 4, is_plain ? plain : unknown);
    break;
  }
  case OP_TFORLOOP: r[a + 2 < p->registers ? a + 2 : a] = at_register(r, p, a + 4); break;
  case OP_FORLOOP: case OP_FORPREP:
    for (unsigned n = a; n <= a + 3 && n < p->registers; n++) r[n] = plain;
    break;
  case OP_VARARG: set_from(r, p, a, unknown); break;
  case OP_UNM: case OP_BNOT: case OP_NOT: case OP_LEN: case OP_CONCAT: r[a] = plain; break;
  case OP_SETUPVAL: case OP_SETTABUP: case OP_SETTABLE: case OP_SETI: case OP_SETFIELD: case OP_SETLIST:
  case OP_MMBIN: case OP_MMBINI: case OP_MMBINK: case OP_CLOSE: case OP_TBC: case OP_JMP: case OP_EQ: case OP_LT:
  case OP_LE: case OP_EQK: case OP_EQI: case OP_LTI: case OP_LEI: case OP_GTI: case OP_GEI: case OP_TEST:
  case OP_RETURN: case OP_RETURN0: case OP_RETURN1: case OP_TFORPREP: case OP_VARARGPREP: case OP_EXTRAARG: break;
  default:
    if (mt_op(i) < OP_ADDI || mt_op(i) > OP_SHR) return false;
    r[a] = plain; /* arithmetic */
  }
  return true;
}

/* Where control goes from here: at most two places, -1 for none. */
static void successors(const mt_prototype *p, int pc, int next[2]) {
  uint32_t i = p->code[pc];
  next[0] = pc + 1;
  next[1] = -1;
  switch (mt_op(i)) {
  case OP_JMP: next[0] = pc + 1 + mt_sj(i); break;
  case OP_LFALSESKIP: next[0] = pc + 2; break;
  case OP_EQ: case OP_LT: case OP_LE: case OP_EQK: case OP_EQI: case OP_LTI: case OP_LEI: case OP_GTI: case OP_GEI:
  case OP_TEST: case OP_TESTSET: next[1] = pc + 2; break;
  case OP_FORLOOP: case OP_TFORLOOP: next[1] = pc + 1 - (int)mt_bx(i); break;
  case OP_FORPREP: next[1] = pc + 2 + (int)mt_bx(i); break;
  case OP_TFORPREP: next[0] = pc + 1 + (int)mt_bx(i); break;
  case OP_RETURN: case OP_RETURN0: case OP_RETURN1: next[0] = -1; break;
  default: break;
  }
}

/* --- what an instruction does beyond registers -------------------------------------------------------------------- */

static void enter(examiner *x, uint32_t at, const value *arguments, int count, bool is_whole);

static void store(examiner *x, const frame *f, int pc, value table) {
  if (table.kind != OWN) complain(x, f, pc, "writes into a table that it did not make");
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
  complain(x, f, pc, "%s upvalue '%.*s'", is_counting(f->p, pc) ? "counts packets in" : "changes",
           u ? (int)(u->length < 60 ? u->length : 60) : 1, u ? u->name : "?");
}

static void store_in_upvalue(examiner *x, const frame *f, int pc) {
  uint32_t i = f->p->code[pc];
  const mt_upvalue *u = (int)mt_a(i) < f->p->upvalue_count ? &f->p->upvalues[mt_a(i)] : NULL;
  const mt_constant *key = text_constant(f->p, mt_b(i));
  bool is_global = u && u->length == 4 && memcmp(u->name, "_ENV", 4) == 0 && key;
  if (is_global) complain(x, f, pc, "changes global '%.*s'", (int)(key->length < 60 ? key->length : 60), key->text);
  else complain(x, f, pc, "writes into table '%.*s'", u ? (int)(u->length < 60 ? u->length : 60) : 1, u ? u->name : "?");
}

/* The function in register `a`, its `count` arguments behind it; more may follow if they are not `whole`. */
static void call(examiner *x, uint32_t at, int pc, const value *r, unsigned a, int count, bool is_whole) {
  const frame *f = &x->frames[at];
  value function = at_register(r, f->p, a), arguments[MAX_ARGUMENTS];
  for (int i = 0; i < MAX_ARGUMENTS; i++)
    arguments[i] = i < count ? at_register(r, f->p, a + 1 + (unsigned)i) : is_whole ? plain : unknown;
  switch (function.kind) {
  case FUNCTION: enter(x, live_frame(x, function.id), arguments, count, is_whole); return;
  case CLOSURE: enter(x, function.id, arguments, count, is_whole); return;
  case NATIVE: break;
  case UNKNOWN: complain(x, f, pc, "calls a function that is not known beforehand"); return;
  default: return; /* raises */
  }
  for (int i = 0; i < MAX_ARGUMENTS; i++)
    if (arguments[i].kind == TABLE || arguments[i].kind == UNKNOWN) x->result->open = true;
  if (function.id) {
    lua_rawgeti(x->L, x->heap, function.id);
    int nature = mt_native_nature(x->L, lua_gettop(x->L));
    const char *name = mt_native_name(x->L, lua_gettop(x->L));
    if (nature == MT_CHANGES) note_unsteady(x, f, pc, "calls", name, ", whose answer changes");
    if (nature == MT_ACTS) note_unsteady(x, f, pc, "calls", name, ", which has an effect");
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
  if (called.kind == FUNCTION) enter(x, live_frame(x, called.id), all_unknown, 2, false);
  else if (called.kind == CLOSURE) enter(x, called.id, all_unknown, 2, false);
  else if (called.kind == UNKNOWN || (called.kind == NATIVE && called.rule > ITERATES_PLAIN))
    complain(x, f, pc, "calls a function that is not known beforehand");
}

static void note_read(examiner *x, const frame *f, int pc, value base, const mt_constant *name) {
  const char *owner = "";
  if (base.kind == TABLE && !name) x->result->open = true;
  if (base.kind == UNKNOWN) x->result->open = true;
  if (base.kind != RECORD) return;
  const mt_field_entry *field = name ? record_field(x, base.type, name, &owner) : NULL;
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

static void judge(examiner *x, uint32_t at, int pc, const value *r) {
  const frame *f = &x->frames[at];
  const mt_prototype *p = f->p;
  int next[2];
  successors(p, pc, next);
  if ((next[0] >= 0 && next[0] <= pc) || (next[1] >= 0 && next[1] <= pc)) x->result->is_short = false;
  uint32_t i = p->code[pc];
  unsigned a = mt_a(i), b = mt_b(i), c = mt_c(i);
  switch (mt_op(i)) {
  case OP_SETUPVAL: store_upvalue(x, f, pc); break;
  case OP_SETTABUP: store_in_upvalue(x, f, pc); break;
  case OP_SETTABLE: case OP_SETI: case OP_SETFIELD: case OP_SETLIST: store(x, f, pc, at_register(r, p, a)); break;
  case OP_GETTABUP: note_read(x, f, pc, upvalue(x, at, b), text_constant(p, c)); break;
  case OP_GETFIELD: note_read(x, f, pc, at_register(r, p, b), text_constant(p, c)); break;
  case OP_SELF: note_read(x, f, pc, at_register(r, p, b), mt_k(i) ? text_constant(p, c) : NULL); break;
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

/* --- one function ------------------------------------------------------------------------------------------------- */

/* Joins the state behind `pc` into that before `next`; true: something new. */
static bool flow(value *states, int width, const value *from, int count, int next) {
  bool is_new = false;
  if (next < 0 || next >= count) return false;
  value *to = states + (size_t)next * (size_t)width;
  for (int n = 0; n < width; n++) {
    value joined = join(to[n], from[n]);
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
      if (!follow(x, at, pc, now)) return false;
      successors(p, pc, next);
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
    complain(x, NULL, 0, "is made of too many functions to be followed");
    return true;
  }
  x->visits[x->visit_count++] = *v;
  return false;
}

static void enter(examiner *x, uint32_t at, const value *arguments, int count, bool is_whole) {
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
    complain(x, NULL, 0, "is too long to be followed");
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
  if (x->depth > MAX_DEPTH || !settle(x, at, states, reached)) complain(x, NULL, 0, "is too long to be followed");
  for (int pc = 0; pc < p->code_count && !x->result->writes; pc++)
    if (reached[pc]) judge(x, at, pc, states + (size_t)pc * width);
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
    complain(x, NULL, 0, "is no function of the script");
    return 0;
  }
  uint32_t id = number_of(x);
  lua_pop(L, 1);
  uint32_t root = live_frame(x, id);
  value arguments[MAX_ARGUMENTS] = {{RECORD, 0, (uint16_t)x->record, 0}, unknown};
  if (x->frames[root].p && x->frames[root].p->code_count > MAX_SHORT) x->result->is_short = false;
  if (!x->result->writes) enter(x, root, arguments, 2, true);
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
  bool hold = examination->fact_count == 0 || mt_protect(st, compare_facts, &request) == MT_OK && request.hold;
  mt_trust(st, function, hold, examination->is_short);
  return hold;
}
