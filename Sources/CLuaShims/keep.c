/* Can a function keep the record it is lent? One that cannot gets the same userdata call after call; any other a fresh
   one, so that what it kept goes stale (invariant 6).

   A value outlives a call of its function in four ways: stored into a table or an upvalue, captured by a closure, or
   handed to another function. Without the instructions that do these it stays in registers, and there is no hidden code:
   metamethods are the host's, which keep no userdata. The list says what is harmless; everything else, also what
   a newer Lua may bring, is not. */

#include "state.h"

#include <stdlib.h>
#include <string.h>

enum { DUMP_CAPACITY = 4096 }; /* bytes looked at: about 1,000 instructions */

typedef struct dump {
  size_t length, at;
  bool cut; /* also: not as expected */
  unsigned char bytes[DUMP_CAPACITY];
} dump;

static int collect_dump(lua_State *L, const void *bytes, size_t length, void *ud) {
  (void)L;
  dump *d = ud;
  size_t room = sizeof d->bytes - d->length, taken = length < room ? length : room;
  memcpy(d->bytes + d->length, bytes, taken);
  d->length += taken;
  return taken < length; /* ends the dump */
}

static unsigned next_byte(dump *d) {
  if (d->at < d->length) return d->bytes[d->at++];
  d->cut = true;
  return 0x80;
}

/* Seven bits a byte, the highest first; the last byte has the top bit set. */
static size_t next_size(dump *d) {
  size_t value = 0;
  for (int i = 0; i < 5; i++) {
    unsigned byte = next_byte(d);
    value = value << 7 | (byte & 0x7F);
    if (byte & 0x80) return value;
  }
  d->cut = true;
  return 0;
}

static void skip(dump *d, size_t count) {
  if (count > d->length - d->at) d->cut = true;
  else d->at += count;
}

/* Lua 5.4's opcodes (lopcodes.h; the numbers are part of the format that the dump's head names). */
static bool is_harmless(unsigned opcode) {
  enum {
    MOVE = 0, GETUPVAL = 9, GETTABUP = 11, GETFIELD = 14, NEWTABLE = 19, ADDI = 21, CLOSE = 54, JMP = 56, TESTSET = 67,
    RETURN = 70, FORPREP = 74, VARARG = 80, EXTRAARG = 82
  };
  return (opcode >= MOVE && opcode <= GETUPVAL) || (opcode >= GETTABUP && opcode <= GETFIELD) || opcode == NEWTABLE ||
         (opcode >= ADDI && opcode <= CLOSE) || (opcode >= JMP && opcode <= TESTSET) ||
         (opcode >= RETURN && opcode <= FORPREP) || (opcode >= VARARG && opcode <= EXTRAARG);
}

static bool is_readable(dump *d) {
  static const char head[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08"; /* version, format, sizes of numbers */
  if (d->length < sizeof head - 1 || memcmp(d->bytes, head, sizeof head - 1) != 0) return false;
  skip(d, sizeof head - 1 + 8 + 8 + 1); /* an integer and a number to compare, upvalues */
  size_t source = next_size(d);
  skip(d, source ? source - 1 : 0);
  next_size(d), next_size(d); /* lines */
  skip(d, 3);                 /* parameters, vararg, registers */
  return !d->cut;
}

static bool may_keep(lua_State *L, int index) {
  if (lua_iscfunction(L, index)) return true;
  dump d = {0};
  lua_pushvalue(L, index);
  lua_dump(L, collect_dump, &d, 1);
  lua_pop(L, 1);
  if (!is_readable(&d)) return true;
  size_t count = next_size(&d);
  if (d.cut || count > (d.length - d.at) / sizeof(uint32_t)) return true;
  for (size_t i = 0; i < count; i++) {
    uint32_t instruction;
    memcpy(&instruction, d.bytes + d.at + i * sizeof instruction, sizeof instruction);
    if (!is_harmless(instruction & 0x7F)) return true;
  }
  return false;
}

static bool reserve(mt_state *st, int reference) {
  if (reference < st->cannot_keep_count) return true;
  int count = 2 * reference;
  bool *grown = realloc(st->cannot_keep, (size_t)count * sizeof *grown);
  if (!grown) return false;
  memset(grown + st->cannot_keep_count, 0, (size_t)(count - st->cannot_keep_count) * sizeof *grown);
  st->cannot_keep = grown;
  st->cannot_keep_count = count;
  return true;
}

void mt_note_function(lua_State *L, int index, int reference) {
  mt_state *st = mt_of(L);
  mt_forget_function(st, reference);
  if (!may_keep(L, index) && reserve(st, reference)) st->cannot_keep[reference] = true;
}

/* A reference is given away again. */
void mt_forget_function(mt_state *st, int reference) {
  if (reference < st->cannot_keep_count) st->cannot_keep[reference] = false;
}

bool mt_cannot_keep(const mt_state *st, int reference) {
  return reference >= 0 && reference < st->cannot_keep_count && st->cannot_keep[reference];
}
