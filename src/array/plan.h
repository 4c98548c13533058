/* SPDX-License-Identifier: MIT
 *
 * A plan: the graph of recipes below a deferred storage as a list of steps, which run over blocks
 * of 1,024 elements, or fewer when these have more than 4 bytes (evaluate.c). A step is a kernel or
 * brings a source into a block; its result lies in a register, a piece of scratch memory, or in the
 * elements of an output. Registers are given out again after the last step that reads them, so that
 * a plan works in the cache.
 *
 * Outputs are what was asked for, sums and results of sweeps that join, and values that are worth
 * keeping (plan_keeps in plan.c). What was asked for takes over the elements of a source that
 * nobody else will read, if it can. Others go past the caches if these would not hold them.
 */
#ifndef TP_PLAN_H
#define TP_PLAN_H

#include "array/deferred.h"

#include <stdatomic.h>

enum {
    TP__PLAN_BLOCK = 1024,            /* elements, at most */
    TP__PLAN_REGISTER = 4096,         /* bytes, where blocks need not be larger */
    TP__PLAN_STEPS = 8 * TP__HEAVIEST /* sums and results join up to there; a recipe takes four:
                                       * itself and three sources */
};

/* Where a step finds an operand: at data, which is in memory before the plan runs, or where another
 * step puts it. */
typedef struct tp__plan_place {
    char *data;    /* the first element; NULL if a step makes it */
    uint32_t step; /* which one */
    uint32_t item; /* bytes of an element */
} tp__plan_place;

/* A kernel run on a block, or a source brought into a register. Steps stand in an order in which
 * they can run. One whose operands are all uniform computes the same for every block (once), and
 * keeps its register until the task ends.
 *
 * The result of a step is an output, and becomes its storage's (out), or is only passed on to later
 * steps. If somebody outside the plan holds a storage that is no output, which shows when more
 * references are held than the plan has inside, it goes on waiting (stays). So does a storage that
 * computes the same as that of an output (twins). */
typedef struct tp__plan_step {
    const tp__recipe *recipe;
    const tp__source *source; /* NULL for a kernel */
    tp__storage *storage;     /* a kernel's deferred result */
    tp__plan_place from[TP__RECIPE_SOURCES];
    char *out;                  /* the elements of an output; NULL: a register */
    tp__storage *taken;         /* whose elements these were */
    double *sums;               /* of blocks, of each run one after the other */
    uint32_t place, item, last; /* register; bytes of an element; the last step that reads it */
    uint32_t held, inside; /* references to storages of this value; those of them in the plan */
    uint32_t next;         /* in the same bucket, or register given back; counted from 1 */
    uint32_t again; /* what it takes to compute the value from memory again, in cheap steps */
    int n;
    bool once;
    bool asked;
    bool twins; /* there are other storages of this value */
    bool stays; /* or is needed by a step that does */
    bool past;  /* an output that is made in a register and then copied past the caches */
} tp__plan_step;

enum { TP__PLAN_BUCKETS = 64 };

/* A storage whose `plan` is this id was met before, and `place` is the number of its step. Steps
 * that compute the same are found by a hash of what they do, in one of the buckets. */
typedef struct tp__plan {
    tp__thread *thread;
    uint64_t id;
    uint32_t n_steps, capacity, n_registers;
    bool full;           /* memory for another step was refused */
    bool alone;          /* one step does it all: a task is one block */
    bool past;           /* what it reads and writes is too large for the caches */
    int64_t size, block; /* elements */
    int64_t run;         /* blocks are made of whole runs of so many, if that is not 0 */
    size_t register_bytes;
    char *scratch; /* for each task that runs: where values lie (values_bytes), and registers */
    size_t scratch_bytes, values_bytes;
    atomic_ullong free_scratch; /* a bit for each part of scratch that no task has */
    tp__plan_step *steps;
    uint32_t bucket[TP__PLAN_BUCKETS]; /* the last step in each, counted from 1 */
} tp__plan;

/* Makes a plan of the first of these storages, which is deferred, and of those others of them that
 * are too and fit, and takes all memory that its outputs need. False, with an error, when out of
 * memory. To be followed by tp__plan_undo or tp__plan_settle in either case. */
bool tp__plan_make(tp__thread *t, tp__plan *p, tp__storage *const *storages, int n);

/* Gives all memory back after a failure: everything waits as it did before. */
void tp__plan_undo(tp__plan *p);

/* Hands the outputs, which hold their elements, to their storages, and gives other memory back. */
void tp__plan_settle(tp__plan *p);

/* Frees the partial sums of a step. */
void tp__plan_drop_sums(const tp__plan *p, tp__plan_step *step);

#endif
