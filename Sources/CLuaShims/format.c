/* string.format without addresses and without code of anyone: results as Lua's own, `%p` refused. */

#include "state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SPEC_SIZE = 32, ITEM_SIZE = 512 }; /* %-099.99f of the largest double takes 410 bytes */

typedef struct specification {
  char text[SPEC_SIZE]; /* with the length modifier, for snprintf */
  char shown[SPEC_SIZE];
  char conversion;
  bool plain; /* no flags, no width, no precision */
  bool has_precision;
} specification;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *allowed_flags(char conversion, bool *precision) {
  *precision = true;
  switch (conversion) {
  case 'd': case 'i': return "-+0 ";
  case 'u': return "-0";
  case 'x': case 'X': case 'o': return "-#0";
  case 'a': case 'A': case 'e': case 'E': case 'f': case 'g': case 'G': return "-+#0 ";
  case 's': return "-";
  case 'c': *precision = false; return "-";
  default: return NULL;
  }
}

/* `p` is behind the '%'; returns what is behind the conversion. */
static const char *parse(lua_State *L, const char *p, specification *spec) {
  const char *start = p;
  size_t flags = strspn(p, "-+#0 ");
  p += flags;
  for (int i = 0; i < 2 && is_digit(*p); i++) p++;
  spec->has_precision = *p == '.';
  if (*p == '.') {
    p++;
    for (int i = 0; i < 2 && is_digit(*p); i++) p++;
  }
  size_t length = (size_t)(p - start);
  spec->plain = length == 0;
  spec->conversion = *p;
  if (length + 8 > SPEC_SIZE) luaL_error(L, "invalid format string to 'format'");
  snprintf(spec->shown, sizeof spec->shown, "%%%.*s", (int)(length + (*p != 0)), start);
  bool precision;
  const char *allowed = allowed_flags(*p, &precision);
  bool known = *p == 'q' || allowed;
  if (*p == 'p') luaL_error(L, "'%%p' is not available: scripts see no addresses");
  if (*p == 'q' && !spec->plain) luaL_error(L, "specifier '%%q' cannot have modifiers");
  if (!known || (allowed && (strspn(start, allowed) < flags || (spec->has_precision && !precision)))) {
    char clean[4 * SPEC_SIZE];
    mt_clean(clean, sizeof clean, spec->shown, strlen(spec->shown), false);
    luaL_error(L, "invalid conversion '%s' to 'format'", clean);
  }
  const char *modifier = strchr("diuxXo", *p) ? LUA_INTEGER_FRMLEN : "";
  snprintf(spec->text, sizeof spec->text, "%%%.*s%s%c", (int)length, start, modifier, *p);
  return p + 1;
}

static void add_quoted(luaL_Buffer *out, const char *s, size_t length) {
  luaL_addchar(out, '"');
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)s[i];
    char code[8];
    if (c == '"' || c == '\\' || c == '\n') {
      luaL_addchar(out, '\\');
      luaL_addchar(out, (char)c);
    } else if (c < 0x20 || c == 0x7F) {
      bool digit_follows = i + 1 < length && is_digit(s[i + 1]);
      snprintf(code, sizeof code, digit_follows ? "\\%03d" : "\\%d", c);
      luaL_addstring(out, code);
    } else {
      luaL_addchar(out, (char)c);
    }
  }
  luaL_addchar(out, '"');
}

static void add_number_literal(lua_State *L, luaL_Buffer *out, int argument) {
  char text[64];
  if (lua_isinteger(L, argument)) {
    lua_Integer n = lua_tointeger(L, argument);
    snprintf(text, sizeof text, n == LUA_MININTEGER ? "0x%" LUA_INTEGER_FRMLEN "x" : LUA_INTEGER_FMT, n);
  } else {
    lua_Number n = lua_tonumber(L, argument);
    if (n != n) snprintf(text, sizeof text, "(0/0)");
    else if (isinf(n)) snprintf(text, sizeof text, n > 0 ? "1e9999" : "-1e9999");
    else snprintf(text, sizeof text, "%a", n);
  }
  luaL_addstring(out, text);
}

static void add_literal(lua_State *L, luaL_Buffer *out, int argument) {
  size_t length;
  const char *s;
  switch (lua_type(L, argument)) {
  case LUA_TSTRING:
    s = lua_tolstring(L, argument, &length);
    mt_charge_or_raise(L, (int64_t)length / 4);
    add_quoted(out, s, length);
    return;
  case LUA_TNUMBER: add_number_literal(L, out, argument); return;
  case LUA_TNIL: luaL_addstring(out, "nil"); return;
  case LUA_TBOOLEAN: luaL_addstring(out, lua_toboolean(L, argument) ? "true" : "false"); return;
  default: luaL_argerror(L, argument, "value has no literal form");
  }
}

static void add_text(lua_State *L, luaL_Buffer *out, int argument, const specification *spec) {
  size_t length;
  luaL_checkany(L, argument);
  mt_describe_value(L, argument); /* one value above the buffer's: luaL_addvalue takes it */
  const char *s = lua_tolstring(L, -1, &length);
  mt_charge_or_raise(L, (int64_t)length / 16);
  if (spec->plain || (!spec->has_precision && length >= 100)) {
    luaL_addvalue(out);
    return;
  }
  luaL_argcheck(L, memchr(s, 0, length) == NULL, argument, "string contains zeros");
  char item[ITEM_SIZE]; /* width and precision have two digits */
  int made = snprintf(item, sizeof item, spec->text, s);
  lua_pop(L, 1);
  luaL_addlstring(out, item, (size_t)made);
}

static void add_item(lua_State *L, luaL_Buffer *out, int argument, const specification *spec) {
  char item[ITEM_SIZE];
  int made;
  switch (spec->conversion) {
  case 's': add_text(L, out, argument, spec); return;
  case 'q': luaL_checkany(L, argument); add_literal(L, out, argument); return;
  case 'c': made = snprintf(item, sizeof item, spec->text, (int)mt_check_integer(L, argument)); break;
  case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
    made = snprintf(item, sizeof item, spec->text, mt_check_integer(L, argument));
    break;
  default: made = snprintf(item, sizeof item, spec->text, mt_check_number(L, argument));
  }
  mt_charge_or_raise(L, 8 + made / 4);
  luaL_addlstring(out, item, (size_t)made);
}

int mt_string_format(lua_State *L) {
  size_t length;
  int last = lua_gettop(L), argument = 1;
  const char *p = luaL_checklstring(L, 1, &length), *end = p + length;
  mt_charge_or_raise(L, 4 + (int64_t)length / 8);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (p < end) {
    if (*p != '%') {
      luaL_addchar(&out, *p++);
    } else if (*++p == '%') {
      luaL_addchar(&out, *p++);
    } else {
      specification spec;
      p = parse(L, p, &spec);
      if (++argument > last) return luaL_argerror(L, argument, "no value");
      add_item(L, &out, argument, &spec);
    }
  }
  luaL_pushresult(&out);
  return 1;
}

const luaL_Reg mt_string_functions[] = {{"string.format", mt_string_format}, {NULL, NULL}};
