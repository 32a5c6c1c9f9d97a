/* Which functions a fault of the installed Lua can reach: 5.4.4 and before miscompile `1 ~ (2 or 3)` in functions with more
   than 256 constants. Found in the chunk's own bytecode, when it is loaded; a chunk whose bytecode is not as expected is left
   alone. */

#include "bytecode.h"
#include "state.h"

#include <string.h>

static bool has_bit_operator(const mt_prototype *p) {
  for (int i = 0; i < p->code_count; i++) {
    unsigned opcode = mt_op(p->code[i]);
    if ((opcode >= OP_BANDK && opcode <= OP_SHLI) || (opcode >= OP_BAND && opcode <= OP_SHR)) return true;
  }
  return false;
}

/* One function and those in it. `found` becomes the line of the first at risk, -1: the main chunk's. */
static void look(const mt_prototype *p, int32_t *found) {
  if (*found == 0 && p->constant_count > 256 && has_bit_operator(p)) *found = p->first_line ? p->first_line : -1;
  for (int i = 0; i < p->child_count; i++) look(p->children[i], found);
}

/* The function is on top of the stack. */
void mt_note_risk(lua_State *L, const char *chunk) {
  mt_state *st = mt_of(L);
  if (st->risk_line || LUA_VERSION_NUM != 504) return;
  mt_bytecode bytecode;
  int32_t line = 0;
  if (mt_read_bytecode(L, lua_gettop(L), &bytecode)) look(bytecode.root, &line);
  mt_free_bytecode(&bytecode);
  if (line == 0) return;
  st->risk_line = line;
  mt_clean(st->risk_chunk, sizeof st->risk_chunk, chunk, strlen(chunk), false);
}

const char *mt_risk(const mt_state *st, int32_t *line) {
  *line = st->risk_line > 0 ? st->risk_line : 0;
  return st->risk_line ? st->risk_chunk : NULL;
}
