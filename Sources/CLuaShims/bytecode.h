#ifndef MT_BYTECODE_H
#define MT_BYTECODE_H

/* A function's own bytecode, read from lua_dump: what keep.c, examine.c, coverage.c and risk.c look at. 5.4's format;
   anything else is refused as unreadable, and whoever asks then expects the worst. */

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* lopcodes.h of 5.4; the numbers are part of the format that a dump's head names. */
enum mt_opcode {
  OP_MOVE, OP_LOADI, OP_LOADF, OP_LOADK, OP_LOADKX, OP_LOADFALSE, OP_LFALSESKIP, OP_LOADTRUE, OP_LOADNIL, OP_GETUPVAL,
  OP_SETUPVAL, OP_GETTABUP, OP_GETTABLE, OP_GETI, OP_GETFIELD, OP_SETTABUP, OP_SETTABLE, OP_SETI, OP_SETFIELD,
  OP_NEWTABLE, OP_SELF, OP_ADDI, OP_ADDK, OP_SUBK, OP_MULK, OP_MODK, OP_POWK, OP_DIVK, OP_IDIVK, OP_BANDK, OP_BORK,
  OP_BXORK, OP_SHRI, OP_SHLI, OP_ADD, OP_SUB, OP_MUL, OP_MOD, OP_POW, OP_DIV, OP_IDIV, OP_BAND, OP_BOR, OP_BXOR, OP_SHL,
  OP_SHR, OP_MMBIN, OP_MMBINI, OP_MMBINK, OP_UNM, OP_BNOT, OP_NOT, OP_LEN, OP_CONCAT, OP_CLOSE, OP_TBC, OP_JMP, OP_EQ,
  OP_LT, OP_LE, OP_EQK, OP_EQI, OP_LTI, OP_LEI, OP_GTI, OP_GEI, OP_TEST, OP_TESTSET, OP_CALL, OP_TAILCALL, OP_RETURN,
  OP_RETURN0, OP_RETURN1, OP_FORLOOP, OP_FORPREP, OP_TFORPREP, OP_TFORCALL, OP_TFORLOOP, OP_SETLIST, OP_CLOSURE,
  OP_VARARG, OP_VARARGPREP, OP_EXTRAARG, OP_COUNT
};

static inline unsigned mt_op(uint32_t i) { return i & 0x7F; }
static inline unsigned mt_a(uint32_t i) { return i >> 7 & 0xFF; }
static inline unsigned mt_k(uint32_t i) { return i >> 15 & 1; }
static inline unsigned mt_b(uint32_t i) { return i >> 16 & 0xFF; }
static inline unsigned mt_c(uint32_t i) { return i >> 24; }
static inline unsigned mt_bx(uint32_t i) { return i >> 15; }
static inline int mt_sj(uint32_t i) { return (int)(i >> 7) - 16777215; }

typedef struct mt_constant {
  bool is_string;
  size_t length;
  const char *text; /* not ended by a zero byte */
} mt_constant;

typedef struct mt_upvalue {
  bool in_stack; /* of the enclosing function's registers; else of its upvalues */
  uint8_t index;
  size_t length;
  const char *name; /* not ended by a zero byte */
} mt_upvalue;

typedef struct mt_prototype {
  int first_line;
  uint8_t parameters, registers;
  bool is_vararg;
  uint32_t *code;
  const int8_t *lines;
  uint32_t *pcs, *lines_at; /* where the differences of `lines` begin anew */
  mt_constant *constants;
  mt_upvalue *upvalues;
  struct mt_prototype **children;
  int code_count, line_count, anew_count, constant_count, upvalue_count, child_count;
} mt_prototype;

typedef struct mt_bytecode {
  char *bytes;
  mt_prototype *root;
} mt_bytecode;

/* Of the Lua function at `index`. False: it cannot be read, or is too long. Raises nothing but for lack of memory. */
bool mt_read_bytecode(lua_State *L, int index, mt_bytecode *bytecode);
void mt_free_bytecode(mt_bytecode *bytecode);
int mt_line_of(const mt_prototype *p, int pc);
/* The line of instruction `pc`, given that of the one before; `next` counts along, from 0. */
int mt_next_line(const mt_prototype *p, int line, int pc, int *next);

#endif
