/* The host at work beside a running script: from inside a function that a script called, it uses the state as if nothing
   ran, each call under limits of its own. For tests of policies, whose script asks the pipeline, which asks the script.

   The frame of `run_aside` is to these calls what the bare stack is to others: its slot 1 holds the message handler. What
   belongs to the running call is put away and brought back; what is raised inside ends inside (invariant 1). */

#include "state.h"

#include <stdlib.h>

typedef struct aside_request {
  void (*body)(void *context);
  void *context;
} aside_request;

/* What the outer call goes on with. */
typedef struct outer_call {
  int64_t steps, steps_limit, wall_limit, wall_started, cpu_started, allocated, allocated_limit;
  mt_value *in, *out;
  uint32_t in_count, in_capacity, out_count, out_capacity, next_depth;
  char *out_bytes;
  size_t out_length, out_bytes_capacity;
  bool out_failed;
  mt_track track;
} outer_call;

static outer_call put_away(mt_state *st) {
  st->written++; /* the script has run since */
  mt_note_unsteady(st, "a call beside it");
  outer_call outer = {
    st->steps, st->steps_limit, st->wall_limit, st->wall_started, st->cpu_started, st->allocated, st->allocated_limit,
    st->in, st->out, st->in_count, st->in_capacity, st->out_count, st->out_capacity, st->next_depth,
    st->out_bytes, st->out_length, st->out_bytes_capacity, st->out_failed, st->track,
  };
  st->track.on = false;
  st->in = st->out = NULL;
  st->out_bytes = NULL;
  st->in_count = st->in_capacity = st->out_count = st->out_capacity = 0;
  st->out_length = st->out_bytes_capacity = 0;
  st->running = false;
  st->asides++;
  return outer;
}

/* The hook is armed anew and counts from the start: the instructions since its last look are charged in full. */
static void bring_back(mt_state *st, const outer_call *outer) {
  free(st->in);
  free(st->out);
  free(st->out_bytes);
  st->in = outer->in, st->in_count = outer->in_count, st->in_capacity = outer->in_capacity;
  st->out = outer->out, st->out_count = outer->out_count, st->out_capacity = outer->out_capacity;
  st->out_bytes = outer->out_bytes, st->out_length = outer->out_length;
  st->out_bytes_capacity = outer->out_bytes_capacity, st->out_failed = outer->out_failed;
  const mt_limits limits = {outer->steps_limit, outer->wall_limit, outer->allocated_limit};
  mt_arm(st, &limits, true);
  st->steps = outer->steps - MT_HOOK_INTERVAL;
  st->wall_started = outer->wall_started, st->cpu_started = outer->cpu_started;
  st->allocated = outer->allocated;
  st->next_depth = outer->next_depth;
  st->track = outer->track;
  st->written++; /* the script goes on */
  st->running = true;
  st->asides--;
}

static int run_aside(lua_State *L) {
  const aside_request *request = lua_touserdata(L, 1);
  lua_pushcfunction(L, mt_message_handler);
  lua_replace(L, 1);
  request->body(request->context);
  return 0;
}

int mt_aside(mt_state *st, void (*body)(void *context), void *context) {
  lua_State *L = st->L;
  if (!st->running || st->fatal || st->asides == MT_MAX_ASIDES) return MT_BUSY;
  if (!lua_checkstack(L, 8)) return MT_MEMORY;
  aside_request request = {body, context};
  outer_call outer = put_away(st);
  lua_pushcfunction(L, run_aside);
  lua_pushlightuserdata(L, &request);
  int status = lua_pcall(L, 1, 0, 0);
  if (status != LUA_OK) lua_pop(L, 1); /* no room for a frame: the body did not run */
  bring_back(st, &outer);
  return status == LUA_OK ? MT_OK : MT_MEMORY;
}
