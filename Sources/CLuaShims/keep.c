/* Can a function keep the record it is lent? One that cannot gets the same userdata call after call; any other a fresh
   one, so that what it kept goes stale (invariant 6).

   A value outlives a call of its function in four ways: stored into a table or an upvalue, captured by a closure, or
   handed to another function. Without the instructions that do these it stays in registers, and there is no hidden code:
   metamethods are the host's, which keep no userdata. The list says what is harmless; everything else, also what
   a newer Lua may bring, is not. */

#include "bytecode.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

static bool is_harmless(unsigned opcode) {
  return opcode <= OP_GETUPVAL || (opcode >= OP_GETTABUP && opcode <= OP_GETFIELD) || opcode == OP_NEWTABLE ||
         (opcode >= OP_ADDI && opcode <= OP_CLOSE) || (opcode >= OP_JMP && opcode <= OP_TESTSET) ||
         (opcode >= OP_RETURN && opcode <= OP_FORPREP) || (opcode >= OP_VARARG && opcode <= OP_EXTRAARG);
}

static bool may_keep(lua_State *L, int index) {
  mt_bytecode bytecode;
  bool may = !mt_read_bytecode(L, index, &bytecode);
  for (int i = 0; !may && i < bytecode.root->code_count; i++) may = !is_harmless(mt_op(bytecode.root->code[i]));
  mt_free_bytecode(&bytecode);
  return may;
}

static bool reserve(mt_state *st, int reference) {
  if (reference < st->known_count) return true;
  int count = 2 * reference;
  mt_known_function *grown = realloc(st->known, (size_t)count * sizeof *grown);
  if (!grown) return false;
  memset(grown + st->known_count, 0, (size_t)(count - st->known_count) * sizeof *grown);
  st->known = grown;
  st->known_count = count;
  return true;
}

void mt_note_function(lua_State *L, int index, int reference) {
  mt_state *st = mt_of(L);
  mt_forget_function(st, reference);
  if (!may_keep(L, index) && reserve(st, reference)) st->known[reference].cannot_keep = true;
}

/* A reference is given away again. */
void mt_forget_function(mt_state *st, int reference) {
  if (reference < st->known_count) st->known[reference] = (mt_known_function){0};
}

/* What examine.c proved of the function holds for Lua's memory as it is now. */
void mt_trust(mt_state *st, int reference, bool trust, bool is_short) {
  if (reference < 0 || !reserve(st, reference)) return;
  st->known[reference].sure_at = trust ? st->written : 0;
  st->known[reference].is_short = is_short;
}

bool mt_is_short(const mt_state *st, int reference) { return st->known[reference].is_short; }

bool mt_is_sure(const mt_state *st, int reference) {
  return reference >= 0 && reference < st->known_count && st->known[reference].sure_at == st->written;
}

bool mt_cannot_keep(const mt_state *st, int reference) {
  return reference >= 0 && reference < st->known_count && st->known[reference].cannot_keep;
}
