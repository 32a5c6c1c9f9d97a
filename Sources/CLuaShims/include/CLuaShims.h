#ifndef CLUASHIMS_H
#define CLUASHIMS_H

/*
 * One sandboxed Lua 5.4 interpreter behind functions that return status codes.
 *
 * Invariants, kept by every file here:
 *  1. No Lua error (longjmp) passes through a frame of the host. Every function below runs what can raise inside
 *     lua_pcall; host callbacks return before anything is raised.
 *  2. No push that can raise happens outside lua_pcall. Unprotected are only operations that allocate nothing.
 *  3. A callback of the host never calls into the same state; a second entry is refused (MT_BUSY), except in mt_aside.
 *  4. Scripts never see a metatable, a light userdata, a coroutine or a userdata that is not ours.
 *  5. `fatal`, once set, ends the whole call: the hook re-arms with count 1 and the scripts' pcall rethrows.
 *  6. No userdata is valid in two calls of the host: what a function could keep is lent to no other call.
 *
 * Nothing outside CLua and CLuaShims may depend on the 5.4.x version.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct mt_state mt_state;

enum mt_kind {
  MT_NIL,
  MT_BOOLEAN,  /* integer */
  MT_INTEGER,  /* integer */
  MT_NUMBER,   /* number; flag: it is whole and fits, integer: then that */
  MT_STRING,   /* bytes, length */
  MT_TABLE,    /* integer: position of the first key in the array, count: pairs (key, value) */
  MT_HANDLE,   /* type, integer: the host's number */
  MT_FUNCTION, /* integer: reference, bytes and length: chunk, of native ones their name, count: line, flag: native */
  MT_RECORD,   /* type, base; flag: pinned */
  MT_OTHER     /* bytes: type name */
};

/* Safe to have and to copy in Swift; only following its pointers is not. */
typedef struct __attribute__((swift_attr("@safe"))) mt_value {
  uint8_t kind;
  uint8_t flag;
  uint16_t type;
  uint32_t count;
  int64_t integer;
  double number;
  const char *_Nullable bytes;
  size_t length;
  const void *_Nullable base;
} mt_value;

/* What a function returned or a call ended with. */
enum mt_status {
  MT_OK,
  MT_SYNTAX,
  MT_RUNTIME,
  MT_CPU,
  MT_WALL,
  MT_MEMORY,
  MT_STALE,
  MT_BUSY,
  MT_INTERRUPTED, /* see mt_watch */
  MT_INCOMPLETE   /* mt_evaluate: the text ends where more is expected */
};

enum { MT_MESSAGE_SIZE = 1024, MT_CHUNK_SIZE = 128, MT_TRACEBACK_SIZE = 1024, MT_TEXT_SIZE = 256 };

/* The last failure; every text is valid UTF-8 without control characters and ends with a NUL byte. */
typedef struct mt_error {
  int32_t line;
  char chunk[MT_CHUNK_SIZE];
  char message[MT_MESSAGE_SIZE];
  char traceback[MT_TRACEBACK_SIZE];
} mt_error;

/* Its texts as pointers: a struct's array is a tuple to Swift. */
static inline const char *mt_error_chunk(const mt_error *error) { return error->chunk; }
static inline const char *mt_error_message(const mt_error *error) { return error->message; }
static inline const char *mt_error_traceback(const mt_error *error) { return error->traceback; }

typedef struct mt_limits {
  int64_t steps;
  int64_t wall;      /* nanoseconds */
  int64_t allocated; /* bytes */
} mt_limits;

/* What the host answers in its `call`. */
enum mt_answer {
  MT_RETURN, /* the pushed values are the results; after mt_next they are what is to be called */
  MT_RAISE   /* the message given to mt_fail is raised at the script's line */
};

typedef struct mt_host {
  void *_Nullable context; /* may be given later, see mt_set_context */
  /* `token` is 0 for a call by a script, else what mt_next was given. Must not raise, trap, or call into the state. */
  int (*call)(void *_Nullable context, uint32_t function, uint32_t token, const mt_value *_Nullable arguments,
              uint32_t count);
  /* Fills `buffer` (MT_TEXT_SIZE bytes); returns the length, negative for nil. */
  int32_t (*text)(void *_Nullable context, uint32_t function, const void *base, char *buffer);
  const void *_Nullable (*_Nonnull elsewhere)(void *_Nullable context, uint32_t function, const void *base);
  /* Whether the handle with this number holds of the record: 0, 1, or negative: ask the method's function. */
  int (*predicate)(void *_Nullable context, uint32_t predicate, const void *base, int64_t handle);
  /* A record was copied into Lua's heap: what in it points into it shall point to where it is now. */
  void (*settle)(void *_Nullable context, uint32_t type, void *base, size_t size);
  /* One line of print: no control characters, at most 1 KiB. */
  void (*print)(void *_Nullable context, const char *line, uint32_t length);
} mt_host;

/* Life. `memory` limits live bytes; `fail_from` > 0 makes that allocation and all later ones fail (tests). */
mt_state *_Nullable mt_open(const mt_host *host, size_t memory, uint64_t fail_from);
void mt_close(mt_state *state);
void mt_set_context(mt_state *state, void *context);
const mt_error *mt_last_error(const mt_state *state);
/* The allocation `from` from now on and `count` - 1 after it fail (tests); 0: none. Lua collects garbage and asks once more:
   one failure is an emergency collection, two are out of memory. */
void mt_fail_allocations(mt_state *state, uint64_t from, uint64_t count);

typedef struct mt_memory {
  uint64_t live, peak, limit, allocations, allocated_in_call;
} mt_memory;
mt_memory mt_memory_statistics(const mt_state *state);

/* The library. Names are copied. Each returns a status. */
enum mt_operator { MT_BAND, MT_BOR, MT_BXOR, MT_BNOT, MT_LEN, MT_OPERATORS };

#define MT_NO_FUNCTION 0xFFFFFFFFu

typedef struct mt_member {
  const char *name;
  uint32_t function;
  /* Of methods of records that ask whether a handle holds of it: the quick way, or MT_NO_FUNCTION; the handle's type; the
     key of the answer is `first_key` and `key_step` for each number of the handle. */
  uint32_t predicate, handle_type;
  uint8_t first_key, key_step;
} mt_member;

typedef struct mt_handle_type {
  const char *name;
  const mt_member *_Nullable fields;
  uint32_t field_count;
  const mt_member *_Nullable methods;
  uint32_t method_count;
  uint32_t operators[MT_OPERATORS]; /* MT_NO_FUNCTION: none */
  uint32_t index, enumerate, describe;
  bool claims_functions;
} mt_handle_type;

enum mt_field_kind {
  MT_FIELD_U8,
  MT_FIELD_U16,
  MT_FIELD_U32,
  MT_FIELD_U64,
  MT_FIELD_I64,
  MT_FIELD_DOUBLE,
  MT_FIELD_BIT,       /* detail: mask */
  MT_FIELD_NAMED,     /* names, name_values, detail: how many */
  MT_FIELD_TEXT,      /* detail: the host's number of its text function */
  MT_FIELD_RECORD,    /* detail: record type */
  MT_FIELD_ELSEWHERE, /* detail: record type; function: the host's number */
  MT_FIELD_TABLE,
  MT_FIELD_VALUE      /* detail: host function */
};

enum { MT_FIELD_KEYS = 4 };

typedef struct mt_field {
  const char *name;
  uint8_t kind;
  bool is_unsteady; /* see Remembering */
  uint8_t key_count, keys[MT_FIELD_KEYS];
  uint8_t presence_mask; /* 0: always there */
  uint32_t presence_offset;
  uint32_t offset;
  uint32_t detail;
  uint32_t function;
  const char *_Nonnull const *_Nullable names;
  const uint8_t *_Nullable name_values;
} mt_field;

typedef struct mt_record_type {
  const char *name;
  const mt_field *_Nullable fields;
  uint32_t field_count;
  const mt_member *_Nullable methods;
  uint32_t method_count;
  uint32_t length, describe; /* host functions or MT_NO_FUNCTION */
} mt_record_type;

int mt_add_function(mt_state *state, const char *_Nullable space, const char *name, uint32_t function);
/* `values[0]` is the value; a table's pairs follow in pre-order, see mt_push_table. */
int mt_add_value(mt_state *state, const char *_Nullable space, const char *name);
int mt_reserve_types(mt_state *state, uint32_t handles, uint32_t records);
int mt_define_handle_type(mt_state *state, uint32_t type, const mt_handle_type *description);
int mt_define_record_type(mt_state *state, uint32_t type, const mt_record_type *description);
/* Locks the namespaces; after it only load and call. */
int mt_seal(mt_state *state);

/* Values for Lua, collected outside of it: results of a host function, arguments of a call, a value to add or pin.
   A table is pushed as its head followed by `pairs` times key and value. */
void mt_begin(mt_state *state);
void mt_push_nil(mt_state *state);
void mt_push_boolean(mt_state *state, bool value);
void mt_push_integer(mt_state *state, int64_t value);
void mt_push_number(mt_state *state, double value);
void mt_push_string(mt_state *state, const char *_Nullable bytes, size_t length);
void mt_push_table(mt_state *state, uint32_t pairs);
void mt_push_handle(mt_state *state, uint32_t type, int64_t index);
void mt_push_function(mt_state *state, int32_t reference);
void mt_push_pinned(mt_state *state, int32_t reference);
/* A record of its own. Pinned: valid as long as the state, the bytes must be; else as long as the call. */
void mt_push_record(mt_state *state, uint32_t type, const void *base, bool pinned);
/* A record of its own whose `size` bytes are copied into it: they live as long as the script holds it or a part of it. */
void mt_push_record_copy(mt_state *state, uint32_t type, const void *_Nonnull bytes, size_t size);
/* The table of the script's own that belongs to `id`. */
void mt_push_id_table(mt_state *state, uint32_t id);

/* For use inside `call` only. */
void mt_fail(mt_state *state, uint32_t argument, const char *_Nullable message, size_t length);
/* Call the first pushed value (a function) with the others, then the host again, with its results and `token`. */
void mt_next(mt_state *state, uint32_t token);
/* How many calls of the host wait for their mt_next now; what the host keeps for more than these never goes on. */
uint32_t mt_next_depth(const mt_state *state);
/* The same with a chunk instead of a function: its source is the one pushed value. */
void mt_next_chunk(mt_state *state, uint32_t token, const char *chunk);
void mt_charge(mt_state *state, int64_t steps);
/* Between the two, time does not count against the script: for work that the host bounds in its own way. */
void mt_stop_clock(mt_state *state);
void mt_go_on_clock(mt_state *state);
/* The script line that called: false if there is none. `chunk` lives as long as the call. */
bool mt_caller(mt_state *state, const char *_Nullable *_Nonnull chunk, int32_t *line);

/* Running. `result` is valid until the next entry. */
int mt_load(mt_state *state, const char *_Nullable source, size_t length, const char *chunk, const mt_limits *limits,
            mt_value *result);
/* Arguments are the values pushed since mt_begin. */
int mt_call(mt_state *state, int32_t function, const mt_limits *limits, mt_value *result);
/* The quick way: a record and perhaps a pinned value (0: none) as arguments. Allocates nothing for a function that only
   reads, compares and computes; for one that could keep the record it makes a new one. */
int mt_call_record(mt_state *state, int32_t function, uint32_t type, const void *base, int32_t pinned,
                   const mt_limits *limits, mt_value *result);

bool mt_is_running(const mt_state *state);

/* Remembering answers. Keys are the host's numbers for what an answer may hang on, such as a field of a record. */
enum mt_nature { MT_ACTS, MT_CHANGES, MT_PURE }; /* of a host function: its effect, or its answer, is more than its arguments */
enum { MT_REASON_SIZE = 256, MT_FIELDS_SIZE = 512, MT_NO_FACTS = -2 };

/* What is known of a function before it runs, see examine.c. Texts are clean UTF-8 but for names, which are the script's. */
typedef struct mt_examination {
  bool writes;    /* it may change what outlives the call: never to be remembered */
  bool is_short;  /* its steps need not be counted */
  bool open;      /* it reads of Lua's memory more than the facts list */
  int32_t facts;  /* a reference: what the proof hangs on */
  uint32_t fact_count;
  char reason[MT_REASON_SIZE];   /* why `writes` */
  char unsteady[MT_REASON_SIZE]; /* which runs are not to be remembered: the first place */
  char fields[MT_FIELDS_SIZE];   /* names of fields that it may read, with commas between */
} mt_examination;

static inline const char *mt_examination_reason(const mt_examination *e) { return e->reason; }
static inline const char *mt_examination_unsteady(const mt_examination *e) { return e->unsteady; }
static inline const char *mt_examination_fields(const mt_examination *e) { return e->fields; }

int mt_describe_function(mt_state *state, uint32_t function, const char *name, enum mt_nature nature);
int mt_examine(mt_state *state, int32_t function, uint32_t record, mt_examination *result);
/* Whether the facts still hold; if not, the function must be examined anew. */
bool mt_holds(mt_state *state, int32_t function, const mt_examination *examination);
void mt_drop_facts(mt_state *state, int32_t facts);
/* Grows whenever a call may have changed Lua's memory. */
uint64_t mt_written(const mt_state *state);
/* Whether the function is proved to change nothing, for Lua's memory as it is now. */
bool mt_is_proved(const mt_state *state, int32_t function);

/* The next mt_call_record notes what its record is asked for. */
void mt_track_next(mt_state *state);
/* Afterwards: the keys in the order of their first reading; -1: the answer hangs on more than keys. */
int32_t mt_keys_read(const mt_state *state, const uint8_t *_Nullable *_Nonnull keys);
/* The first thing that is no key; empty if there is none. */
const char *mt_unsteady_read(const mt_state *state);
/* For use inside `call`: the answer hangs on this key of the record. */
void mt_note_key(mt_state *state, const void *base, uint8_t key);
/* The generator of math.random, so that a call can be made as if it had not been. */
uint64_t mt_random_state(const mt_state *state);
void mt_set_random_state(mt_state *state, uint64_t random);

/* For use inside `call` only: runs `body` with the state as it is when nothing runs, so that it may load and call, each
   call under its own limits. Afterwards the running call goes on with what it had left, less one look at its budget.
   Records that were lent to the running call are stale then. At most 8 inside each other. */
int mt_aside(mt_state *state, void (*body)(void *_Nullable context), void *_Nullable context);

/* Lines. mt_cover: from now on loaded chunks are counted. `visit` gets every line that has code, in order; chunks that were
   loaded twice come twice. */
void mt_cover(mt_state *state);
void mt_visit_coverage(const mt_state *state, void *_Nullable context,
                       void (*visit)(void *_Nullable context, const char *chunk, uint32_t line, uint32_t hits));

/* Reads of records' fields, noted from now on or not any more; what is not noted costs nothing. `visit` gets each field that
   was read since the last time, once. */
int mt_note_reads(mt_state *state, bool on);
void mt_take_reads(mt_state *state, void *_Nullable context,
                   void (*visit)(void *_Nullable context, const char *record, const char *field));

/* Interactive use: chunks one after the other, whose results are looked at (session.c). A view is a table that the host
   may look into, by its number; view 0 are the globals. Views last until mt_forget_views or the next mt_evaluate. */

/* Runs the text as an expression or, if it is none, as statements. Its `count` results are entries of the view `results`;
   the first one, unless nil, becomes the global `_`. `apart`: with globals of its own, for the host's helpers. */
int mt_evaluate(mt_state *state, const char *_Nullable source, size_t length, const char *chunk, bool apart,
                const mt_limits *limits, uint32_t *results, uint32_t *count);
/* Whether the last mt_evaluate took its text for an expression. */
bool mt_was_expression(const mt_state *state);
/* mt_call, with all results. */
int mt_call_for_view(mt_state *state, int32_t function, const mt_limits *limits, uint32_t *results, uint32_t *count);
/* The pairs of a view, keys and values in turn, in no order; tables among them are views (MT_TABLE, integer: number,
   count: the length), functions have no reference. `total`: how many pairs there are, if they are more than `count`.
   Valid until the next entry. */
int mt_view(mt_state *state, uint32_t view, const mt_value *_Nullable *_Nonnull pairs, uint32_t *count,
            uint64_t *total);
/* The reference of the function that stands in a view under `key`; MT_RUNTIME if there is none. */
int mt_view_function(mt_state *state, uint32_t view, int64_t key, int32_t *reference);
int mt_forget_views(mt_state *state);

/* A flag that ends a running call at its next look at the budget; to be set from anywhere, signal handlers too. */
typedef struct mt_interrupt mt_interrupt;
mt_interrupt *_Nullable mt_interrupt_new(void);
void mt_interrupt_free(mt_interrupt *interrupt);
void mt_interrupt_set(mt_interrupt *interrupt, bool value);
bool mt_interrupt_is_set(const mt_interrupt *interrupt);
/* The state looks at the flag, which must outlive it. */
void mt_watch(mt_state *state, const mt_interrupt *interrupt);
bool mt_is_interrupted(const mt_state *state);

/* References. */
int mt_pin(mt_state *state, int32_t *reference); /* the value pushed since mt_begin */
int mt_release(mt_state *state, int32_t reference);
int mt_drop_id_table(mt_state *state, uint32_t id);
/* Where the first loaded function begins that a known fault of Lua 5.4.4 can reach, 0: in the main chunk; NULL: none. */
const char *_Nullable mt_risk(const mt_state *state, int32_t *line);
uint64_t mt_forgotten_id_tables(const mt_state *state); /* for room; see idtable.c */

/* Questions. */
int mt_lua_version_number(void);
const char *mt_lua_release(void);
/* 5.4.0 to 5.4.4 miscompile `1 ~ (2 or 3)` in functions with more than 256 constants: does this library? */
int mt_miscompiles_bit_operators(mt_state *state, bool *answer);
/* Every name reachable from the globals, `string.rep`, one a call; order is by name. */
int mt_reachable_names(mt_state *state, void *context,
                       void (*visit)(void *context, const char *name, size_t length));
uint64_t mt_dropped_print_lines(const mt_state *state);

/* Runs `body(context)` on a new thread with `stack` bytes of stack and waits for it. Returns 0 or an errno value. */
int mt_run_on_stack(size_t stack, void (*body)(void *context), void *context);

#pragma clang assume_nonnull end

#endif
