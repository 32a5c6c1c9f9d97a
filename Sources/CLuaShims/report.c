/* Failures, written into memory that exists beforehand, so that reporting one cannot fail. */

#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at `p` (RFC 3629), 0 if there is none; its scalar in `scalar`. */
static size_t utf8_length(const unsigned char *p, size_t left, uint32_t *scalar) {
  unsigned char c = p[0];
  size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
  if (n == 0 || n > left) return 0;
  uint32_t s = n == 1 ? c : c & (0x7Fu >> n);
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    s = s << 6 | (p[i] & 0x3F);
  }
  if (n == 3 && (s < 0x800 || (s >= 0xD800 && s < 0xE000))) return 0;
  if (n == 4 && (s < 0x10000 || s > 0x10FFFF)) return 0;
  *scalar = s;
  return n;
}

/* C0, DEL, C1, line separators, and what turns the direction of text round: as `isSteering` of JSONText. */
static bool is_control(uint32_t s) {
  return s < 0x20 || (s >= 0x7F && s < 0xA0) || s == 0x61C || s == 0x200E || s == 0x200F ||
         (s >= 0x2028 && s <= 0x202E) || (s >= 0x2066 && s <= 0x2069) || s == 0xFEFF;
}

static size_t write_escape(char *to, uint32_t s) {
  if (s == '\n') return (size_t)sprintf(to, "\\n");
  if (s == '\r') return (size_t)sprintf(to, "\\r");
  if (s == '\t') return (size_t)sprintf(to, "\\t");
  if (s < 0x100) return (size_t)sprintf(to, "\\x%02X", s);
  return (size_t)sprintf(to, "\\u{%X}", s);
}

/* Copies as one clean line, escaped in Lua's way, cut with "..." if need be. Returns the length without the NUL. */
size_t mt_clean(char *to, size_t capacity, const char *from, size_t length, bool tabs) {
  const unsigned char *p = (const unsigned char *)from;
  size_t n = 0;
  for (size_t i = 0; i < length;) {
    char piece[16];
    uint32_t scalar = 0;
    size_t used = utf8_length(p + i, length - i, &scalar), made;
    if (used == 0) {
      used = 1;
      made = write_escape(piece, 0x80 | p[i]);
    } else if (is_control(scalar) && !(tabs && scalar == '\t')) {
      made = write_escape(piece, scalar);
    } else {
      memcpy(piece, p + i, made = used);
    }
    size_t reserve = i + used < length ? 4 : 1; /* room for "..." and the NUL */
    if (n + made + reserve > capacity) {
      if (n + 4 <= capacity) memcpy(to + n, "...", 3), n += 3;
      break;
    }
    memcpy(to + n, piece, made);
    n += made;
    i += used;
  }
  to[n] = 0;
  return n;
}

static void copy_source(char *to, size_t capacity, const lua_Debug *ar) {
  const char *name = ar->source[0] == '@' || ar->source[0] == '=' ? ar->source + 1 : ar->short_src;
  mt_clean(to, capacity, name, strlen(name), false);
}

/* The innermost script line from `level` outwards. Reads only ("S", "l" allocate nothing and cannot raise). */
bool mt_find_place(lua_State *L, int level, char *chunk, size_t capacity, int32_t *line) {
  lua_Debug ar;
  for (int i = level; i < level + 20 && lua_getstack(L, i, &ar); i++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline <= 0) continue;
    copy_source(chunk, capacity, &ar);
    *line = ar.currentline;
    return true;
  }
  return false;
}

static void append(char *text, size_t capacity, const char *more) {
  size_t n = strlen(text);
  mt_clean(text + n, capacity - n, more, strlen(more), false);
}

static void write_traceback(lua_State *L, char *text, size_t capacity) {
  lua_Debug ar;
  text[0] = 0;
  for (int level = 1; level <= 12 && lua_getstack(L, level, &ar); level++) {
    char line[LUA_IDSIZE + 128];
    lua_getinfo(L, "Sln", &ar);
    if (*ar.what == 'C' && !ar.name) continue;
    const char *what = *ar.what == 'm' ? "main chunk" : ar.name ? ar.name : "a function";
    if (ar.currentline > 0) snprintf(line, sizeof line, "%s:%d: in %.60s", ar.short_src, ar.currentline, what);
    else snprintf(line, sizeof line, "[host]: in %.60s", what);
    size_t n = strlen(text);
    if (n + 2 >= capacity) return;
    if (n) text[n] = '\n', text[n + 1] = 0;
    append(text, capacity, line);
  }
}

/* Runs where the error was raised, before the stack unwinds; not for "not enough memory". */
int mt_message_handler(lua_State *L) {
  mt_state *st = mt_of(L);
  if (!st->fatal) mt_find_place(L, 1, st->fatal_chunk, sizeof st->fatal_chunk, &st->fatal_line);
  write_traceback(L, st->error.traceback, sizeof st->error.traceback);
  return 1;
}

void mt_remember_chunk(mt_state *st, const char *name) {
  size_t length = strlen(name);
  mt_chunk chunk;
  mt_clean(chunk.name, sizeof chunk.name, name, length, false);
  if (length < LUA_IDSIZE) memcpy(chunk.id, name, length + 1);
  else snprintf(chunk.id, sizeof chunk.id, "...%s", name + length - (LUA_IDSIZE - 4));
  for (uint32_t i = 0; i < st->chunk_count; i++)
    if (strcmp(st->chunks[i].id, chunk.id) == 0) return;
  mt_chunk *grown = realloc(st->chunks, (st->chunk_count + 1) * sizeof chunk);
  if (!grown) return; /* then the place stays part of the message */
  st->chunks = grown;
  grown[st->chunk_count++] = chunk;
}

const char *mt_chunk_id(const mt_state *st, const char *name) {
  size_t length = strlen(name);
  for (uint32_t i = 0; i < st->chunk_count; i++) {
    const char *id = st->chunks[i].id;
    if (length < LUA_IDSIZE ? strcmp(id, name) == 0 : strcmp(id + 3, name + length - (LUA_IDSIZE - 4)) == 0) return id;
  }
  return name;
}

/* `web.lua:8: text`: which chunk, which line, and where the text begins. */
static const mt_chunk *place_of(const mt_state *st, const char *message, int32_t *line, const char **text) {
  for (uint32_t i = 0; i < st->chunk_count; i++) {
    size_t n = strlen(st->chunks[i].id);
    if (strncmp(message, st->chunks[i].id, n) != 0 || message[n] != ':') continue;
    char *end;
    long number = strtol(message + n + 1, &end, 10);
    if (end == message + n + 1 || end[0] != ':' || end[1] != ' ' || number < 0 || number > INT32_MAX) continue;
    *line = (int32_t)number;
    *text = end + 2;
    return &st->chunks[i];
  }
  return NULL;
}

bool mt_has_place(const mt_state *st, const char *message) {
  int32_t line;
  const char *text;
  return place_of(st, message, &line, &text) != NULL;
}

/* Takes the place off the message. Returns where the text begins. */
static const char *take_place(mt_state *st, const char *message) {
  const char *text = message;
  const mt_chunk *chunk = place_of(st, message, &st->error.line, &text);
  if (chunk) memcpy(st->error.chunk, chunk->name, sizeof st->error.chunk);
  return text;
}

static void amount(char *to, size_t capacity, int64_t bytes) {
  if (bytes >= 1 << 20 && bytes % (1 << 20) == 0) snprintf(to, capacity, "%lld MiB", (long long)(bytes >> 20));
  else if (bytes >= 1 << 10) snprintf(to, capacity, "%lld KiB", (long long)(bytes >> 10));
  else snprintf(to, capacity, "%lld bytes", (long long)bytes);
}

static void report_fatal(mt_state *st) {
  char *text = st->error.message, size[32];
  int64_t limit = (int64_t)st->live_limit;
  amount(size, sizeof size, st->fatal_by_call ? st->allocated_limit : st->fatal_by_text ? limit / 4 : limit);
  switch (st->fatal) {
  case MT_CPU:
    snprintf(text, MT_MESSAGE_SIZE, "CPU budget of %lld steps used up", (long long)st->steps_limit);
    break;
  case MT_WALL:
    snprintf(text, MT_MESSAGE_SIZE, "time limit of %lld ms reached before the CPU budget",
             (long long)(st->wall_limit / 1000000));
    break;
  case MT_INTERRUPTED:
    snprintf(text, MT_MESSAGE_SIZE, "interrupted");
    break;
  default:
    snprintf(text, MT_MESSAGE_SIZE, st->fatal_by_call ? "not enough memory: more than %s allocated in one call"
                                    : st->fatal_by_text ? "not enough memory: one text may have %s"
                                                      : "not enough memory: the script may keep %s",
             size);
  }
}

void mt_report_text(mt_state *st, const char *message) {
  memset(&st->error, 0, sizeof st->error);
  mt_clean(st->error.message, MT_MESSAGE_SIZE, message, strlen(message), false);
}

static void report_value(mt_state *st) {
  lua_State *L = st->L;
  char text[64];
  switch (lua_type(L, -1)) {
  case LUA_TSTRING: {
    size_t length;
    const char *whole = lua_tolstring(L, -1, &length), *rest = take_place(st, whole);
    mt_clean(st->error.message, MT_MESSAGE_SIZE, rest, length - (size_t)(rest - whole), false);
    return;
  }
  case LUA_TNUMBER:
    if (lua_isinteger(L, -1)) snprintf(text, sizeof text, LUA_INTEGER_FMT, lua_tointeger(L, -1));
    else snprintf(text, sizeof text, LUA_NUMBER_FMT, lua_tonumber(L, -1));
    break;
  default:
    snprintf(text, sizeof text, "the error value is a %s, not a text", lua_typename(L, lua_type(L, -1)));
  }
  memcpy(st->error.message, text, sizeof text);
}

static bool is_stale_message(const mt_state *st) {
  for (uint32_t i = 0; i < st->record_count; i++)
    if (st->records[i].name && strcmp(st->error.message, st->records[i].stale) == 0) return true;
  return false;
}

/* Makes st->error of what lua_pcall left; returns an mt_status. Allocates nothing, raises nothing. */
int mt_report(mt_state *st, int status) {
  if (status == LUA_OK) return MT_OK;
  if (status == LUA_ERRMEM && !st->fatal) st->fatal = MT_MEMORY;
  memcpy(st->error.chunk, st->fatal_chunk, sizeof st->error.chunk);
  st->error.line = st->fatal_line;
  if (st->fatal) {
    report_fatal(st);
    return st->fatal;
  }
  report_value(st);
  if (st->syntax) return MT_SYNTAX;
  return is_stale_message(st) ? MT_STALE : MT_RUNTIME;
}

const mt_error *mt_last_error(const mt_state *st) { return &st->error; }

uint64_t mt_dropped_print_lines(const mt_state *st) { return st->print_dropped; }
