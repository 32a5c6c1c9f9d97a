/* Which lines of the chunks could run, and how often each was begun. Only for tests of policies: the hook costs a call a
   line, beside the budget's, which stays as exact as it is.

   The lines that could run are read off the chunk's own dump, nested functions included, since a function that is never
   made has no closure to ask. Left out is each function's last instruction: the return that the compiler adds, which
   stands on the line of its `end`. */

#include "dump.h"

static void mark(mt_covered_chunk *chunk, size_t line) {
  if (line == 0 || line > chunk->line_count) return;
  if (chunk->hits[line] == MT_NO_CODE) chunk->hits[line] = 0;
}

/* One byte an instruction: how far its line is from the one before, or -128: see the list of absolute lines. */
static void mark_lines(dump *d, mt_covered_chunk *chunk, size_t line, bool is_vararg) {
  size_t count = next_size(d), deltas = d->at;
  skip(d, count);
  size_t absolutes = next_size(d);
  size_t next_absolute = absolutes ? next_size(d) : SIZE_MAX;
  size_t absolute_line = absolutes ? next_size(d) : 0;
  for (size_t i = 0; i < count && !d->failed; i++) {
    int delta = (signed char)d->bytes[deltas + i];
    line = delta != -128 ? line + (size_t)delta : i == next_absolute ? absolute_line : line;
    if (delta == -128) {
      next_absolute = --absolutes ? next_size(d) : SIZE_MAX;
      absolute_line = absolutes ? next_size(d) : 0;
    }
    if (!(i == 0 && is_vararg) && i != count - 1) mark(chunk, line);
  }
}

static void read_function(dump *d, mt_covered_chunk *chunk, int depth) {
  if (depth > MT_DUMP_DEPTH || d->failed) {
    d->failed = true;
    return;
  }
  skip_string(d);
  size_t line = next_size(d);
  next_size(d);
  skip(d, 1);
  bool is_vararg = next_byte(d) != 0;
  skip(d, 1);
  skip(d, 4 * next_size(d)); /* the code */
  skip_constants(d);
  skip(d, 3 * next_size(d)); /* upvalues */
  for (size_t n = next_size(d); n > 0 && !d->failed; n--) read_function(d, chunk, depth + 1);
  mark_lines(d, chunk, line, is_vararg);
  for (size_t n = next_size(d); n > 0 && !d->failed; n--) skip_string(d), next_size(d), next_size(d); /* locals */
  for (size_t n = next_size(d); n > 0 && !d->failed; n--) skip_string(d); /* upvalues' names */
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
  dump d = {0};
  bool is_open = chunk && open_dump(L, &d, false);
  if (is_open) read_function(&d, chunk, 0);
  bool failed = !is_open || d.failed;
  free(d.bytes);
  if (failed) luaL_error(L, "the lines of %s cannot be told", name);
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
