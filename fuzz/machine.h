/* SPDX-License-Identifier: MIT
 *
 * A machine runs one random program. Instruction i of a program makes value i or none. Operands
 * are places to begin looking: the instruction takes the nearest earlier value that suits it, so
 * that any instruction can be dropped and the rest still is a program. What else an instruction
 * needs to decide it draws from its own number, which makes every run of a program the same.
 *
 * What a program observes goes to a log: the bits of what it reads, and messages of errors.
 */
#ifndef TP_FUZZ_MACHINE_H
#define TP_FUZZ_MACHINE_H

#include <tinypytorch.h>

enum {
    FUZZ_LENGTH = 120, /* instructions of a program */
    FUZZ_OPERANDS = 3,
    FUZZ_DEPTH = 16, /* open scopes */
    FUZZ_LOG = 2000,
    FUZZ_TEXT = 200
};

typedef struct fuzz_instruction {
    int kind;   /* in the table of steps */
    int budget; /* the allocation that fails in a failing program; 0: none */
    uint32_t operand[FUZZ_OPERANDS];
    uint64_t choices;
    bool dropped;
} fuzz_instruction;

typedef struct fuzz_program {
    uint64_t seed;
    bool plain;   /* without variables: more dies while others wait for it */
    bool large;   /* arrays of thousands of elements */
    bool failing; /* when results wait, allocations fail and the instruction is tried again */
    fuzz_instruction at[FUZZ_LENGTH];
} fuzz_program;

typedef struct fuzz_value {
    tp_var *v; /* NULL: none, or gone with its scope */
    int depth; /* of the scope that holds it; 0 for a handle of our own */
} fuzz_value;

typedef struct fuzz_entry {
    int at; /* the instruction */
    uint64_t bits;
    char text[FUZZ_TEXT];
} fuzz_entry;

typedef struct fuzz_machine {
    const fuzz_program *program;
    bool eager; /* read each result as soon as it is there */
    bool trace; /* print the instructions */
    int at;
    uint64_t choices; /* left of those of the instruction at */
    fuzz_value values[FUZZ_LENGTH];
    int depth;
    size_t marks[FUZZ_DEPTH];
    int n_log;
    fuzz_entry log[FUZZ_LOG];
    char text[FUZZ_TEXT]; /* the instruction at, for the trace */
} fuzz_machine;

/* Whether v suits as operand; other is what the caller of fuzz_operand gave. */
typedef bool fuzz_test(const tp_var *v, const tp_var *other);

fuzz_test fuzz_any, fuzz_alike, fuzz_is_leaf, fuzz_is_variable, fuzz_is_recorded;

/* Operand k of the instruction: the nearest value that suits, or any. There must be one. */
tp_var *fuzz_operand(fuzz_machine *m, int k, fuzz_test *suits, const tp_var *other);

/* 0 … n - 1; true in percent of cases. */
int fuzz_choose(fuzz_machine *m, int n);
bool fuzz_chance(fuzz_machine *m, int percent);

/* Adds to the line of the trace. */
void fuzz_say(fuzz_machine *m, const char *format, ...) TP_PRINTF(2, 3);

void fuzz_log_value(fuzz_machine *m, tp_var *v);

/* What an instruction does. run returns its value, or NULL. Steps that only observe or edit do
 * nothing before the one call that may fail, so that they can be tried again. */
typedef struct fuzz_step {
    const char *name;
    int weight;
    tp_var *(*run)(fuzz_machine *m);
} fuzz_step;

extern const fuzz_step fuzz_steps[];
extern const int fuzz_n_steps;

/* The steps that a program begins with, and their results: numbers in the table. */
enum { FUZZ_ARRAY, FUZZ_VARIABLE };

/* The program with this seed. */
void fuzz_generate(fuzz_program *program, uint64_t seed);

/* Runs it from the first instruction to the last, then reads every value and gradient. A leak is
 * logged too. */
void fuzz_run(fuzz_machine *m, const fuzz_program *program, bool eager, bool trace);

#endif
