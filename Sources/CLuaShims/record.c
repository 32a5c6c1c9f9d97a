/* Records: structs lent to scripts for one call. Field reads stay here: a name is found by the address of Lua's own copy
   of it, numbers are read in place, texts are made once per call. */

#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool mt_is_fresh(const mt_state *st, const mt_record *record) {
  return record->serial == st->serial || record->serial == MT_PINNED;
}

void mt_raise_stale(lua_State *L, const mt_record *record) {
  luaL_error(L, "%s", mt_of(L)->records[record->object.type].stale);
  __builtin_unreachable();
}

static uint32_t name_hash(const void *string) {
  return (uint32_t)(((uintptr_t)string >> 4) * 0x9E3779B1u >> 7);
}

static const mt_field_entry *find(const mt_record_kind *kind, const void *string) {
  for (uint32_t i = name_hash(string);; i++) {
    const mt_name_slot *slot = &kind->names[i & kind->mask];
    if (slot->string == string) return string ? &kind->entries[slot->entry] : NULL;
    if (!slot->string) return NULL;
  }
}

static _Noreturn void raise_unknown_field(lua_State *L, const mt_record_kind *kind) {
  if (lua_type(L, 2) != LUA_TSTRING) {
    luaL_error(L, "%s has no key of type %s", kind->name, luaL_typename(L, 2));
    __builtin_unreachable();
  }
  size_t length;
  const char *wanted = lua_tolstring(L, 2, &length);
  mt_suggestion s = mt_suggest_for(wanted, length);
  for (uint32_t i = 0; i <= kind->mask; i++)
    if (kind->names[i].text) mt_consider(&s, kind->names[i].text, strlen(kind->names[i].text));
  mt_raise_unknown(L, &s, "field", kind->name);
}

/* The names of a field's values stand among the type's constants, downwards from its own. */
static int push_named(lua_State *L, int names, unsigned value) {
  if (lua_rawgeti(L, lua_upvalueindex(2), names - (int)value) == LUA_TNIL) lua_pushinteger(L, value);
  return 1;
}

/* Made once per call; the user value holds it, the stamp says for which call. */
static int push_text(lua_State *L, mt_record *record, const mt_field_entry *field) {
  mt_state *st = mt_of(L);
  if (record->stamps[field->slot] == st->serial) {
    lua_getiuservalue(L, 1, field->slot + 1);
    return 1;
  }
  char buffer[MT_TEXT_SIZE];
  int32_t length = st->host.text(st->host.context, field->detail, record->base, buffer);
  if (length < 0) lua_pushnil(L);
  else lua_pushlstring(L, buffer, length > MT_TEXT_SIZE ? MT_TEXT_SIZE : (size_t)length);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, field->slot + 1);
  record->stamps[field->slot] = st->serial;
  return 1;
}

static mt_record *new_record(lua_State *L, uint32_t type, size_t room, int more_values);

/* An inner record: one object per outer one and field, lent again and again as the outer one is. What lies in the outer
   one's own memory keeps that alive by one more user value. */
static int push_inner(lua_State *L, const mt_record *record, const mt_field_entry *field, const void *base) {
  if (!base) {
    lua_pushnil(L);
    return 1;
  }
  if (lua_getiuservalue(L, 1, field->slot + 1) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    new_record(L, field->detail, 0, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, mt_of(L)->records[field->detail].slots + 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, field->slot + 1);
  }
  mt_record *inner = lua_touserdata(L, -1);
  inner->serial = record->serial;
  inner->base = base;
  return 1;
}

static uint16_t read16(const void *p) { uint16_t v; memcpy(&v, p, sizeof v); return v; }
static uint32_t read32(const void *p) { uint32_t v; memcpy(&v, p, sizeof v); return v; }
static uint64_t read64(const void *p) { uint64_t v; memcpy(&v, p, sizeof v); return v; }
static double read_double(const void *p) { double v; memcpy(&v, p, sizeof v); return v; }

/* Upvalues: the type's number, its constants. */
static int record_index(lua_State *L) {
  mt_state *st = mt_of(L);
  mt_record *record = lua_touserdata(L, 1);
  const mt_record_kind *kind = &st->records[record->object.type];
  if (!mt_is_fresh(st, record)) mt_raise_stale(L, record);
  const mt_field_entry *field = find(kind, lua_topointer(L, 2)); /* a string's object, whatever 5.4.x */
  if (!field) raise_unknown_field(L, kind);
  if (st->track.on) mt_note_read(st, record, kind, field);
  if (field->presence_mask && !(record->base[field->presence_offset] & field->presence_mask)) {
    lua_pushnil(L);
    return 1;
  }
  const unsigned char *at = record->base + field->offset;
  switch (field->kind) {
  case MT_FIELD_U8: lua_pushinteger(L, *at); return 1;
  case MT_FIELD_U16: lua_pushinteger(L, read16(at)); return 1;
  case MT_FIELD_U32: lua_pushinteger(L, read32(at)); return 1;
  case MT_FIELD_U64:
  case MT_FIELD_I64: lua_pushinteger(L, (lua_Integer)read64(at)); return 1;
  case MT_FIELD_DOUBLE: lua_pushnumber(L, read_double(at)); return 1;
  case MT_FIELD_BIT: lua_pushboolean(L, *at & field->detail); return 1;
  case MT_FIELD_NAMED: return push_named(L, field->constant, *at);
  case MT_FIELD_TEXT: return push_text(L, record, field);
  case MT_FIELD_RECORD: return push_inner(L, record, field, at);
  case MT_FIELD_ELSEWHERE:
    return push_inner(L, record, field, st->host.elsewhere(st->host.context, field->function, record->base));
  case MT_FIELD_TABLE: mt_push_id_table_value(L, read32(at)); return 1;
  case MT_FIELD_VALUE: return mt_call_host(L, field->detail, 1, 1) ? 1 : 0;
  default: lua_rawgeti(L, lua_upvalueindex(2), field->constant); return 1;
  }
}

static int record_assign(lua_State *L) {
  const mt_record *record = lua_touserdata(L, 1);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
  return luaL_error(L, "cannot set '%s': %s is read-only", key, mt_of(L)->records[record->object.type].name);
}

static int record_length(lua_State *L) {
  return mt_call_host(L, (uint32_t)lua_tointeger(L, lua_upvalueindex(1)), 1, 1);
}

/* `packet:source_in(set)` in the usual form; in any other the method's function says what is wrong. Upvalues: the function's
   number, the record's type and, below 32 bits, the position of the method among its entries. */
int mt_record_predicate(lua_State *L) {
  mt_state *st = mt_of(L);
  const mt_record *record = lua_touserdata(L, 1);
  const mt_handle *handle = lua_touserdata(L, 2);
  if (record && handle && record->object.kind == MT_OBJECT_RECORD && handle->object.kind == MT_OBJECT_HANDLE) {
    lua_Integer method = lua_tointeger(L, lua_upvalueindex(2));
    const mt_record_kind *kind = &st->records[(uint64_t)method >> 32];
    const mt_field_entry *entry = &kind->entries[(uint32_t)method];
    if (&st->records[record->object.type] == kind && handle->object.type == entry->detail && mt_is_fresh(st, record)) {
      mt_charge_or_raise(L, 12);
      int answer = st->host.predicate(st->host.context, entry->function, record->base, handle->index);
      uint64_t key = entry->keys[0] + entry->keys[1] * (uint64_t)handle->index;
      if (answer >= 0 && key < 256) {
        mt_note_key(st, record->base, (uint8_t)key);
        lua_pushboolean(L, answer);
        return 1;
      }
    }
  }
  return mt_call_host(L, (uint32_t)lua_tointeger(L, lua_upvalueindex(1)), 1, lua_gettop(L));
}

static size_t head_size(const mt_record_kind *kind) {
  size_t size = sizeof(mt_record) + kind->slots * sizeof(uint64_t);
  return (size + 15) / 16 * 16; /* what is copied behind it is aligned */
}

static mt_record *new_record(lua_State *L, uint32_t type, size_t room, int more_values) {
  mt_state *st = mt_of(L);
  if (type >= st->record_count || !st->records[type].name) luaL_error(L, "the host gave a record of an unknown type");
  const mt_record_kind *kind = &st->records[type];
  size_t size = head_size(kind);
  mt_record *record = lua_newuserdatauv(L, size + room, kind->slots + more_values);
  memset(record, 0, size); /* serial 0 is never a call's: stale until lent */
  record->object = (mt_object){MT_OBJECT_RECORD, type};
  lua_rawgeti(L, LUA_REGISTRYINDEX, kind->metatable);
  lua_setmetatable(L, -2);
  return record;
}

mt_record *mt_new_record(lua_State *L, uint32_t type) { return new_record(L, type, 0, 0); }

/* The bytes lie behind the record, where Lua never moves them. */
void mt_push_copied_record(lua_State *L, uint32_t type, const void *bytes, size_t size) {
  mt_state *st = mt_of(L);
  mt_record *record = new_record(L, type, size, 0);
  unsigned char *base = (unsigned char *)record + head_size(&st->records[type]);
  memcpy(base, bytes, size);
  st->host.settle(st->host.context, type, base, size);
  record->base = base;
  record->serial = MT_PINNED;
}

/* --- definition --------------------------------------------------------------------------------------------------- */

typedef struct record_request {
  uint32_t type;
  const mt_record_type *description;
} record_request;

static void remember_name(lua_State *L, mt_record_kind *kind, int constants, const char *name, uint32_t entry) {
  lua_pushstring(L, name);
  const void *interned = lua_topointer(L, -1);
  const char *text = lua_tostring(L, -1);
  if (strlen(name) > MT_MAX_NAME) luaL_error(L, "the field name '%s' is too long", name);
  luaL_ref(L, constants); /* keeps Lua's copy where it is */
  for (uint32_t i = name_hash(interned);; i++) {
    mt_name_slot *slot = &kind->names[i & kind->mask];
    if (slot->string == interned) luaL_error(L, "the field '%s' is defined twice", name);
    if (slot->string) continue;
    *slot = (mt_name_slot){interned, text, entry};
    kind->entries[entry].name = text;
    return;
  }
}

/* Below 0, where no reference is; as many keys for each field as a byte has values. */
static int make_names(lua_State *L, const mt_field *field, uint32_t number) {
  int names = -1 - (int)number * (UINT8_MAX + 1);
  for (uint32_t i = 0; i < field->detail; i++) {
    lua_pushstring(L, field->names[i]);
    lua_rawseti(L, 3, names - field->name_values[i]);
  }
  return names;
}

static void define_field(lua_State *L, mt_record_kind *kind, const mt_field *field, uint32_t number) {
  mt_field_entry *entry = &kind->entries[number];
  entry->kind = field->kind;
  entry->is_unsteady = field->is_unsteady;
  entry->key_count = field->key_count;
  memcpy(entry->keys, field->keys, sizeof entry->keys);
  entry->presence_mask = field->presence_mask;
  entry->presence_offset = field->presence_offset;
  entry->offset = field->offset;
  entry->detail = field->detail;
  entry->function = field->function;
  if (field->kind == MT_FIELD_TEXT || field->kind == MT_FIELD_RECORD || field->kind == MT_FIELD_ELSEWHERE)
    entry->slot = kind->slots++;
  if (field->kind == MT_FIELD_NAMED) entry->constant = make_names(L, field, number);
  remember_name(L, kind, 3, field->name, number);
}

static void push_method(lua_State *L, uint32_t type, const mt_member *method, mt_field_entry *entry, uint32_t number) {
  if (method->predicate == MT_NO_FUNCTION) {
    mt_push_host_function(L, method->function);
    return;
  }
  entry->function = method->predicate;
  entry->detail = method->handle_type;
  entry->keys[0] = method->first_key;
  entry->keys[1] = method->key_step;
  lua_pushinteger(L, method->function);
  lua_pushinteger(L, (lua_Integer)type << 32 | number);
  lua_pushcclosure(L, mt_record_predicate, 2);
}

static int define_record(lua_State *L) {
  mt_state *st = mt_of(L);
  const record_request *request = lua_touserdata(L, 1);
  const mt_record_type *d = request->description;
  mt_record_kind *kind = &st->records[request->type];
  lua_newtable(L); /* 2: metatable */
  lua_newtable(L); /* 3: constants */
  for (uint32_t i = 0; i < d->field_count; i++) define_field(L, kind, &d->fields[i], i);
  for (uint32_t i = 0; i < d->method_count; i++) {
    mt_field_entry *entry = &kind->entries[d->field_count + i];
    entry->kind = MT_FIELD_METHOD;
    push_method(L, request->type, &d->methods[i], entry, d->field_count + i);
    entry->constant = luaL_ref(L, 3);
    remember_name(L, kind, 3, d->methods[i].name, d->field_count + i);
  }
  lua_pushinteger(L, request->type);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, record_index, 2);
  lua_setfield(L, 2, "__index");
  lua_pushcfunction(L, record_assign);
  lua_setfield(L, 2, "__newindex");
  lua_pushstring(L, d->name);
  lua_setfield(L, 2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, 2, "__metatable");
  if (d->length != MT_NO_FUNCTION) {
    lua_pushinteger(L, d->length);
    lua_pushcclosure(L, record_length, 1);
    lua_setfield(L, 2, "__len");
  }
  kind->constants = luaL_ref(L, LUA_REGISTRYINDEX);
  kind->metatable = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static bool reserve_names(mt_record_kind *kind, const mt_record_type *d) {
  uint32_t entries = d->field_count + d->method_count, size = 8;
  while (size < 2 * entries) size *= 2;
  kind->entries = calloc(entries ? entries : 1, sizeof *kind->entries);
  kind->names = calloc(size, sizeof *kind->names);
  kind->name = strdup(d->name);
  kind->mask = size - 1;
  kind->entry_count = entries;
  kind->describe = d->describe;
  snprintf(kind->stale, sizeof kind->stale, "%.40s used outside its callback", d->name);
  return kind->entries && kind->names && kind->name;
}

int mt_define_record_type(mt_state *st, uint32_t type, const mt_record_type *description) {
  if (type >= st->record_count || st->records[type].name) return MT_RUNTIME;
  if (!reserve_names(&st->records[type], description)) return MT_MEMORY;
  record_request request = {type, description};
  return mt_protect(st, define_record, &request);
}

/* --- which fields are read ----------------------------------------------------------------------------------------- */

/* Stands in record_index's place, with its upvalues. */
static int record_index_noted(lua_State *L) {
  const mt_record *record = lua_touserdata(L, 1);
  const mt_record_kind *kind = &mt_of(L)->records[record->object.type];
  const mt_field_entry *field = find(kind, lua_topointer(L, 2));
  if (field) kind->entries[field - kind->entries].was_read = true;
  return record_index(L);
}

static int note_reads(lua_State *L) {
  mt_state *st = mt_of(L);
  bool on = *(bool *)lua_touserdata(L, 1);
  for (uint32_t type = 0; type < st->record_count; type++) {
    if (!st->records[type].name) continue;
    lua_rawgeti(L, LUA_REGISTRYINDEX, st->records[type].metatable);
    lua_pushinteger(L, type);
    lua_rawgeti(L, LUA_REGISTRYINDEX, st->records[type].constants);
    lua_pushcclosure(L, on ? record_index_noted : record_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
  }
  return 0;
}

int mt_note_reads(mt_state *st, bool on) { return mt_protect(st, note_reads, &on); }

void mt_take_reads(mt_state *st, void *context, void (*visit)(void *, const char *, const char *)) {
  for (uint32_t type = 0; type < st->record_count; type++) {
    const mt_record_kind *kind = &st->records[type];
    for (uint32_t i = 0; kind->name && i <= kind->mask; i++) {
      if (!kind->names[i].string || !kind->entries[kind->names[i].entry].was_read) continue;
      visit(context, kind->name, kind->names[i].text);
      kind->entries[kind->names[i].entry].was_read = false;
    }
  }
}
