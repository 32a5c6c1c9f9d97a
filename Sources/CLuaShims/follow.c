/* What an instruction leaves in the registers, and where control goes. */

#include "examine.h"

#include <stdio.h>
#include <string.h>

value mtx_join(value a, value b) {
  if (a.kind == NONE || memcmp(&a, &b, sizeof a) == 0) return b;
  if (b.kind == NONE) return a;
  bool are_plain = (a.kind == PLAIN || a.kind == RECORD) && (b.kind == PLAIN || b.kind == RECORD);
  return are_plain ? plain : unknown;
}

const mt_constant *mtx_text_constant(const mt_prototype *p, unsigned index) {
  return (int)index < p->constant_count && p->constants[index].is_string ? &p->constants[index] : NULL;
}

const mt_field_entry *mtx_record_field(const examiner *x, uint32_t type, const mt_constant *name, const char **owner) {
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
  const mt_field_entry *field = name ? mtx_record_field(x, type, name, &owner) : NULL;
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
  case TABLE: return name || has_number ? mtx_live_field(x, base.id, name, number) : unknown;
  default: return unknown;
  }
}

/* `base:name`: of a text a function of `string`, of a host object a function of the host. Where both have a name (`find`),
   neither gives a table or a function. */
static value method_of(examiner *x, value base, const mt_constant *name) {
  if (base.kind != PLAIN || !name) return field_of(x, base, name, false, 0);
  char path[MT_MAX_NAME + 8];
  snprintf(path, sizeof path, "string.%.*s", (int)(name->length > MT_MAX_NAME ? MT_MAX_NAME : name->length), name->text);
  return native(mt_is_text_method(path) ? mtx_rule_named(path) : COMPUTES);
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
/* Of the others A is something else, or may lie behind the last register. */
static bool writes_register(unsigned op) {
  switch (op) {
  case OP_SETTABUP: case OP_JMP: case OP_CLOSE: case OP_TBC: case OP_RETURN: case OP_RETURN0: case OP_RETURN1:
  case OP_TFORPREP: case OP_VARARGPREP: case OP_EXTRAARG: return false;
  default: return true;
  }
}

/* What the instruction leaves in the registers. False: an opcode that nobody knows. */
bool mtx_follow(examiner *x, uint32_t at, int pc, value *r) {
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
  case OP_GETUPVAL: r[a] = mtx_upvalue(x, at, b); break;
  case OP_GETTABUP: r[a] = field_of(x, mtx_upvalue(x, at, b), mtx_text_constant(p, c), false, 0); break;
  case OP_GETTABLE: r[a] = field_of(x, at_register(r, p, b), NULL, false, 0); break;
  case OP_GETI: r[a] = field_of(x, at_register(r, p, b), NULL, true, (int)c); break;
  case OP_GETFIELD: r[a] = field_of(x, at_register(r, p, b), mtx_text_constant(p, c), false, 0); break;
  case OP_SELF: {
    value base = at_register(r, p, b);
    if (a + 1 >= p->registers) return false;
    r[a + 1] = base;
    r[a] = method_of(x, base, mt_k(i) ? mtx_text_constant(p, c) : NULL);
    break;
  }
  case OP_NEWTABLE: r[a] = (value){OWN, 0, 0, 0}; break;
  case OP_CLOSURE: r[a] = mtx_made_closure(x, at, mt_bx(i)); break;
  case OP_TESTSET: r[a] = mtx_join(r[a], at_register(r, p, b)); break;
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
void mtx_successors(const mt_prototype *p, int pc, int next[2]) {
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
