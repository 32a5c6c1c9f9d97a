#ifndef MT_EXAMINE_H
#define MT_EXAMINE_H

/* What the files of the examination share, see examine.c: `live.c` looks at live values and lists what a proof hangs on,
   `follow.c` says what an instruction leaves in the registers, `judge.c` what it does beyond them. */

#include "bytecode.h"
#include "state.h"

enum {
  MAX_FRAMES = 64,
  MAX_VISITS = 96,
  MAX_FACTS = 128,
  MAX_DEPTH = 12,
  MAX_ARGUMENTS = 8,
  MAX_STEPS = 200000,
  MAX_STATES = 1 << 16,
  MAX_SHORT = 1024
};

enum kind {
  NONE,     /* not reached */
  PLAIN,    /* no table and no function: numbers, texts, handles; id: 0, or a live handle's */
  RECORD,   /* lent by the host; type */
  OWN,      /* a table made in this call */
  TABLE,    /* a live table; id */
  FUNCTION, /* a live function of Lua; id */
  CLOSURE,  /* a function made in this call; id: its frame */
  NATIVE,   /* a function in C; rule */
  UNKNOWN
};

typedef struct value {
  uint8_t kind, rule;
  uint16_t type;
  uint32_t id; /* of a live value its place in the heap */
} value;

/* How functions in C treat what they are given; those that only compute need no name. */
enum rule { COMPUTES, COMPUTES_PLAIN, MAKES_TABLE, ITERATES, ITERATES_PLAIN, CALLS, SORTS, CHANGES, MOVES, REPLACES };

/* A function of Lua with the way to its upvalues. */
typedef struct frame {
  const mt_prototype *p;
  uint32_t live;   /* the closure's place in the heap; 0: made in the call, by `parent` */
  uint32_t parent; /* frame */
  char chunk[MT_CHUNK_SIZE];
} frame;

typedef struct visit {
  uint32_t frame;
  value arguments[MAX_ARGUMENTS];
} visit;

typedef struct examiner {
  lua_State *L;
  mt_state *st;
  int32_t function, facts;
  uint32_t record;
  mt_examination *result;
  /* Places in the stack: live values by number and numbers by value; owner, key and value of each fact. */
  int heap, list;
  uint32_t heap_count;
  int fact_count;
  struct {
    uint32_t owner;
    const void *key;
    int number;
  } known[MAX_FACTS];
  frame frames[MAX_FRAMES];
  mt_bytecode read[MAX_FRAMES];
  uint32_t frame_count, read_count;
  visit visits[MAX_VISITS];
  int visit_count, depth;
  long steps;
} examiner;

static const value unknown = {UNKNOWN, 0, 0, 0}, plain = {PLAIN, 0, 0, 0};

static inline value native(enum rule rule) { return (value){NATIVE, (uint8_t)rule, 0, 0}; }

static inline value at_register(const value *registers, const mt_prototype *p, unsigned index) {
  return index < p->registers && registers[index].kind != NONE ? registers[index] : unknown;
}

/* examine.c */
uint32_t mtx_live_frame(examiner *x, uint32_t id); /* of a live function of Lua */
value mtx_made_closure(examiner *x, uint32_t at, unsigned child);
/* Judges a function with what is known of its arguments; more may follow if they are not `whole`. */
void mtx_enter(examiner *x, uint32_t at, const value *arguments, int count, bool is_whole);

/* live.c */
uint32_t mtx_number_of(examiner *x); /* of the value on top of the stack, which stays there */
enum rule mtx_rule_named(const char *name);
value mtx_live_field(examiner *x, uint32_t table, const mt_constant *name, int number);
value mtx_upvalue(examiner *x, uint32_t at, unsigned index);

/* follow.c */
value mtx_join(value a, value b);
bool mtx_follow(examiner *x, uint32_t at, int pc, value *r);
void mtx_successors(const mt_prototype *p, int pc, int next[2]);
const mt_constant *mtx_text_constant(const mt_prototype *p, unsigned index);
const mt_field_entry *mtx_record_field(const examiner *x, uint32_t type, const mt_constant *name, const char **owner);

/* judge.c */
void mtx_judge(examiner *x, uint32_t at, int pc, const value *r);
/* The first complaint is the one that is told; with a frame its place is added. */
__attribute__((format(printf, 4, 5))) void mtx_complain(examiner *x, const frame *f, int pc, const char *pattern, ...);

int mt_protect(mt_state *st, lua_CFunction body, void *request);

#endif
