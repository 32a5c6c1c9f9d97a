/* Which functions a fault of the installed Lua can reach: 5.4.4 and before miscompile `1 ~ (2 or 3)` in functions with more
   than 256 constants. Found in the chunk's own bytecode, when it is loaded; a chunk whose dump is not as expected is left
   alone. */

#include "dump.h"

enum { FIRST_BIT_K = 29, LAST_BIT_K = 33, FIRST_BIT = 41, LAST_BIT = 45 }; /* lopcodes.h: BANDK to SHLI, BAND to SHR */

static bool has_bit_operator(dump *d) {
  size_t instructions = next_size(d);
  if (instructions > (d->length - d->at) / 4) d->failed = true;
  for (size_t i = 0; !d->failed && i < instructions; i++) {
    uint32_t instruction;
    memcpy(&instruction, d->bytes + d->at + i * 4, 4);
    unsigned opcode = instruction & 0x7F;
    if ((opcode >= FIRST_BIT_K && opcode <= LAST_BIT_K) || (opcode >= FIRST_BIT && opcode <= LAST_BIT)) {
      skip(d, instructions * 4);
      return true;
    }
  }
  if (!d->failed) skip(d, instructions * 4);
  return false;
}

/* One function and those in it, stripped of what is for debuggers. `line` becomes that of the first at risk, -1: the main
   chunk's. */
static void look(dump *d, int32_t *found, int depth) {
  if (depth > MT_DUMP_DEPTH) d->failed = true;
  if (d->failed) return;
  skip_string(d);
  int32_t line = (int32_t)next_size(d);
  next_size(d);
  skip(d, 3);
  bool has_operator = has_bit_operator(d);
  size_t constants = skip_constants(d);
  if (has_operator && constants > 256 && *found == 0) *found = line ? line : -1;
  skip(d, 3 * next_size(d)); /* upvalues */
  for (size_t n = next_size(d); n > 0 && !d->failed; n--) look(d, found, depth + 1);
  for (int list = 0; list < 4; list++)
    if (next_size(d) != 0) d->failed = true;
}

/* The function is on top of the stack. */
void mt_note_risk(lua_State *L, const char *chunk) {
  mt_state *st = mt_of(L);
  if (st->risk_line || LUA_VERSION_NUM != 504) return;
  dump d = {0};
  int32_t line = 0;
  if (open_dump(L, &d, true)) look(&d, &line, 0);
  free(d.bytes);
  if (d.failed || line == 0) return;
  st->risk_line = line;
  mt_clean(st->risk_chunk, sizeof st->risk_chunk, chunk, strlen(chunk), false);
}

const char *mt_risk(const mt_state *st, int32_t *line) {
  *line = st->risk_line > 0 ? st->risk_line : 0;
  return st->risk_line ? st->risk_chunk : NULL;
}
