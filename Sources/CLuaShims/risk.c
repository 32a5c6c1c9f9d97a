/* Which functions a fault of the installed Lua can reach: 5.4.4 miscompiles `1 ~ (2 or 3)` in functions with more than 256
   constants. Found in the chunk's own bytecode, when it is loaded; a chunk whose dump is not as expected is left alone. */

#include "state.h"

#include <stdlib.h>
#include <string.h>

enum {
  DUMP_LIMIT = 4 << 20,
  HEAD = 31 + 1,               /* lundump.h: signature to the number's sample; then the number of upvalues */
  FIRST_BIT_K = 29, LAST_BIT_K = 33, FIRST_BIT = 41, LAST_BIT = 45, /* lopcodes.h: BANDK to SHLI, BAND to SHR */
};

typedef struct dump {
  unsigned char *bytes;
  size_t length, capacity, at;
  bool failed;
  int32_t line; /* of the first function found; 0: none, -1: the main chunk */
} dump;

static int collect(lua_State *L, const void *bytes, size_t length, void *ud) {
  (void)L;
  dump *d = ud;
  if (d->length + length > d->capacity) {
    size_t capacity = (d->length + length) * 2;
    unsigned char *grown = capacity <= DUMP_LIMIT ? realloc(d->bytes, capacity) : NULL;
    if (!grown) return 1;
    d->bytes = grown;
    d->capacity = capacity;
  }
  memcpy(d->bytes + d->length, bytes, length);
  d->length += length;
  return 0;
}

static unsigned byte(dump *d) {
  if (d->at < d->length) return d->bytes[d->at++];
  d->failed = true;
  return 0x80;
}

/* Seven bits a byte, the highest first; the last byte has the top bit set. */
static size_t number(dump *d) {
  size_t value = 0;
  for (int i = 0; i < 6; i++) {
    unsigned b = byte(d);
    value = value << 7 | (b & 0x7F);
    if (b & 0x80) return value;
  }
  d->failed = true;
  return 0;
}

static void skip(dump *d, size_t count) {
  if (count > d->length - d->at) d->failed = true;
  else d->at += count;
}

static void skip_string(dump *d) {
  size_t size = number(d);
  if (size) skip(d, size - 1);
}

static bool has_bit_operator(dump *d, size_t instructions) {
  const unsigned char *code = d->bytes + d->at;
  skip(d, instructions * 4);
  for (size_t i = 0; !d->failed && i < instructions; i++) {
    uint32_t instruction;
    memcpy(&instruction, code + i * 4, 4);
    unsigned opcode = instruction & 0x7F;
    if ((opcode >= FIRST_BIT_K && opcode <= LAST_BIT_K) || (opcode >= FIRST_BIT && opcode <= LAST_BIT)) return true;
  }
  return false;
}

static void skip_constants(dump *d, size_t count) {
  for (size_t i = 0; !d->failed && i < count; i++) {
    switch (byte(d)) {
    case 0: case 1: case 17: break; /* nil, false, true */
    case 3: case 19: skip(d, 8); break;
    case 4: case 20: skip_string(d); break;
    default: d->failed = true;
    }
  }
}

/* One function and those in it (lundump.c, loadFunction); stripped of what is for debuggers. */
static void look(dump *d, int depth) {
  skip_string(d);
  int32_t line = (int32_t)number(d);
  number(d);
  skip(d, 3);
  bool has_operator = has_bit_operator(d, number(d));
  size_t constants = number(d);
  skip_constants(d, constants);
  if (has_operator && constants > 256 && d->line == 0) d->line = line ? line : -1;
  skip(d, number(d) * 3);
  for (size_t inner = number(d); !d->failed && inner > 0; inner--) {
    if (depth > 200) d->failed = true;
    else look(d, depth + 1);
  }
  for (int list = 0; list < 4; list++)
    if (number(d) != 0) d->failed = true;
}

/* The function is on top of the stack. */
void mt_note_risk(lua_State *L, const char *chunk) {
  mt_state *st = mt_of(L);
  if (st->risk_line || LUA_VERSION_NUM != 504) return;
  dump d = {0};
  bool whole = lua_dump(L, collect, &d, 1) == 0 && d.length > HEAD;
  if (whole) {
    d.at = HEAD;
    look(&d, 0);
  }
  free(d.bytes);
  if (!whole || d.failed || d.line == 0) return;
  st->risk_line = d.line;
  mt_clean(st->risk_chunk, sizeof st->risk_chunk, chunk, strlen(chunk), false);
}

const char *mt_risk(const mt_state *st, int32_t *line) {
  *line = st->risk_line > 0 ? st->risk_line : 0;
  return st->risk_line ? st->risk_chunk : NULL;
}
