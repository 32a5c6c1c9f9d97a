#ifndef MT_STATE_H
#define MT_STATE_H

/* What the files of this target share. */

#include "CLuaShims.h"

#include <lauxlib.h>
#include <lua.h>

enum {
  MT_HOOK_INTERVAL = 256,         /* VM instructions between two looks at the budget */
  MT_MAX_ARGUMENTS = 250,         /* of one host function */
  MT_MAX_VALUES = 1 << 18,        /* table entries that one host call may convert */
  MT_MAX_DEPTH = 16,              /* of tables converted */
  MT_MAX_TEXT = 8 << 20,          /* bytes of text that one host call may convert */
  MT_LONG_TEXT = 16 << 10,        /* bytes of a text from which on it is watched, see interval() */
  MT_HOOK_TEXT = 1 << 20,         /* bytes of text times instructions between two looks */
  MT_MAX_SOURCE = 256 << 10,      /* bytes of a script */
  MT_MAX_CHAIN = 100,             /* a.b.c...: Lua up to 5.4.6 recurses once per field to name a culprit */
  MT_MAX_REPEAT = 1 << 20,        /* bytes string.rep may make */
  MT_MAX_SEQUENCE = 65536,        /* elements of a table that a table function works on */
  MT_MAX_UNPACK = 250,
  MT_MAX_NAME = 40,               /* longer strings are not interned by Lua */
  MT_PRINT_LINE = 1024,
  MT_PRINT_QUOTA = 1 << 20,
  MT_STOCK_FUNCTIONS = 64,
  MT_SHORT_STEPS = 4096,          /* limits below are kept to the step, see examine.c */
  MT_MAX_KEYS = 64,               /* that an answer may hang on */
  MT_MAX_ASIDES = 8
};

/* Every userdata a script can hold begins with this (invariant 4). */
enum mt_object_kind { MT_OBJECT_HANDLE = 0x4D48, MT_OBJECT_RECORD = 0x4D52 };

typedef struct mt_object {
  uint32_t kind;
  uint32_t type;
} mt_object;

typedef struct mt_handle {
  mt_object object;
  int64_t index;
} mt_handle;

/* Serial of a record that is valid as long as the state. */
#define MT_PINNED UINT64_MAX

typedef struct mt_record {
  mt_object object;
  uint64_t serial; /* of the call it was lent to */
  const unsigned char *base;
  uint64_t stamps[]; /* per cache slot: the serial for which the user value holds */
} mt_record;

typedef struct mt_field_entry {
  uint8_t kind;
  bool is_unsteady; /* differs from packet to packet: an answer that hangs on it is not remembered */
  uint8_t key_count, keys[MT_FIELD_KEYS];
  uint8_t presence_mask;
  uint16_t slot; /* user value that caches: a text, an inner record */
  uint32_t presence_offset;
  uint32_t offset;
  uint32_t detail;
  uint32_t function;
  const char *name;
  int constant; /* position in the type's constants: method closure or table of names */
  bool was_read; /* since the last mt_take_reads, while reads are noted */
} mt_field_entry;

enum { MT_FIELD_METHOD = MT_FIELD_VALUE + 1 };

typedef struct mt_name_slot {
  const void *string; /* Lua's own copy, which is interned: equal names are one object */
  const char *text;
  uint32_t entry;
} mt_name_slot;

typedef struct mt_record_kind {
  char *name;
  char stale[96];
  mt_field_entry *entries;
  uint32_t entry_count;
  uint16_t slots;
  mt_name_slot *names; /* open addressing, a power of two */
  uint32_t mask;
  int metatable; /* references */
  int object;    /* the one that is lent again and again, to functions that cannot keep it */
  mt_record *lent;
  int constants; /* table: method closures, tables of names, then the names themselves */
  uint32_t describe;
} mt_record_kind;

typedef struct mt_handle_kind {
  char *name;
  int metatable;
  uint32_t index, enumerate, describe;
} mt_handle_kind;

/* A long text that is alive. */
typedef struct mt_text {
  const void *block;
  size_t size;
} mt_text;

typedef struct mt_chunk {
  char name[MT_CHUNK_SIZE]; /* clean */
  char id[LUA_IDSIZE];      /* as Lua writes it into messages */
} mt_chunk;

/* What is known of a function that the script handed over, see keep.c and examine.c. */
typedef struct mt_known_function {
  bool cannot_keep;
  bool is_short;
  uint64_t sure_at; /* `written` for which it is proved to change nothing; 0: never */
} mt_known_function;

typedef struct mt_native {
  char *name; /* as scripts call it */
  uint8_t nature;
} mt_native;

/* What the present call has read, see track.c. */
typedef struct mt_track {
  bool on, is_steady;
  const void *base; /* the record it was lent */
  const char *why;  /* not steady: the first name that made it so */
  uint32_t count;
  uint8_t keys[MT_MAX_KEYS];
  uint64_t seen[256 / 64];
} mt_track;

/* Hits of a line without code: it is not among those that can run. */
#define MT_NO_CODE UINT32_MAX

typedef struct mt_covered_chunk {
  char *name;
  uint32_t *hits; /* by line, from 1 */
  uint32_t line_count;
} mt_covered_chunk;

struct mt_state {
  lua_State *L;
  mt_host host;

  size_t live, live_limit, peak;
  size_t collect_at; /* live bytes with which the next object is refused, so that Lua collects */
  bool collects;     /* it was; what is asked for next comes after the collection */
  int64_t allocated, allocated_limit; /* in this call */
  uint64_t allocations, fail_from, fail_count;
  mt_text *texts;
  uint32_t text_count, text_capacity;

  int64_t steps, steps_limit; /* left, and as given */
  bool look_at_clock; /* much was charged since it was looked at */
  int64_t wall_limit, wall_started, cpu_started, stopped_wall, stopped_cpu; /* nanoseconds; started 0: not yet looked at */
  int fatal; /* enum mt_status or 0 */
  int32_t fatal_line;
  char fatal_chunk[MT_CHUNK_SIZE];
  bool fatal_by_call; /* memory: the bytes of this call, not the live ones */
  bool fatal_by_text; /* memory: one text too long */
  bool looks_soon;    /* the hook's interval is 1 until it has looked */
  int interval;       /* VM instructions between two looks at present */
  bool running, sealed;
  uint64_t serial;
  const mt_interrupt *interrupt; /* NULL: none */

  int views, view_numbers; /* references: tables by number, numbers by table; LUA_NOREF: never used */
  uint32_t view_count;
  bool was_expression;

  int functions, id_tables, old_id_tables, spaces, pristine; /* references to tables */
  mt_known_function *known; /* by reference */
  int known_count;
  uint64_t written; /* grows whenever Lua's memory may have changed, see track.c */
  mt_track track;
  mt_native *natives; /* by number of the host's function */
  uint32_t native_count;
  uint32_t id_table_count, old_id_table_count; /* see mt_push_id_table_value */
  uint64_t forgotten_id_tables;
  mt_record_kind *records;
  mt_handle_kind *handles;
  uint32_t record_count, handle_count;

  mt_value *in; /* what a script passes to the host */
  uint32_t in_count, in_capacity;
  size_t in_text; /* bytes of its texts */
  mt_value *out; /* what the host passes to Lua */
  uint32_t out_count, out_capacity;
  char *out_bytes;
  size_t out_length, out_bytes_capacity;
  bool out_failed;
  uint32_t next_token;
  uint32_t next_depth; /* host calls that wait for a function of Lua to return */
  bool next_wanted, next_is_chunk;
  char next_chunk[MT_CHUNK_SIZE];
  uint32_t failed_argument;
  char failure[MT_MESSAGE_SIZE];

  lua_CFunction stock[MT_STOCK_FUNCTIONS]; /* the library functions that ours charge for and then call */
  uint64_t random;
  int64_t print_left;
  uint64_t print_dropped;

  mt_chunk *chunks;
  uint32_t chunk_count;
  bool syntax; /* the present failure is the compiler's */
  int32_t risk_line; /* see risk.c; 0: no risk */
  char risk_chunk[MT_CHUNK_SIZE];
  int asides;  /* calls that wait for the host's work beside them: see aside.c */
  bool covers; /* lines are counted: see coverage.c */
  mt_covered_chunk *covered;
  uint32_t covered_count;
  mt_error error;
};

static inline mt_state *mt_of(lua_State *L) { return *(mt_state **)lua_getextraspace(L); }

/* budget.c */
void mt_charge_or_raise(lua_State *L, int64_t steps);
void mt_settle_or_raise(lua_State *L, int64_t steps);
lua_Integer mt_check_integer(lua_State *L, int argument); /* luaL_checkinteger and so on, charged */
lua_Integer mt_opt_integer(lua_State *L, int argument, lua_Integer other);
lua_Number mt_check_number(lua_State *L, int argument);
_Noreturn void mt_raise_fatal(lua_State *L);
void mt_set_fatal(mt_state *st, int kind);
void mt_arm(mt_state *st, const mt_limits *limits, bool counts);
void *mt_allocate(void *ud, void *block, size_t old, size_t size);
void mt_start_clock(mt_state *st);

/* report.c */
int mt_message_handler(lua_State *L);
int mt_report(mt_state *st, int status); /* what lua_pcall returned, value on top of the stack */
void mt_report_text(mt_state *st, const char *message);
size_t mt_clean(char *to, size_t capacity, const char *from, size_t length, bool tabs);
bool mt_find_place(lua_State *L, int level, char *chunk, size_t capacity, int32_t *line);
void mt_remember_chunk(mt_state *st, const char *name);
const char *mt_chunk_id(const mt_state *st, const char *name); /* as Lua writes it into messages */
bool mt_has_place(const mt_state *st, const char *message);

/* values.c */
void mt_take(lua_State *L, int index, uint32_t at); /* converts into st->in[at]; raises */
void mt_reserve_in(lua_State *L, uint32_t count);
void mt_take_number(lua_State *L, int index, mt_value *value);
void mt_take_arguments(lua_State *L, int first, int count); /* st->in[0..<count] */
int mt_give_all(lua_State *L, uint32_t from); /* pushes the collected values, returns how many */
void mt_read_result(lua_State *L, int index, mt_value *result); /* allocates nothing */
void mt_new_handle(lua_State *L, uint32_t type, int64_t index);
int mt_function_reference(lua_State *L, int index);

/* state.c */
int mt_protect(mt_state *st, lua_CFunction body, void *request);
int mt_run(mt_state *st, lua_CFunction body, void *request, const mt_limits *limits, bool compiles, mt_value *result);

/* host.c */
int mt_record_predicate(lua_State *L);
int mt_host_function(lua_State *L); /* closure: number of the function, what it is called */
void mt_push_host_function(lua_State *L, uint32_t function);
void mt_see_names(lua_State *L, int index);
int mt_call_host(lua_State *L, uint32_t function, int first, int count);
int mt_enumerate(lua_State *L); /* closure: handle, position */

/* state.c */
int mt_protect(mt_state *st, lua_CFunction body, void *request);

/* idtable.c */
void mt_open_id_tables(lua_State *L);
void mt_push_id_table_value(lua_State *L, uint32_t id);

/* risk.c */
void mt_note_risk(lua_State *L, const char *chunk);

/* record.c */
mt_record *mt_new_record(lua_State *L, uint32_t type);
void mt_push_copied_record(lua_State *L, uint32_t type, const void *bytes, size_t size);
bool mt_is_fresh(const mt_state *st, const mt_record *record);
_Noreturn void mt_raise_stale(lua_State *L, const mt_record *record);

/* track.c */
void mt_note_read(mt_state *st, const mt_record *record, const mt_record_kind *kind, const mt_field_entry *field);
void mt_note_unsteady(mt_state *st, const char *name);
void mt_note_host_call(mt_state *st, uint32_t function);
const char *mt_native_name(lua_State *L, int index); /* of a function in C, as scripts call it; "" if it has no name */
int mt_native_nature(lua_State *L, int index);

/* keep.c */
void mt_trust(mt_state *st, int reference, bool trust, bool is_short);
bool mt_is_short(const mt_state *st, int reference); /* if it is sure */
bool mt_is_sure(const mt_state *st, int reference);
void mt_note_function(lua_State *L, int index, int reference);
void mt_forget_function(mt_state *st, int reference);
bool mt_cannot_keep(const mt_state *st, int reference);

/* suggest.c */
typedef struct mt_suggestion {
  const char *wanted;
  size_t length;
  unsigned distance;
  char best[MT_MAX_NAME + 1];
} mt_suggestion;
mt_suggestion mt_suggest_for(const char *wanted, size_t length);
void mt_consider(mt_suggestion *s, const char *name, size_t length);
_Noreturn void mt_raise_unknown(lua_State *L, const mt_suggestion *s, const char *kind, const char *owner);

/* coverage.c */
void mt_cover_chunk(lua_State *L, const char *name, const char *source, size_t length);
void mt_cover_line(lua_State *L, lua_Debug *ar);
void mt_forget_coverage(mt_state *st);

/* environment.c, and the libraries it is made of */
void mt_build_environment(lua_State *L);
void mt_keep_environment(lua_State *L); /* as it is now, for modules */
void mt_push_fresh_environment(lua_State *L);
void mt_describe_value(lua_State *L, int index); /* tostring: pushes a string */
extern const luaL_Reg mt_base_functions[];
extern const luaL_Reg mt_string_functions[];
extern const luaL_Reg mt_pattern_functions[];
extern const luaL_Reg mt_table_functions[];
int mt_string_format(lua_State *L);
const char *mt_library_name(lua_State *L, int index); /* of one of these, NULL for others */
bool mt_is_text_method(const char *path);
bool mt_push_member(lua_State *L, int index, const char *name, size_t length);

/* source.c */
const char *mt_check_source(const char *source, size_t length, int32_t *line);
void mt_compile(lua_State *L, const char *source, size_t length, const char *chunk);
int mt_try_compile(lua_State *L, const char *source, size_t length, const char *chunk);

#endif
