/* A chunk's own bytecode, as lua_dump writes it (ldump.c of Lua 5.4): what can be read off it that Lua tells nobody.
   Reading never leaves the dump; what is not as expected sets `failed`. */

#ifndef MT_DUMP_H
#define MT_DUMP_H

#include "state.h"

#include <stdlib.h>
#include <string.h>

enum { MT_DUMP_DEPTH = 250 }; /* functions in functions; Lua itself nests less deeply */

typedef struct dump {
  unsigned char *bytes; /* free() */
  size_t length, capacity, at;
  bool failed; /* no memory, or not as expected */
} dump;

static inline int collect(lua_State *L, const void *bytes, size_t length, void *ud) {
  (void)L;
  dump *d = ud;
  if (d->length + length > d->capacity) {
    size_t capacity = 2 * (d->length + length);
    unsigned char *grown = realloc(d->bytes, capacity);
    if (!grown) return d->failed = true;
    d->bytes = grown;
    d->capacity = capacity;
  }
  memcpy(d->bytes + d->length, bytes, length);
  d->length += length;
  return 0;
}

static inline void skip(dump *d, size_t count) {
  if (count > d->length - d->at) d->failed = true, d->at = d->length;
  else d->at += count;
}

static inline unsigned next_byte(dump *d) {
  if (d->at < d->length) return d->bytes[d->at++];
  d->failed = true;
  return 0x80;
}

/* Seven bits a byte, the highest first; the last byte has the top bit set. */
static inline size_t next_size(dump *d) {
  size_t value = 0;
  for (int i = 0; i < 10; i++) {
    unsigned byte = next_byte(d);
    value = value << 7 | (byte & 0x7F);
    if (byte & 0x80) return value;
  }
  d->failed = true;
  return 0;
}

static inline void skip_string(dump *d) {
  size_t size = next_size(d);
  if (size) skip(d, size - 1);
}

/* Returns how many there are. */
static inline size_t skip_constants(dump *d) {
  enum { INTEGER = 0x03, FLOAT = 0x13, SHORT_STRING = 0x04, LONG_STRING = 0x14 };
  size_t count = next_size(d);
  for (size_t n = count; n > 0 && !d->failed; n--) {
    unsigned kind = next_byte(d);
    if (kind == INTEGER || kind == FLOAT) skip(d, 8);
    else if (kind == SHORT_STRING || kind == LONG_STRING) skip_string(d);
  }
  return count;
}

/* Dumps the function on top of the stack and steps over the head. False: nothing can be read; free the bytes in any case. */
static inline bool open_dump(lua_State *L, dump *d, bool is_stripped) {
  static const char head[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08"; /* version, format, sizes of numbers */
  if (lua_dump(L, collect, d, is_stripped) != 0 || d->failed) return false;
  if (d->length < sizeof head - 1 || memcmp(d->bytes, head, sizeof head - 1) != 0) return false;
  skip(d, sizeof head - 1 + 8 + 8 + 1); /* an integer and a number to compare, upvalues */
  return !d->failed;
}

#endif
