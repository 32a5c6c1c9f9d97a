/* The nearest known name of a misspelt one. */

#include "state.h"

#include <string.h>

/* Edits (insert, remove, replace, swap neighbours) between two short names. */
static unsigned edits(const char *a, size_t n, const char *b, size_t m) {
  unsigned rows[3][MT_MAX_NAME + 1];
  for (size_t j = 0; j <= m; j++) rows[0][j] = (unsigned)j;
  for (size_t i = 1; i <= n; i++) {
    unsigned *row = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
      unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);
      if (before[j] + 1 < best) best = before[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < best)
        best = earlier[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[n % 3][m];
}

mt_suggestion mt_suggest_for(const char *wanted, size_t length) {
  return (mt_suggestion){wanted, length, (unsigned)(length / 3 + 1) + 1, ""};
}

void mt_consider(mt_suggestion *s, const char *name, size_t length) {
  if (length > MT_MAX_NAME || s->length > MT_MAX_NAME) return;
  unsigned distance = edits(s->wanted, s->length, name, length);
  /* Of equally near names the first in the alphabet: the answer must not depend on hashing. */
  if (distance > s->distance || (distance == s->distance && (!*s->best || strcmp(name, s->best) >= 0))) return;
  s->distance = distance;
  memcpy(s->best, name, length);
  s->best[length] = 0;
}

void mt_raise_unknown(lua_State *L, const mt_suggestion *s, const char *kind, const char *owner) {
  char wanted[64];
  mt_clean(wanted, sizeof wanted, s->wanted, s->length, false);
  if (*s->best) luaL_error(L, "no %s '%s' in %s; did you mean '%s'?", kind, wanted, owner, s->best);
  luaL_error(L, "no %s '%s' in %s", kind, wanted, owner);
  __builtin_unreachable();
}
