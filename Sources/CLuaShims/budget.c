/* What a call may use: steps, time, memory; and the one flag that ends it. */

#include "state.h"

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

static void on_count(lua_State *L, lua_Debug *ar);

/* Safe inside the allocator: lua_sethook only writes fields (it may be called from a signal handler). */
void mt_set_fatal(mt_state *st, int kind) {
  if (st->fatal) return;
  st->fatal = kind;
  if (kind != MT_MEMORY || st->fatal_line == 0) /* the allocator may have seen where */
    mt_find_place(st->L, 0, st->fatal_chunk, sizeof st->fatal_chunk, &st->fatal_line);
  lua_sethook(st->L, on_count, LUA_MASKCOUNT, 1);
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
    st->steps -= MT_HOOK_INTERVAL;
    if (st->steps < 0) mt_set_fatal(st, MT_CPU);
    else if (out_of_time(st)) mt_set_fatal(st, MT_WALL);
    else return;
  }
  mt_raise_fatal(L);
}

void mt_charge(mt_state *st, int64_t steps) {
  if (steps > 0) st->steps -= steps < st->steps_limit ? steps : st->steps_limit;
}

void mt_charge_or_raise(lua_State *L, int64_t steps) {
  mt_state *st = mt_of(L);
  mt_charge(st, steps);
  if (st->steps < 0) mt_set_fatal(st, MT_CPU);
  else if (steps > MT_HOOK_INTERVAL && out_of_time(st)) mt_set_fatal(st, MT_WALL);
  if (st->fatal) mt_raise_fatal(L);
}

/* `counts`: instructions are counted; without, only functions in C look at the limits. */
void mt_arm(mt_state *st, const mt_limits *limits, bool counts) {
  st->fatal = 0;
  st->next_depth = 0;
  st->fatal_by_call = false;
  st->fatal_line = 0;
  st->fatal_chunk[0] = 0;
  st->error.traceback[0] = 0;
  st->syntax = false;
  st->steps = st->steps_limit = limits->steps;
  st->wall_limit = limits->wall;
  st->wall_started = 0;
  st->allocated = 0;
  st->allocated_limit = limits->allocated;
  int lines = st->covers ? LUA_MASKLINE : 0;
  if (counts || lines) lua_sethook(st->L, on_count, LUA_MASKCOUNT | lines, MT_HOOK_INTERVAL);
  else if (lua_gethookmask(st->L)) lua_sethook(st->L, NULL, 0, 0);
}

/* Lua collects garbage and asks again when this fails, and raises "not enough memory" when it fails again; the
   scripts' pcall makes that final. Where the first look happened is kept, since nothing else knows it then. */
static bool refuses(mt_state *st, size_t more) {
  if (st->fail_from && st->allocations >= st->fail_from) return true;
  if (st->live + more <= st->live_limit) return false;
  if (st->L && !st->fatal) mt_find_place(st->L, 0, st->fatal_chunk, sizeof st->fatal_chunk, &st->fatal_line);
  return true;
}

void *mt_allocate(void *ud, void *block, size_t old, size_t size) {
  mt_state *st = ud;
  if (!block) old = 0; /* then it is the kind of object */
  if (size == 0) {
    free(block);
    st->live -= old;
    return NULL;
  }
  if (size > old) {
    st->allocations++;
    if (refuses(st, size - old)) return NULL;
  }
  void *moved = realloc(block, size);
  if (!moved) return size <= old ? block : NULL; /* shrinking must not fail */
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

void mt_fail_allocations(mt_state *st, uint64_t from) { st->fail_from = from ? st->allocations + from : 0; }

mt_memory mt_memory_statistics(const mt_state *st) {
  return (mt_memory){st->live, st->peak, st->live_limit, st->allocations, (uint64_t)st->allocated};
}
