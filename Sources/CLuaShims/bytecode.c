/* Reads lua_dump's format (ldump.c of 5.4). The dump comes from our own Lua, so it is well-formed; it is checked anyhow,
   because a newer 5.4 may differ. */

#include "bytecode.h"

#include <stdlib.h>
#include <string.h>

/* More than a chunk of MT_MAX_SOURCE bytes makes, and deeper than Lua nests functions. */
enum { MAX_DUMP = 16 << 20, MAX_DEPTH = 250 };

typedef struct dump {
  char *bytes;
  size_t length, capacity, at;
  bool cut; /* also: not as expected, or no memory */
} dump;

static int collect(lua_State *L, const void *bytes, size_t length, void *ud) {
  (void)L;
  dump *d = ud;
  if (d->cut || length > MAX_DUMP - d->length) return d->cut = true;
  if (d->length + length > d->capacity) {
    size_t capacity = 2 * (d->length + length) + 1024;
    char *grown = realloc(d->bytes, capacity);
    if (!grown) return d->cut = true;
    d->bytes = grown;
    d->capacity = capacity;
  }
  memcpy(d->bytes + d->length, bytes, length);
  d->length += length;
  return 0;
}

static const char *take(dump *d, size_t count) {
  if (d->cut || count > d->length - d->at) {
    d->cut = true;
    return NULL;
  }
  d->at += count;
  return d->bytes + d->at - count;
}

static unsigned take_byte(dump *d) {
  const char *byte = take(d, 1);
  return byte ? (unsigned char)*byte : 0;
}

/* Seven bits a byte, the highest first; the last byte has the top bit set. */
static size_t take_size(dump *d) {
  size_t value = 0;
  for (int i = 0; i < 5; i++) {
    unsigned byte = take_byte(d);
    value = value << 7 | (byte & 0x7F);
    if (byte & 0x80) return value;
  }
  d->cut = true;
  return 0;
}

/* A count of things that take at least `size` bytes each. */
static int take_count(dump *d, size_t size) {
  size_t count = take_size(d);
  if (!d->cut && count <= (d->length - d->at) / size) return (int)count;
  d->cut = true;
  return 0;
}

static const char *take_text(dump *d, size_t *length) {
  size_t size = take_size(d);
  *length = size ? size - 1 : 0;
  const char *text = take(d, *length);
  return text ? text : "";
}

static void *make(dump *d, int count, size_t size) {
  void *made = calloc((size_t)count + 1, size);
  if (!made) d->cut = true;
  return made;
}

static void take_code(dump *d, mt_prototype *p) {
  p->code_count = take_count(d, sizeof *p->code);
  p->code = make(d, p->code_count, sizeof *p->code);
  const char *bytes = take(d, (size_t)p->code_count * sizeof *p->code);
  if (p->code && bytes) memcpy(p->code, bytes, (size_t)p->code_count * sizeof *p->code);
}

static void take_constant(dump *d, mt_constant *constant) {
  enum { NIL = 0x00, FALSE_ = 0x01, TRUE_ = 0x11, INTEGER = 0x03, FLOAT = 0x13, SHORT = 0x04, LONG = 0x14 };
  switch (take_byte(d)) {
  case NIL:
  case FALSE_:
  case TRUE_: return;
  case INTEGER:
  case FLOAT: take(d, 8); return;
  case SHORT:
  case LONG:
    constant->is_string = true;
    constant->text = take_text(d, &constant->length);
    return;
  default: d->cut = true;
  }
}

static void take_lines(dump *d, mt_prototype *p) {
  size_t length;
  p->line_count = take_count(d, 1);
  p->lines = (const int8_t *)take(d, (size_t)p->line_count);
  p->anew_count = take_count(d, 2);
  p->pcs = make(d, p->anew_count, sizeof *p->pcs);
  p->lines_at = make(d, p->anew_count, sizeof *p->lines_at);
  for (int i = 0; i < p->anew_count && !d->cut; i++) {
    p->pcs[i] = (uint32_t)take_size(d);
    p->lines_at[i] = (uint32_t)take_size(d);
  }
  for (int count = take_count(d, 3); count > 0 && !d->cut; count--) { /* local variables */
    take_text(d, &length);
    take_size(d), take_size(d);
  }
  int names = take_count(d, 1);
  if (names > p->upvalue_count) d->cut = true;
  for (int i = 0; i < names && !d->cut; i++) p->upvalues[i].name = take_text(d, &p->upvalues[i].length);
}

static void free_prototype(mt_prototype *p) {
  if (!p) return;
  for (int i = 0; i < p->child_count; i++) free_prototype(p->children[i]);
  free(p->children);
  free(p->code);
  free(p->pcs);
  free(p->lines_at);
  free(p->constants);
  free(p->upvalues);
  free(p);
}

static mt_prototype *take_prototype(dump *d, int depth) {
  size_t length;
  mt_prototype *p = depth < MAX_DEPTH ? calloc(1, sizeof *p) : NULL;
  if (!p) {
    d->cut = true;
    return NULL;
  }
  take_text(d, &length); /* source */
  p->first_line = (int)take_size(d);
  take_size(d);
  p->parameters = (uint8_t)take_byte(d);
  p->is_vararg = take_byte(d) != 0;
  p->registers = (uint8_t)take_byte(d);
  take_code(d, p);
  int constants = take_count(d, 1);
  p->constants = make(d, constants, sizeof *p->constants);
  for (int i = 0; i < constants && !d->cut; i++, p->constant_count++) take_constant(d, &p->constants[i]);
  int upvalues = take_count(d, 3);
  p->upvalues = make(d, upvalues, sizeof *p->upvalues);
  for (int i = 0; i < upvalues && !d->cut; i++, p->upvalue_count++) {
    p->upvalues[i].in_stack = take_byte(d) != 0;
    p->upvalues[i].index = (uint8_t)take_byte(d);
    take_byte(d);
    p->upvalues[i].name = "";
  }
  int children = take_count(d, 1);
  p->children = make(d, children, sizeof *p->children);
  for (int i = 0; i < children && !d->cut; i++, p->child_count++) p->children[i] = take_prototype(d, depth + 1);
  take_lines(d, p);
  return p;
}

bool mt_read_bytecode(lua_State *L, int index, mt_bytecode *bytecode) {
  static const char head[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08"; /* version, format, sizes of numbers */
  dump d = {0};
  *bytecode = (mt_bytecode){0};
  if (lua_type(L, index) != LUA_TFUNCTION || lua_iscfunction(L, index)) return false;
  lua_pushvalue(L, index);
  lua_dump(L, collect, &d, 0);
  lua_pop(L, 1);
  const char *start = take(&d, sizeof head - 1);
  if (!start || memcmp(start, head, sizeof head - 1) != 0) d.cut = true;
  take(&d, 8 + 8 + 1); /* an integer and a number to compare, upvalues */
  bytecode->bytes = d.bytes;
  if (!d.cut) bytecode->root = take_prototype(&d, 0);
  if (!d.cut) return true;
  mt_free_bytecode(bytecode);
  return false;
}

void mt_free_bytecode(mt_bytecode *bytecode) {
  free_prototype(bytecode->root);
  free(bytecode->bytes);
  *bytecode = (mt_bytecode){0};
}

int mt_next_line(const mt_prototype *p, int line, int pc, int *next) {
  if (p->lines[pc] != -0x80) return line + p->lines[pc];
  return *next < p->anew_count ? (int)p->lines_at[(*next)++] : line;
}

int mt_line_of(const mt_prototype *p, int pc) {
  int line = p->first_line, next = 0;
  for (int i = 0; i <= pc && i < p->line_count; i++) line = mt_next_line(p, line, i, &next);
  return line;
}
