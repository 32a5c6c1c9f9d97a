/* What a call read. While a call is tracked, every read of its record is noted by the host's keys; whatever else its answer
   may hang on, but for Lua's own memory, makes it unsteady.

   That an answer may be given again for a record that agrees in the keys rests on this:
    1. The function is proved to change nothing of Lua's memory (examine.c). So between two of its runs, whoever else ran,
       that memory is as it was, unless `written` has grown.
    2. `written` grows before every run of anything that is not so proved: a chunk, a callback, a function that the host
       calls for itself. A proof counts for the `written` for which its facts were compared, and no other (keep.c).
    3. Everything outside of Lua's memory that a script can ask for comes through a function in C. Of the record: noted here,
       each field with its keys; of another record, or one without keys: unsteady. Of the host: unsteady unless the function
       is said to be pure. Of the library: `math.random`, `print` and iterators that began in another call are unsteady, the
       rest computes from its arguments.
    4. Lua computes the same from the same. Calls that fail are not remembered: limits of time and memory may.  */

#include "state.h"

#include <stdlib.h>
#include <string.h>

void mt_track_next(mt_state *st) {
  mt_track *t = &st->track;
  t->is_steady = true;
  t->why = "";
  t->count = 0;
  memset(t->seen, 0, sizeof t->seen);
  t->base = t; /* mt_call_record sees it */
}

static void note(mt_track *t, uint8_t key) {
  uint64_t bit = (uint64_t)1 << (key & 63);
  if (t->seen[key >> 6] & bit) return;
  t->seen[key >> 6] |= bit;
  if (t->count < MT_MAX_KEYS) t->keys[t->count++] = key;
  else t->is_steady = false;
}

void mt_note_unsteady(mt_state *st, const char *name) {
  if (!st->track.on || !st->track.is_steady) return;
  st->track.is_steady = false;
  st->track.why = name;
}

void mt_note_read(mt_state *st, const mt_record *record, const mt_record_kind *kind, const mt_field_entry *field) {
  if (field->kind == MT_FIELD_METHOD) return; /* the function itself: its call is noted */
  if (field->is_unsteady || record->base != st->track.base) {
    mt_note_unsteady(st, field->name ? field->name : kind->name);
    return;
  }
  for (int i = 0; i < field->key_count; i++) note(&st->track, field->keys[i]);
}

void mt_note_key(mt_state *st, const void *base, uint8_t key) {
  if (!st->track.on) return;
  if (base == st->track.base) note(&st->track, key);
  else mt_note_unsteady(st, "a packet of its own");
}

void mt_note_host_call(mt_state *st, uint32_t function) {
  if (!st->track.on || (function < st->native_count && st->natives[function].nature == MT_PURE)) return;
  mt_note_unsteady(st, function < st->native_count && st->natives[function].name ? st->natives[function].name : "a host object");
}

int32_t mt_keys_read(const mt_state *st, const uint8_t **keys) {
  *keys = st->track.keys;
  return st->track.is_steady ? (int32_t)st->track.count : -1;
}

const char *mt_unsteady_read(const mt_state *st) { return st->track.is_steady ? "" : st->track.why; }

uint64_t mt_written(const mt_state *st) { return st->written; }

bool mt_is_proved(const mt_state *st, int32_t function) { return mt_is_sure(st, function); }

uint64_t mt_random_state(const mt_state *st) { return st->random; }

void mt_set_random_state(mt_state *st, uint64_t random) { st->random = random; }

/* --- functions in C ----------------------------------------------------------------------------------------------- */

int mt_describe_function(mt_state *st, uint32_t function, const char *name, enum mt_nature nature) {
  if (function >= st->native_count) {
    uint32_t count = 2 * function + 64;
    mt_native *grown = realloc(st->natives, count * sizeof *grown);
    if (!grown) return MT_MEMORY;
    memset(grown + st->native_count, 0, (count - st->native_count) * sizeof *grown);
    st->natives = grown;
    st->native_count = count;
  }
  mt_native *native = &st->natives[function];
  free(native->name);
  native->name = strdup(name);
  native->nature = (uint8_t)nature;
  return native->name ? MT_OK : MT_MEMORY;
}

/* Both have the function's number as their first upvalue. */
static bool is_host_function(lua_State *L, int index) {
  lua_CFunction function = lua_tocfunction(L, index);
  return function == mt_host_function || function == mt_record_predicate;
}

static const mt_native *host_function(lua_State *L, int index) {
  const mt_state *st = mt_of(L);
  if (!is_host_function(L, index) || !lua_getupvalue(L, index, 1)) return NULL;
  lua_Integer number = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return number >= 0 && number < (lua_Integer)st->native_count ? &st->natives[number] : NULL;
}

const char *mt_native_name(lua_State *L, int index) {
  const mt_native *native = host_function(L, index);
  const char *name = native ? native->name : mt_library_name(L, index);
  return name ? name : "";
}

int mt_native_nature(lua_State *L, int index) {
  if (is_host_function(L, index)) {
    const mt_native *native = host_function(L, index);
    return native ? native->nature : MT_ACTS;
  }
  const char *name = mt_native_name(L, index);
  return strcmp(name, "print") == 0 ? MT_ACTS : strcmp(name, "math.random") == 0 ? MT_CHANGES : MT_PURE;
}
