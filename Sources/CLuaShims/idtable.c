/* The script's own tables by number (of a conversation): bounded, so that many conversations cannot fill the heap.

   Two generations. What is asked for moves to the young one; when that is full it becomes the old one, and the old one is
   forgotten. So the MT_GENERATION numbers asked for last keep their tables, whatever their order, at the price of one look-up
   for those that are asked for again and again. */

#include "state.h"

enum { MT_GENERATION = 8192 };

void mt_open_id_tables(lua_State *L) {
  mt_state *st = mt_of(L);
  lua_newtable(L);
  st->id_tables = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  st->old_id_tables = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void turn(lua_State *L) {
  mt_state *st = mt_of(L);
  lua_newtable(L); /* may raise; nothing is changed before */
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->id_tables);
  lua_rawseti(L, LUA_REGISTRYINDEX, st->old_id_tables);
  lua_rawseti(L, LUA_REGISTRYINDEX, st->id_tables);
  st->forgotten_id_tables += st->old_id_table_count;
  st->old_id_table_count = st->id_table_count;
  st->id_table_count = 0;
}

/* Pushes the table of the old generation and takes it out of there, or pushes a new one. */
static void push_from_old(lua_State *L, uint32_t id) {
  mt_state *st = mt_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->old_id_tables);
  if (lua_rawgeti(L, -1, id) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawseti(L, -3, id);
    st->old_id_table_count--;
  } else {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  lua_remove(L, -2);
}

void mt_push_id_table_value(lua_State *L, uint32_t id) {
  mt_state *st = mt_of(L);
  luaL_checkstack(L, 5, "too many values");
  lua_rawgeti(L, LUA_REGISTRYINDEX, st->id_tables);
  if (lua_rawgeti(L, -1, id) != LUA_TTABLE) {
    lua_pop(L, 2);
    push_from_old(L, id);
    if (st->id_table_count >= MT_GENERATION) turn(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, st->id_tables);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, id);
    lua_pop(L, 1);
    st->id_table_count++;
    return;
  }
  lua_remove(L, -2);
}

static bool forget(lua_State *L, int generation, uint32_t id) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, generation);
  bool found = lua_rawgeti(L, -1, id) == LUA_TTABLE;
  lua_pop(L, 1);
  if (found) {
    lua_pushnil(L);
    lua_rawseti(L, -2, id);
  }
  lua_pop(L, 1);
  return found;
}

static int drop_table(lua_State *L) {
  mt_state *st = mt_of(L);
  uint32_t id = *(const uint32_t *)lua_touserdata(L, 1);
  if (forget(L, st->id_tables, id)) st->id_table_count--;
  if (forget(L, st->old_id_tables, id)) st->old_id_table_count--;
  return 0;
}

int mt_drop_id_table(mt_state *st, uint32_t id) {
  return st->id_table_count + st->old_id_table_count ? mt_protect(st, drop_table, &id) : MT_OK;
}

uint64_t mt_forgotten_id_tables(const mt_state *st) { return st->forgotten_id_tables; }
