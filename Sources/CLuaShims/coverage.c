/* Which lines of the chunks could run, and how often each was begun. Only for tests of policies: the hook costs a call a
   line, beside the budget's, which stays as exact as it is.

   The lines that could run are read off the chunk's own bytecode, nested functions included, since a function that is never
   made has no closure to ask. Left out is each function's last instruction: the return that the compiler adds, which
   stands on the line of its `end`. */

#include "bytecode.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

static void mark(mt_covered_chunk *chunk, int line) {
  if (line <= 0 || (uint32_t)line > chunk->line_count) return;
  if (chunk->hits[line] == MT_NO_CODE) chunk->hits[line] = 0;
}

static void mark_function(mt_covered_chunk *chunk, const mt_prototype *p) {
  int line = p->first_line, next = 0;
  for (int i = 0; i < p->line_count; i++) {
    line = mt_next_line(p, line, i, &next);
    if (!(i == 0 && p->is_vararg) && i != p->line_count - 1) mark(chunk, line);
  }
  for (int i = 0; i < p->child_count; i++) mark_function(chunk, p->children[i]);
}

/* --- chunks -------------------------------------------------------------------------------------------------------- */

void mt_cover(mt_state *st) { st->covers = true; }

static mt_covered_chunk *add_chunk(mt_state *st, const char *name, uint32_t lines) {
  mt_covered_chunk *grown = realloc(st->covered, (st->covered_count + 1) * sizeof *grown);
  if (!grown) return NULL;
  st->covered = grown;
  mt_covered_chunk *chunk = &grown[st->covered_count];
  *chunk = (mt_covered_chunk){strdup(name), malloc((lines + 1) * sizeof(uint32_t)), lines};
  if (!chunk->name || !chunk->hits) {
    free(chunk->name);
    free(chunk->hits);
    return NULL;
  }
  for (uint32_t i = 0; i <= lines; i++) chunk->hits[i] = MT_NO_CODE;
  st->covered_count++;
  return chunk;
}

/* The compiled chunk is on top of the stack. Raises when there is no memory: a coverage that is not whole is none. */
void mt_cover_chunk(lua_State *L, const char *name, const char *source, size_t length) {
  mt_state *st = mt_of(L);
  if (!st->covers) return;
  uint32_t lines = 1;
  for (size_t i = 0; i < length; i++) lines += source[i] == '\n';
  mt_covered_chunk *chunk = add_chunk(st, name, lines);
  mt_bytecode bytecode = {0};
  bool is_read = chunk && mt_read_bytecode(L, lua_gettop(L), &bytecode);
  if (is_read) mark_function(chunk, bytecode.root);
  mt_free_bytecode(&bytecode);
  if (!is_read) luaL_error(L, "the lines of %s cannot be told", name);
}

/* Called for each line that begins. Reads only. */
void mt_cover_line(lua_State *L, lua_Debug *ar) {
  mt_state *st = mt_of(L);
  if (!lua_getinfo(L, "S", ar) || *ar->source != '@') return;
  for (uint32_t i = 0; i < st->covered_count; i++) {
    mt_covered_chunk *chunk = &st->covered[i];
    if (strcmp(chunk->name, ar->source + 1) != 0) continue;
    if (ar->currentline <= 0 || (uint32_t)ar->currentline > chunk->line_count) return;
    uint32_t *hits = &chunk->hits[ar->currentline];
    if (*hits < MT_NO_CODE - 1) ++*hits;
    return;
  }
}

void mt_visit_coverage(const mt_state *st, void *context,
                       void (*visit)(void *context, const char *chunk, uint32_t line, uint32_t hits)) {
  for (uint32_t i = 0; i < st->covered_count; i++)
    for (uint32_t line = 1; line <= st->covered[i].line_count; line++)
      if (st->covered[i].hits[line] != MT_NO_CODE) visit(context, st->covered[i].name, line, st->covered[i].hits[line]);
}

void mt_forget_coverage(mt_state *st) {
  for (uint32_t i = 0; i < st->covered_count; i++) {
    free(st->covered[i].name);
    free(st->covered[i].hits);
  }
  free(st->covered);
}
