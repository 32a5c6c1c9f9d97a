/* string.find, match, gmatch and gsub, on the matcher of match.c. */

#define _GNU_SOURCE /* memmem: linear in glibc, whatever the text */

#include "match.h"

#include <string.h>

/* --- captures as values -------------------------------------------------------------------------------------------- */

static void push_capture(mt_matcher *m, int i, const char *start, const char *end) {
  if (i >= m->captures) {
    if (i != 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(m->L, start, (size_t)(end - start));
    return;
  }
  const mt_capture *c = &m->capture[i];
  if (c->length == MT_OPEN) luaL_error(m->L, "unfinished capture");
  if (c->length == MT_POSITION) lua_pushinteger(m->L, c->start - m->text + 1);
  else lua_pushlstring(m->L, c->start, (size_t)c->length);
}

/* All of them, or the whole match if there is none and `whole` says so. */
static int push_captures(mt_matcher *m, const char *start, const char *end, bool whole) {
  int count = m->captures == 0 && whole ? 1 : m->captures;
  luaL_checkstack(m->L, count, "too many captures");
  for (int i = 0; i < count; i++) push_capture(m, i, start, end);
  return count;
}

/* --- the functions ------------------------------------------------------------------------------------------------- */

static mt_matcher matcher_for(lua_State *L, const char *text, size_t length, const char *pattern, size_t pattern_length) {
  return (mt_matcher){.L = L, .text = text, .text_end = text + length, .pattern_end = pattern + pattern_length};
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
  mt_matcher m = matcher_for(L, text, length, pattern, n);
  bool anchored = *pattern == '^' && n > 0;
  const char *s = text + start;
  do {
    const char *end = mt_match_at(&m, s, pattern + anchored);
    if (!end) continue;
    mt_charge_or_raise(L, m.steps % MT_STEPS_AT_ONCE);
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
  mt_matcher m = matcher_for(L, text, length, pattern, n);
  for (; offset <= (lua_Integer)length; offset++) {
    const char *end = mt_match_at(&m, text + offset, pattern);
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
static void add_replacement_text(mt_matcher *m, luaL_Buffer *out, const char *start, const char *end) {
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
    } else if (c >= '0' && c <= '9') {
      push_capture(m, c - '1', start, end);
      lua_tolstring(m->L, -1, NULL);
      luaL_addvalue(out);
    } else {
      luaL_error(m->L, "invalid use of '%%' in replacement string");
    }
  }
}

/* Adds what replaces the match; false: the match itself stays. */
static bool add_replacement(mt_matcher *m, luaL_Buffer *out, const char *start, const char *end) {
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
  mt_matcher m = matcher_for(L, text, length, pattern, n);
  const char *s = text, *last = NULL;
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (count < most) {
    const char *end = mt_match_at(&m, s, pattern + anchored);
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
  mt_charge_or_raise(L, 1 + m.steps % MT_STEPS_AT_ONCE);
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
