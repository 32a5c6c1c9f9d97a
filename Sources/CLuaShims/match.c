/* Lua patterns with a step budget. Answers and messages are those of Lua 5.4 (a test compares), but every test of a character
   is counted, so that no pattern runs for hours. Characters are classed as in the C locale. */

#include "match.h"

#include <string.h>

static void count_step(mt_matcher *m) {
  if (++m->steps % MT_STEPS_AT_ONCE == 0) mt_charge_or_raise(m->L, MT_STEPS_AT_ONCE);
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
static const char *item_end(mt_matcher *m, const char *p) {
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

static bool matches_one(mt_matcher *m, const char *s, const char *p, const char *end) {
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

static const char *match(mt_matcher *m, const char *s, const char *p);

static const char *match_repeated(mt_matcher *m, const char *s, const char *p, const char *end) {
  const char *last = s;
  while (matches_one(m, last, p, end)) last++;
  for (; last >= s; last--) {
    const char *result = match(m, last, end + 1);
    if (result) return result;
  }
  return NULL;
}

static const char *match_lazily(mt_matcher *m, const char *s, const char *p, const char *end) {
  for (;; s++) {
    const char *result = match(m, s, end + 1);
    if (result) return result;
    if (!matches_one(m, s, p, end)) return NULL;
  }
}

static const char *open_capture(mt_matcher *m, const char *s, const char *p, ptrdiff_t kind) {
  if (m->captures >= MT_MAX_CAPTURES) luaL_error(m->L, "too many captures");
  m->capture[m->captures++] = (mt_capture){s, kind};
  const char *result = match(m, s, p);
  if (!result) m->captures--;
  return result;
}

static const char *close_capture(mt_matcher *m, const char *s, const char *p) {
  int i = m->captures - 1;
  while (i >= 0 && m->capture[i].length != MT_OPEN) i--;
  if (i < 0) luaL_error(m->L, "invalid pattern capture");
  m->capture[i].length = s - m->capture[i].start;
  const char *result = match(m, s, p);
  if (!result) m->capture[i].length = MT_OPEN;
  return result;
}

/* `p` is behind "%b": from one bracket to its partner, or NULL. */
static const char *match_balanced(mt_matcher *m, const char *s, const char *p) {
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
static const char *match_again(mt_matcher *m, const char *s, char digit) {
  int i = digit - '1';
  if (i < 0 || i >= m->captures || m->capture[i].length == MT_OPEN)
    luaL_error(m->L, "invalid capture index %%%d", i + 1);
  ptrdiff_t length = m->capture[i].length;
  if (length < 0 || m->text_end - s < length) return NULL;
  mt_charge_or_raise(m->L, length / 16);
  return memcmp(m->capture[i].start, s, (size_t)length) == 0 ? s + length : NULL;
}

static bool is_frontier(mt_matcher *m, const char *s, const char *set, const char *end) {
  unsigned before = s == m->text ? 0 : (unsigned char)s[-1];
  unsigned after = s == m->text_end ? 0 : (unsigned char)*s;
  return !is_in_set(before, set, end - 1) && is_in_set(after, set, end - 1);
}

/* A single-character item and what follows it. Returns true if the loop goes on at *s, *p; else the result is in *s. */
static bool match_item(mt_matcher *m, const char **s, const char **p) {
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
static const char *match_here(mt_matcher *m, const char *s, const char *p) {
  while (p != m->pattern_end) {
    count_step(m);
    switch (*p) {
    case '(': return p[1] == ')' ? open_capture(m, s, p + 2, MT_POSITION) : open_capture(m, s, p + 1, MT_OPEN);
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

static const char *match(mt_matcher *m, const char *s, const char *p) {
  if (m->depth == MT_MATCH_DEPTH) luaL_error(m->L, "pattern too complex");
  m->depth++;
  const char *result = match_here(m, s, p);
  m->depth--;
  return result;
}

const char *mt_match_at(mt_matcher *m, const char *s, const char *p) {
  m->captures = 0;
  m->depth = 0;
  return match(m, s, p);
}
