/* Lua patterns: what match.c finds and patterns.c makes values of. */

#ifndef MT_MATCH_H
#define MT_MATCH_H

#include "state.h"

enum { MT_MAX_CAPTURES = 32, MT_MATCH_DEPTH = 200, MT_STEPS_AT_ONCE = 64 };

enum { MT_OPEN = -1, MT_POSITION = -2 };

typedef struct mt_capture {
  const char *start;
  ptrdiff_t length; /* or MT_OPEN or MT_POSITION */
} mt_capture;

typedef struct mt_matcher {
  lua_State *L;
  const char *text, *text_end, *pattern_end;
  unsigned steps;
  int depth, captures;
  mt_capture capture[MT_MAX_CAPTURES];
} mt_matcher;

/* Tries the pattern at one place of the text.
 *
 * Returns: where the match ends; NULL: there is none. Raises for a pattern that is wrong, and when the steps are used up. */
const char *mt_match_at(mt_matcher *m, const char *s, const char *p);

#endif
