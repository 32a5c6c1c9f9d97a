/* Lua patterns with a step budget: find, match, gmatch, gsub. Answers and messages are those of Lua 5.4 (a test compares),
   but every test of a character is counted, so that no pattern runs for hours. Characters are classed as in the C locale. */

#define _GNU_SOURCE /* memmem: linear in glibc, whatever the text */

#include "state.h"

#include <string.h>

enum { MAX_CAPTURES = 32, MAX_DEPTH = 200, STEPS_AT_ONCE = 64 };

enum { OPEN = -1, POSITION = -2 };

typedef struct capture {
  const char *start;
  ptrdiff_t length; /* or OPEN or POSITION */
} capture;

typedef struct matcher {
  lua_State *L;
  const char *text, *text_end, *pattern_end;
  unsigned steps;
  int depth, captures;
  capture capture[MAX_CAPTURES];
} matcher;

static void count_step(matcher *m) {
  if (++m->steps % STEPS_AT_ONCE == 0) mt_charge_or_raise(m->L, STEPS_AT_ONCE);
}

/* --- one character ------------------------------------------------------------------------------------------------ */

static bool is_lower(unsigned c) { return c - 'a' < 26u; }
static bool is_upper(unsigned c) { return c - 'A' < 26u; }
static bool is_letter(unsigned c) { return is_lower(c | 0x20); }
static bool is_decimal(unsigned c) { return c - '0' < 10u; }
static bool is_graphic(unsigned c) { return c > 0x20 && c < 0x7F; }

static bool is_in_class(unsigned c, unsigned name) {
  bool answer;
  switch (name | 0x20) {
  case 'a': answer = is_letter(c); break;
  case 'c': answer = c < 0x20 || c == 0x7F; break;
  case 'd': answer = is_decimal(c); break;
  case 'g': answer = is_graphic(c); break;
  case 'l': answer = is_lower(c); break;
  case 'p': answer = is_graphic(c) && !is_letter(c) && !is_decimal(c); break;
  case 's': answer = c == ' ' || c - '\t' < 5u; break;
  case 'u': answer = is_upper(c); break;
  case 'w': answer = is_letter(c) || is_decimal(c); break;
  case 'x': answer = is_decimal(c) || (c | 0x20) - 'a' < 6u; break;
  default: return name == c;
  }
  if (!is_letter(name)) return name == c;
  return is_upper(name) ? !answer : answer;
}

/* `set` is at '[', `last` at the closing ']'. */
static bool is_in_set(unsigned c, const char *set, const char *last) {
  const char *p = set + 1;
  bool found = *p != '^';
  if (!found) p++;
  while (p < last) {
    if (*p == '%') {
      if (is_in_class(c, (unsigned char)p[1])) return found;
      p += 2;
    } else if (p[1] == '-' && p + 2 < last) {
      if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return found;
      p += 3;
    } else if ((unsigned char)*p++ == c) {
      return found;
    }
  }
  return !found;
}

/* Behind the single-character item at `p`. */
static const char *item_end(matcher *m, const char *p) {
  char first = *p++;
  if (first == '%') {
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (first != '[') return p;
  if (p < m->pattern_end && *p == '^') p++;
  do { /* the first one may be a ']' itself */
    if (p >= m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
    count_step(m);
    p += *p == '%' && p + 1 < m->pattern_end ? 2 : 1;
  } while (p >= m->pattern_end || *p != ']');
  return p + 1;
}

static bool matches_one(matcher *m, const char *s, const char *p, const char *end) {
  if (s >= m->text_end) return false;
  count_step(m);
  unsigned c = (unsigned char)*s;
  switch (*p) {
  case '.': return true;
  case '%': return is_in_class(c, (unsigned char)p[1]);
  case '[':
    m->steps += (unsigned)(end - p) / 8;
    return is_in_set(c, p, end - 1);
  default: return (unsigned char)*p == c;
  }
}

/* --- the pattern --------------------------------------------------------------------------------------------------- */

static const char *match(matcher *m, const char *s, const char *p);

static const char *match_repeated(matcher *m, const char *s, const char *p, const char *end) {
  const char *last = s;
  while (matches_one(m, last, p, end)) last++;
  for (; last >= s; last--) {
    const char *result = match(m, last, end + 1);
    if (result) return result;
  }
  return NULL;
}

static const char *match_lazily(matcher *m, const char *s, const char *p, const char *end) {
  for (;; s++) {
    const char *result = match(m, s, end + 1);
    if (result) return result;
    if (!matches_one(m, s, p, end)) return NULL;
  }
}

static const char *open_capture(matcher *m, const char *s, const char *p, ptrdiff_t kind) {
  if (m->captures >= MAX_CAPTURES) luaL_error(m->L, "too many captures");
  m->capture[m->captures++] = (capture){s, kind};
  const char *result = match(m, s, p);
  if (!result) m->captures--;
  return result;
}

static const char *close_capture(matcher *m, const char *s, const char *p) {
  int i = m->captures - 1;
  while (i >= 0 && m->capture[i].length != OPEN) i--;
  if (i < 0) luaL_error(m->L, "invalid pattern capture");
  m->capture[i].length = s - m->capture[i].start;
  const char *result = match(m, s, p);
  if (!result) m->capture[i].length = OPEN;
  return result;
}

/* `p` is behind "%b": from one bracket to its partner, or NULL. */
static const char *match_balanced(matcher *m, const char *s, const char *p) {
  if (p + 1 >= m->pattern_end) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s >= m->text_end || *s != p[0]) return NULL;
  for (long open = 1; ++s < m->text_end;) {
    count_step(m);
    if (*s == p[1]) {
      if (--open == 0) return s + 1;
    } else if (*s == p[0]) {
      open++;
    }
  }
  return NULL;
}

/* What capture `digit` holds again at `s`: behind it, or NULL. */
static const char *match_again(matcher *m, const char *s, char digit) {
  int i = digit - '1';
  if (i < 0 || i >= m->captures || m->capture[i].length == OPEN)
    luaL_error(m->L, "invalid capture index %%%d", i + 1);
  ptrdiff_t length = m->capture[i].length;
  if (length < 0 || m->text_end - s < length) return NULL;
  mt_charge_or_raise(m->L, length / 16);
  return memcmp(m->capture[i].start, s, (size_t)length) == 0 ? s + length : NULL;
}

static bool is_frontier(matcher *m, const char *s, const char *set, const char *end) {
  unsigned before = s == m->text ? 0 : (unsigned char)s[-1];
  unsigned after = s == m->text_end ? 0 : (unsigned char)*s;
  return !is_in_set(before, set, end - 1) && is_in_set(after, set, end - 1);
}

/* A single-character item and what follows it. Returns true if the loop goes on at *s, *p; else the result is in *s. */
static bool match_item(matcher *m, const char **s, const char **p) {
  const char *end = item_end(m, *p), quantifier = end < m->pattern_end ? *end : 0;
  switch (quantifier) {
  case '*': *s = match_repeated(m, *s, *p, end); return false;
  case '+': *s = matches_one(m, *s, *p, end) ? match_repeated(m, *s + 1, *p, end) : NULL; return false;
  case '-': *s = match_lazily(m, *s, *p, end); return false;
  case '?':
    if (matches_one(m, *s, *p, end)) {
      const char *result = match(m, *s + 1, end + 1);
      if (result) {
        *s = result;
        return false;
      }
    }
    *p = end + 1;
    return true;
  default:
    if (!matches_one(m, *s, *p, end)) {
      *s = NULL;
      return false;
    }
    ++*s;
    *p = end;
    return true;
  }
}

/* The pattern from `p` on at `s`: behind the match, or NULL. */
static const char *match_here(matcher *m, const char *s, const char *p) {
  while (p != m->pattern_end) {
    count_step(m);
    switch (*p) {
    case '(': return p[1] == ')' ? open_capture(m, s, p + 2, POSITION) : open_capture(m, s, p + 1, OPEN);
    case ')': return close_capture(m, s, p + 1);
    case '$':
      if (p + 1 == m->pattern_end) return s == m->text_end ? s : NULL;
      break;
    case '%':
      if (p[1] == 'b') {
        s = match_balanced(m, s, p + 2);
        if (!s) return NULL;
        p += 4;
        continue;
      }
      if (p[1] == 'f') {
        if (p[2] != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
        const char *end = item_end(m, p + 2);
        if (!is_frontier(m, s, p + 2, end)) return NULL;
        p = end;
        continue;
      }
      if (is_decimal((unsigned char)p[1])) {
        s = match_again(m, s, p[1]);
        if (!s) return NULL;
        p += 2;
        continue;
      }
      break;
    default: break;
    }
    if (!match_item(m, &s, &p)) return s;
  }
  return s;
}

static const char *match(matcher *m, const char *s, const char *p) {
  if (m->depth == MAX_DEPTH) luaL_error(m->L, "pattern too complex");
  m->depth++;
  const char *result = match_here(m, s, p);
  m->depth--;
  return result;
}

static const char *match_at(matcher *m, const char *s, const char *p) {
  m->captures = 0;
  m->depth = 0;
  return match(m, s, p);
}

/* --- captures as values -------------------------------------------------------------------------------------------- */

static void push_capture(matcher *m, int i, const char *start, const char *end) {
  if (i >= m->captures) {
    if (i != 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(m->L, start, (size_t)(end - start));
    return;
  }
  const capture *c = &m->capture[i];
  if (c->length == OPEN) luaL_error(m->L, "unfinished capture");
  if (c->length == POSITION) lua_pushinteger(m->L, c->start - m->text + 1);
  else lua_pushlstring(m->L, c->start, (size_t)c->length);
}

/* All of them, or the whole match if there is none and `whole` says so. */
static int push_captures(matcher *m, const char *start, const char *end, bool whole) {
  int count = m->captures == 0 && whole ? 1 : m->captures;
  luaL_checkstack(m->L, count, "too many captures");
  for (int i = 0; i < count; i++) push_capture(m, i, start, end);
  return count;
}

/* --- the functions ------------------------------------------------------------------------------------------------- */

static matcher matcher_for(lua_State *L, const char *text, size_t length, const char *pattern, size_t pattern_length) {
  return (matcher){.L = L, .text = text, .text_end = text + length, .pattern_end = pattern + pattern_length};
}

/* Offset from 0 of a start position as scripts give it: from 1, negative from the end. */
static size_t start_offset(lua_Integer position, size_t length) {
  if (position > 0) return (size_t)position - 1;
  if (position == 0 || position < -(lua_Integer)length) return 0;
  return length + (size_t)position;
}

static bool is_literal(const char *pattern, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (pattern[i] && strchr("^$*+?.([%-", pattern[i])) return false;
  return true;
}

static int find_literally(lua_State *L, const char *text, size_t length, size_t start, const char *pattern, size_t n) {
  mt_charge_or_raise(L, 1 + (int64_t)(length - start + n) / 8);
  const char *found = n ? memmem(text + start, length - start, pattern, n) : text + start;
  if (!found) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, found - text + 1);
  lua_pushinteger(L, found - text + (lua_Integer)n);
  return 2;
}

static int find_or_match(lua_State *L, bool find) {
  size_t length, n;
  const char *text = luaL_checklstring(L, 1, &length), *pattern = luaL_checklstring(L, 2, &n);
  size_t start = start_offset(mt_opt_integer(L, 3, 1), length);
  if (start > length) {
    lua_pushnil(L);
    return 1;
  }
  if (find && (lua_toboolean(L, 4) || is_literal(pattern, n)))
    return find_literally(L, text, length, start, pattern, n);
  matcher m = matcher_for(L, text, length, pattern, n);
  bool anchored = *pattern == '^' && n > 0;
  const char *s = text + start;
  do {
    const char *end = match_at(&m, s, pattern + anchored);
    if (!end) continue;
    mt_charge_or_raise(L, m.steps % STEPS_AT_ONCE);
    if (!find) return push_captures(&m, s, end, true);
    lua_pushinteger(L, s - text + 1);
    lua_pushinteger(L, end - text);
    return 2 + push_captures(&m, s, end, false);
  } while (s++ < m.text_end && !anchored);
  lua_pushnil(L);
  return 1;
}

static int string_find(lua_State *L) { return find_or_match(L, true); }
static int string_match(lua_State *L) { return find_or_match(L, false); }

/* Upvalues: text, pattern, offset to go on at, offset where the last match ended (-1: none), serial of the call that made
   it: one from an earlier call has gone on since. */
static int next_match(lua_State *L) {
  mt_state *st = mt_of(L);
  if (st->track.on && lua_tointeger(L, lua_upvalueindex(5)) != (lua_Integer)st->serial)
    mt_note_unsteady(st, "string.gmatch");
  size_t length, n;
  const char *text = lua_tolstring(L, lua_upvalueindex(1), &length);
  const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &n);
  lua_Integer offset = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
  matcher m = matcher_for(L, text, length, pattern, n);
  for (; offset <= (lua_Integer)length; offset++) {
    const char *end = match_at(&m, text + offset, pattern);
    if (!end || end - text == last) continue;
    lua_pushinteger(L, end - text);
    lua_copy(L, -1, lua_upvalueindex(3));
    lua_replace(L, lua_upvalueindex(4));
    return push_captures(&m, text + offset, end, true);
  }
  lua_pushinteger(L, (lua_Integer)length + 1);
  lua_replace(L, lua_upvalueindex(3));
  return 0;
}

static int string_gmatch(lua_State *L) {
  size_t length;
  luaL_checklstring(L, 1, &length);
  luaL_checkstring(L, 2);
  size_t start = start_offset(mt_opt_integer(L, 3, 1), length);
  lua_settop(L, 2);
  lua_pushinteger(L, (lua_Integer)(start > length ? length + 1 : start));
  lua_pushinteger(L, -1);
  lua_pushinteger(L, (lua_Integer)mt_of(L)->serial);
  lua_pushcclosure(L, next_match, 5);
  return 1;
}

/* "%0" to "%9" and "%%" in the replacement text. */
static void add_replacement_text(matcher *m, luaL_Buffer *out, const char *start, const char *end) {
  size_t length;
  const char *text = lua_tolstring(m->L, 3, &length), *limit = text + length;
  mt_charge_or_raise(m->L, (int64_t)length / 16);
  while (text < limit) {
    const char *escape = memchr(text, '%', (size_t)(limit - text));
    luaL_addlstring(out, text, (size_t)((escape ? escape : limit) - text));
    if (!escape) return;
    char c = escape[1];
    text = escape + 2;
    if (c == '%') {
      luaL_addchar(out, '%');
    } else if (c == '0') {
      luaL_addlstring(out, start, (size_t)(end - start));
    } else if (is_decimal((unsigned char)c)) {
      push_capture(m, c - '1', start, end);
      lua_tolstring(m->L, -1, NULL);
      luaL_addvalue(out);
    } else {
      luaL_error(m->L, "invalid use of '%%' in replacement string");
    }
  }
}

/* Adds what replaces the match; false: the match itself stays. */
static bool add_replacement(matcher *m, luaL_Buffer *out, const char *start, const char *end) {
  lua_State *L = m->L;
  switch (lua_type(L, 3)) {
  case LUA_TFUNCTION:
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(m, start, end, true), 1);
    break;
  case LUA_TTABLE:
    push_capture(m, 0, start, end);
    lua_gettable(L, 3);
    break;
  default: add_replacement_text(m, out, start, end); return true;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(out, start, (size_t)(end - start));
    return false;
  }
  if (!lua_isstring(L, -1)) luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  lua_tolstring(L, -1, NULL);
  luaL_addvalue(out);
  return true;
}

static int string_gsub(lua_State *L) {
  size_t length, n;
  const char *text = luaL_checklstring(L, 1, &length), *pattern = luaL_checklstring(L, 2, &n);
  int type = lua_type(L, 3);
  luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                   "string/function/table");
  if (type == LUA_TNUMBER) lua_tolstring(L, 3, NULL);
  lua_Integer most = mt_opt_integer(L, 4, (lua_Integer)length + 1), count = 0;
  bool anchored = n > 0 && *pattern == '^', changed = false;
  matcher m = matcher_for(L, text, length, pattern, n);
  const char *s = text, *last = NULL;
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (count < most) {
    const char *end = match_at(&m, s, pattern + anchored);
    if (end && end != last) {
      count++;
      changed = add_replacement(&m, &out, s, end) || changed;
      s = last = end;
    } else if (s < m.text_end) {
      luaL_addchar(&out, *s++);
    } else {
      break;
    }
    if (anchored) break;
  }
  mt_charge_or_raise(L, 1 + m.steps % STEPS_AT_ONCE);
  if (!changed) {
    lua_pushvalue(L, 1);
  } else {
    luaL_addlstring(&out, s, (size_t)(m.text_end - s));
    luaL_pushresult(&out);
  }
  lua_pushinteger(L, count);
  return 2;
}

const luaL_Reg mt_pattern_functions[] = {
    {"string.find", string_find},     {"string.match", string_match}, {"string.gmatch", string_gmatch},
    {"string.gsub", string_gsub},     {NULL, NULL},
};
