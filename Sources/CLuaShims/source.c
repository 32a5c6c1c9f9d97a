/* What a script's text must be before Lua compiles it: text, not too long, no field chain that Lua cannot name.

   Lua up to 5.4.6 names the culprit of an error by walking back through `a.b.c.d...`, one C call per field: a chain of
   thousands overflows the stack. The chain is counted here, on tokens, and rather too high than too low: brackets hand the
   longest chain within them on to what follows. */

#include "state.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NESTING = 250 }; /* Lua itself refuses more than 200 levels */

typedef struct scanner {
  const char *p, *end;
  int32_t line;
  int depth;
  int chain;                /* of the expression that is being read */
  int longest;              /* within the present brackets */
  int outer_chain[MAX_NESTING], outer_longest[MAX_NESTING];
} scanner;

static bool is_name(unsigned char c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* The level of a long bracket's opening at `p` ("[", "=" * level, "["), or -1. */
static int long_level(const scanner *s, const char *p) {
  int level = 0;
  if (p >= s->end || *p != '[') return -1;
  for (p++; p < s->end && *p == '='; p++) level++;
  return p < s->end && *p == '[' ? level : -1;
}

static void skip_long(scanner *s, int level) {
  for (s->p += level + 2; s->p < s->end; s->p++) {
    if (*s->p == '\n') s->line++;
    if (*s->p != ']') continue;
    const char *q = s->p + 1;
    int found = 0;
    while (q < s->end && *q == '=') q++, found++;
    if (found == level && q < s->end && *q == ']') {
      s->p = q + 1;
      return;
    }
  }
}

static void skip_quoted(scanner *s, char quote) {
  for (s->p++; s->p < s->end && *s->p != quote; s->p++) {
    if (*s->p == '\\' && s->p + 1 < s->end) s->p++;
    if (*s->p == '\n') s->line++;
  }
  if (s->p < s->end) s->p++;
}

static void skip_comment(scanner *s) { /* at "--" */
  s->p += 2;
  int level = long_level(s, s->p);
  if (level >= 0) {
    skip_long(s, level);
    return;
  }
  while (s->p < s->end && *s->p != '\n') s->p++;
}

static bool open_bracket(scanner *s) {
  if (s->depth == MAX_NESTING) return false;
  s->outer_chain[s->depth] = s->chain;
  s->outer_longest[s->depth++] = s->longest;
  s->chain = s->longest = 0;
  return true;
}

static void close_bracket(scanner *s, bool is_index) {
  if (s->depth == 0) return; /* Lua will say so */
  int inside = s->longest;
  s->chain = s->outer_chain[--s->depth];
  s->longest = s->outer_longest[s->depth];
  if (inside > s->chain) s->chain = inside;
  if (is_index) s->chain++;
}

/* One token; false: more brackets than can be counted. */
static bool step(scanner *s) {
  char c = *s->p, next = s->p + 1 < s->end ? s->p[1] : 0;
  int level;
  if (c == '\n') s->line++;
  if (c == '-' && next == '-') {
    skip_comment(s);
  } else if (c == '"' || c == '\'') {
    skip_quoted(s, c);
    s->chain = 0;
  } else if ((level = long_level(s, s->p)) >= 0) {
    skip_long(s, level);
    s->chain = 0;
  } else if (is_name((unsigned char)c)) {
    while (s->p < s->end && is_name((unsigned char)*s->p)) s->p++;
  } else if ((c == '.' && next == '.') || (c == ':' && next == ':')) {
    s->p += 2;
    s->chain = 0;
  } else if (c == '.' || c == ':') {
    s->p++;
    s->chain++;
  } else if (c == '(' || c == '[' || c == '{') {
    s->p++;
    if (!open_bracket(s)) return false;
  } else if (c == ')' || c == ']' || c == '}') {
    s->p++;
    close_bracket(s, c == ']');
  } else {
    s->p++;
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') s->chain = 0;
  }
  if (s->chain > s->longest) s->longest = s->chain;
  return true;
}

/* A name starts a new chain unless it follows '.' or ':'. */
static void note_name(scanner *s, char before) {
  if (before != '.' && before != ':') s->chain = 0;
}

/* NULL if the text is acceptable, else what is wrong, at `line`. */
const char *mt_check_source(const char *source, size_t length, int32_t *line) {
  static _Thread_local char fault[96];
  *line = 1;
  if (length > MT_MAX_SOURCE) {
    snprintf(fault, sizeof fault, "the script is longer than %d KiB", MT_MAX_SOURCE >> 10);
    return fault;
  }
  if (length && source[0] == '\x1b') return "this is bytecode; scripts are text";
  scanner s = {.p = source, .end = source + length, .line = 1};
  char before = 0; /* the last character that is not blank */
  while (s.p < s.end) {
    char c = *s.p;
    const char *token = s.p;
    if (is_name((unsigned char)c)) note_name(&s, before);
    bool is_comment = c == '-' && s.p + 1 < s.end && s.p[1] == '-';
    if (!step(&s)) break; /* Lua refuses it, with a better message */
    if (!is_comment && c != ' ' && c != '\t' && c != '\n' && c != '\r')
      before = s.p - token == 2 && (c == '.' || c == ':') ? ' ' : s.p[-1];
    if (s.chain <= MT_MAX_CHAIN) continue;
    *line = s.line;
    snprintf(fault, sizeof fault, "a field chain of more than %d; use a local variable", MT_MAX_CHAIN);
    return fault;
  }
  return NULL;
}

/* --- compiling ----------------------------------------------------------------------------------------------------- */

typedef struct reader {
  const char *p, *end;
  int32_t lines; /* handed out: where the compiler is when it fails without saying so */
} reader;

static const char *next_line(lua_State *L, void *data, size_t *size) {
  (void)L;
  reader *r = data;
  const char *line = r->p, *newline = line < r->end ? memchr(line, '\n', (size_t)(r->end - line)) : NULL;
  r->p = newline ? newline + 1 : r->end;
  *size = (size_t)(r->p - line);
  r->lines += *size > 0;
  return line;
}

/* Pushes the compiled chunk and returns LUA_OK, or what the compiler says; what it says without a place ("C stack
   overflow") gets one. Raises out of memory only. */
int mt_try_compile(lua_State *L, const char *source, size_t length, const char *chunk) {
  mt_state *st = mt_of(L);
  reader r = {source, source + length, 0};
  lua_pushfstring(L, "@%s", chunk);
  int status = lua_load(L, next_line, &r, lua_tostring(L, -1), "t");
  lua_remove(L, -2);
  if (status == LUA_OK) {
    mt_note_risk(L, chunk);
    mt_cover_chunk(L, chunk, source, length);
    return status;
  }
  if (status == LUA_ERRMEM) {
    mt_set_fatal(st, MT_MEMORY);
    lua_error(L);
  }
  if (lua_type(L, -1) == LUA_TSTRING && !mt_has_place(st, lua_tostring(L, -1))) {
    lua_pushfstring(L, "%s:%d: %s", mt_chunk_id(st, chunk), (int)(r.lines ? r.lines : 1), lua_tostring(L, -1));
    lua_remove(L, -2);
  }
  return status;
}

/* Pushes the compiled chunk, or raises. */
void mt_compile(lua_State *L, const char *source, size_t length, const char *chunk) {
  if (mt_try_compile(L, source, length, chunk) != LUA_OK) lua_error(L);
}
