/* What a call may use: steps, time, memory; and the one flag that ends it. */

#include "state.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* The error value of a fatal end. It needs no memory, and scripts never see it: their pcall rethrows. */
static const char fatal_mark;

static int64_t nanoseconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void mt_start_clock(mt_state *st) {
  st->wall_started = nanoseconds(CLOCK_MONOTONIC);
  st->cpu_started = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

/* Time in which the thread did not run is the machine's, not the script's: a script cannot wait. */
static bool out_of_time(mt_state *st) {
  if (st->wall_limit == INT64_MAX) return false;
  if (st->wall_started == 0) {
    mt_start_clock(st);
    return false;
  }
  if (nanoseconds(CLOCK_MONOTONIC) - st->wall_started < st->wall_limit) return false;
  return nanoseconds(CLOCK_THREAD_CPUTIME_ID) - st->cpu_started >= st->wall_limit / 2;
}

void mt_stop_clock(mt_state *st) {
  st->stopped_wall = nanoseconds(CLOCK_MONOTONIC);
  st->stopped_cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

void mt_go_on_clock(mt_state *st) {
  if (st->wall_started == 0) return;
  st->wall_started += nanoseconds(CLOCK_MONOTONIC) - st->stopped_wall;
  st->cpu_started += nanoseconds(CLOCK_THREAD_CPUTIME_ID) - st->stopped_cpu;
}

static void on_count(lua_State *L, lua_Debug *ar);

/* One instruction may read a whole text (`<` with zero bytes within: 6 ns a byte; `==`; arithmetic on numerals): the longer
   the longest, the fewer instructions between two looks, so that no more than some milliseconds lie between them. */
static int interval(const mt_state *st) {
  size_t longest = 0;
  for (uint32_t i = 0; i < st->text_count; i++)
    if (st->texts[i].size > longest) longest = st->texts[i].size;
  if (longest == 0) return MT_HOOK_INTERVAL;
  return longest >= MT_HOOK_TEXT ? 1 : (int)(MT_HOOK_TEXT / longest);
}

static void look_every(mt_state *st, int instructions) {
  st->interval = instructions;
  lua_sethook(st->L, on_count, LUA_MASKCOUNT | (st->covers ? LUA_MASKLINE : 0), instructions);
}

/* Safe inside the allocator: lua_sethook only writes fields (it may be called from a signal handler). */
void mt_set_fatal(mt_state *st, int kind) {
  if (st->fatal) return;
  st->fatal = kind;
  if (kind != MT_MEMORY || st->fatal_line == 0) /* the allocator may have seen where */
    mt_find_place(st->L, 0, st->fatal_chunk, sizeof st->fatal_chunk, &st->fatal_line);
  look_every(st, 1);
}

void mt_raise_fatal(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&fatal_mark);
  lua_error(L);
  abort(); /* lua_error does not return */
}

static void on_count(lua_State *L, lua_Debug *ar) {
  mt_state *st = mt_of(L);
  if (ar->event == LUA_HOOKLINE) { /* beside the count, which goes on undisturbed */
    mt_cover_line(L, ar);
    return;
  }
  if (!st->fatal) {
    st->steps -= st->interval;
    if (st->steps < 0) mt_set_fatal(st, MT_CPU);
    else if (out_of_time(st)) mt_set_fatal(st, MT_WALL);
    else if (mt_is_interrupted(st)) mt_set_fatal(st, MT_INTERRUPTED);
  }
  if (!st->fatal) {
    if (st->looks_soon) look_every(st, interval(st));
    st->looks_soon = false;
    return;
  }
  mt_raise_fatal(L);
}

struct mt_interrupt {
  _Atomic bool is_set;
};

mt_interrupt *mt_interrupt_new(void) { return calloc(1, sizeof(mt_interrupt)); }
void mt_interrupt_free(mt_interrupt *interrupt) { free(interrupt); }
void mt_interrupt_set(mt_interrupt *interrupt, bool value) {
  atomic_store_explicit(&interrupt->is_set, value, memory_order_relaxed);
}
bool mt_interrupt_is_set(const mt_interrupt *interrupt) {
  return atomic_load_explicit(&interrupt->is_set, memory_order_relaxed);
}
bool mt_is_interrupted(const mt_state *st) { return st->interrupt && mt_interrupt_is_set(st->interrupt); }
void mt_watch(mt_state *st, const mt_interrupt *interrupt) { st->interrupt = interrupt; }

void mt_charge(mt_state *st, int64_t steps) {
  if (steps <= 0) return;
  st->steps -= steps < st->steps_limit ? steps : st->steps_limit;
  st->look_at_clock |= steps > MT_HOOK_INTERVAL;
}

/* `steps` were charged: are there any left, and time, where they were many? */
void mt_settle_or_raise(lua_State *L, int64_t steps) {
  mt_state *st = mt_of(L);
  if (st->steps < 0) mt_set_fatal(st, MT_CPU);
  else if ((st->look_at_clock || steps > MT_HOOK_INTERVAL) && out_of_time(st)) mt_set_fatal(st, MT_WALL);
  else if (mt_is_interrupted(st)) mt_set_fatal(st, MT_INTERRUPTED);
  st->look_at_clock = false;
  if (st->fatal) mt_raise_fatal(L);
}

void mt_charge_or_raise(lua_State *L, int64_t steps) {
  mt_charge(mt_of(L), steps);
  mt_settle_or_raise(L, steps);
}

/* A text in the place of a number is read to its end. */
static void charge_numeral(lua_State *L, int argument) {
  if (lua_type(L, argument) == LUA_TSTRING) mt_charge_or_raise(L, (int64_t)lua_rawlen(L, argument) / 4);
}

lua_Integer mt_check_integer(lua_State *L, int argument) {
  charge_numeral(L, argument);
  return luaL_checkinteger(L, argument);
}

lua_Integer mt_opt_integer(lua_State *L, int argument, lua_Integer other) {
  charge_numeral(L, argument);
  return luaL_optinteger(L, argument, other);
}

lua_Number mt_check_number(lua_State *L, int argument) {
  charge_numeral(L, argument);
  return luaL_checknumber(L, argument);
}

/* `counts`: instructions are counted; without, only functions in C look at the limits. */
void mt_arm(mt_state *st, const mt_limits *limits, bool counts) {
  st->fatal = 0;
  st->next_depth = 0;
  st->fatal_by_call = st->fatal_by_text = st->looks_soon = false;
  st->fatal_line = 0;
  st->fatal_chunk[0] = 0;
  st->error.traceback[0] = 0;
  st->syntax = false;
  st->steps = st->steps_limit = limits->steps;
  st->look_at_clock = false;
  st->wall_limit = limits->wall;
  st->wall_started = 0;
  st->allocated = 0;
  st->allocated_limit = limits->allocated;
  st->interval = st->text_count ? interval(st) : MT_HOOK_INTERVAL;
  if (counts || st->covers || st->text_count) look_every(st, st->interval);
  else if (lua_gethookmask(st->L)) lua_sethook(st->L, NULL, 0, 0);
}

/* --- the heap ------------------------------------------------------------------------------------------------------ */

/* Remembers a long text that is being made; false: no memory for that. */
static bool note_text(mt_state *st, void *block, size_t size) {
  if (st->text_count == st->text_capacity) {
    uint32_t capacity = st->text_capacity ? 2 * st->text_capacity : 16;
    mt_text *grown = realloc(st->texts, capacity * sizeof *grown);
    if (!grown) return false;
    st->texts = grown;
    st->text_capacity = capacity;
  }
  st->texts[st->text_count++] = (mt_text){block, size};
  if (st->running && !st->fatal && interval(st) < st->interval) look_every(st, interval(st));
  return true;
}

/* Memory in the long texts' sizes goes; was it one of them? The later ones are the younger, which die first. */
static void forget_text(mt_state *st, const void *block) {
  for (uint32_t i = st->text_count; i > 0; i--) {
    if (st->texts[i - 1].block != block) continue;
    st->texts[i - 1] = st->texts[--st->text_count];
    return;
  }
}

/* The longest text: a quarter of the heap, so that one comparison ends within the time of a call. */
static bool is_too_long(mt_state *st, size_t size, bool is_text) {
  return is_text && size > st->live_limit / 4 && size >= MT_LONG_TEXT;
}

/* Collecting a full heap takes milliseconds: the next instruction looks at the time. */
static void look_soon(mt_state *st) {
  if (!st->running || st->fatal) return;
  if (st->wall_started == 0) mt_start_clock(st);
  st->looks_soon = true;
  look_every(st, 1);
}

/* Buffers of texts are asked for once and then given up: Lua collects nothing for them. An eighth of the heap is a reserve
   for them: a new object that would use it is refused once, so that Lua collects; then again after each further sixteenth. */
static bool wants_collection(mt_state *st, size_t more, bool is_object) {
  size_t reserve = st->live_limit / 8;
  if (st->collects) {
    st->collects = false;
    st->collect_at = st->live + st->live_limit / 16;
  }
  if (st->collect_at < st->live_limit - reserve) st->collect_at = st->live_limit - reserve;
  return st->collects = is_object && st->running && st->live + more > st->collect_at;
}

/* Lua collects garbage and asks again when this fails, and raises "not enough memory" when it fails again; the
   scripts' pcall makes that final. Where the first look happened is kept, since nothing else knows it then. */
static bool refuses(mt_state *st, size_t more, size_t kind) {
  if (st->fail_from && st->allocations >= st->fail_from && st->allocations - st->fail_from < st->fail_count) return true;
  bool too_long = is_too_long(st, more, kind == LUA_TSTRING);
  if (st->live + more <= st->live_limit && !too_long) {
    if (!wants_collection(st, more, kind != 0)) return false;
    look_soon(st);
    return true;
  }
  if (!st->L || st->fatal) return true;
  st->fatal_by_text = too_long;
  mt_find_place(st->L, 0, st->fatal_chunk, sizeof st->fatal_chunk, &st->fatal_line);
  look_soon(st);
  return true;
}

void *mt_allocate(void *ud, void *block, size_t old, size_t size) {
  mt_state *st = ud;
  size_t kind = block ? 0 : old; /* of a new object */
  if (!block) old = 0;
  if (size == 0) {
    if (old >= MT_LONG_TEXT) forget_text(st, block);
    free(block);
    st->live -= old;
    return NULL;
  }
  if (size > old) {
    st->allocations++;
    if (refuses(st, size - old, kind)) return NULL;
  }
  void *moved = realloc(block, size);
  if (!moved) return size <= old ? block : NULL; /* shrinking must not fail */
  if (kind == LUA_TSTRING && size >= MT_LONG_TEXT && !note_text(st, moved, size)) {
    free(moved);
    return NULL;
  }
  st->live = st->live - old + size;
  if (st->live > st->peak) st->peak = st->live;
  if (size > old) {
    st->allocated += (int64_t)(size - old);
    if (st->allocated > st->allocated_limit && st->running && !st->fatal) {
      st->fatal_by_call = true;
      mt_set_fatal(st, MT_MEMORY);
    }
  }
  return moved;
}

void mt_fail_allocations(mt_state *st, uint64_t from, uint64_t count) {
  st->fail_from = from ? st->allocations + from : 0;
  st->fail_count = count;
}

mt_memory mt_memory_statistics(const mt_state *st) {
  return (mt_memory){st->live, st->peak, st->live_limit, st->allocations, (uint64_t)st->allocated};
}
