/* SPDX-License-Identifier: MIT
 *
 * What a thread owns. Reached by one thread-local pointer, made at the thread's first call, closed
 * when the thread ends. Each part below is one struct, which says who writes it. What belongs to
 * the whole process lies in the files that use it, and is atomic, behind a lock or written once:
 * the log, the settings, blocks of nodes (node.c), workers (parallel.c), the profile.
 */
#ifndef TP_THREAD_H
#define TP_THREAD_H

#include "base/features.h"

#include "base/site.h"
#include "base/system.h"
#include "tinypytorch/base.h"
#include "tinypytorch/engine.h"
#include "tinypytorch/error.h"

enum { TP__BLOCK_CLASSES = 4 * 40 };

typedef struct tp__thread tp__thread;

/* An open scope owns the handles from start to the next scope's start. Marks only ever grow, so
 * one that is closed is never met again. */
typedef struct tp__scope_entry {
    size_t mark, start;
} tp__scope_entry;

/* The values that scopes own, in one stack: those below the first open scope's start belong to the
 * thread's root scope. Written by base/scope.h and scope.c, and by the debug mode, which pretends
 * that there is no room. */
typedef struct tp__scopes {
    tp_var **handles;
    size_t n_handles, handle_capacity;
    tp__scope_entry *open;
    size_t n_open, open_capacity, last_mark;
    size_t weighed; /* when more memory than this is in use, the root scope is looked at again */
    bool warned;    /* that the root scope grows */
} tp__scopes;

/* How results are recorded. Read wherever that is done (graph/apply.h, graph/apply.c); written by
 * those who change the way for a while, and put it back: sweeps, checkpoints, users' functions,
 * name scopes, tp_set_grad_enabled and tp_set_anomaly. */
typedef struct tp__recording {
    uint8_t modes;       /* as below; 0: as usual */
    uint8_t sweep_depth; /* how many sweeps run, each in a rule or hook of the one before */
    uint32_t order;
    uint16_t marks; /* of what is recorded: base/marks.h */
    struct tp__name_scope *name_scope;
    const char *guarded; /* the function whose backward must use recorded values only */
} tp__recording;

/* In what recording differs from the usual. */
enum {
    TP__NO_GRAD = 1,    /* nothing is recorded */
    TP__SCOPED = 2,     /* there is a name scope */
    TP__ANOMALY = 4,    /* every result is looked at */
    TP__CHECKPOINT = 8, /* elements may go, since they can be made again */
    TP__GUARDED = 16,   /* there is a guarded function */
    TP__PROFILED = 32   /* operations on numbers are noted too (base/profile.h) */
};

/* Elements that are not there: deferred ones (array/deferred.c, plan.c) and dropped ones
 * (graph/remake.c). */
typedef struct tp__waiting {
    struct tp__recipe *recipes, *joining; /* of deferred elements; of those that join a plan */
    uint64_t plans;                       /* the last one's number: array/plan.c */
    void (*finish)(tp__thread *t);        /* computes all that waits, before the thread ends */
    bool (*remake)(tp_var *v); /* makes dropped elements, or fails; set where the first of them
                                * may be dropped */
    uint32_t remade;           /* how often it did */
} tp__waiting;

/* Nodes (base/node.c) and blocks (base/alloc.c) to be used again, and counts. */
typedef struct tp__memory {
    tp_var *free_nodes[2]; /* whole ones, and small ones */
    size_t live;           /* nodes in use */
    void *free_blocks[TP__BLOCK_CLASSES];
    tp_memory bytes;
    size_t requests, failing, largest; /* for tests: see tp__alloc_fail_at and _above */
} tp__memory;

/* The pending error, of which only the code, in the thread, is read elsewhere. Written by
 * base/error.c. */
typedef struct tp__error {
    bool told;          /* the program knows of it */
    uint8_t nulls_told; /* how many were told because the program got NULL */
    long process;       /* where it arose: after fork() it is not the child's to tell */
    char message[512], place[TP__SITE_TEXT];
    tp__site site;
} tp__error;

struct tp__thread {
    tp__scopes scopes;
    tp__recording recording;
    tp__waiting waiting;
    tp__memory memory;
    tp_code code; /* of the pending error; TP_OK for none */
    tp__error error;
    const char *call; /* the function that the program called, if it is not where errors arise
                       * (base/call.h) */
    struct tp__debug *debug; /* NULL: not in debug mode */
    struct {
        uint64_t seed, block;
    } random; /* the stream of random numbers: base/random.h */
};

#if defined(__ELF__) && !defined(TP_NO_THREADS)
#define TP__TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define TP__TLS_MODEL
#endif
extern TP__THREAD_LOCAL tp__thread *tp__thread_current TP__TLS_MODEL;

tp__thread *tp__thread_start(void);

TP_INLINE tp__thread *tp__here(void)
{
    tp__thread *t = tp__thread_current;
    return TP_LIKELY(t) ? t : tp__thread_start();
}

/* Sets a mode or clears it; true if it was set. */
TP_INLINE bool tp__set_mode(tp__thread *t, unsigned mode, bool on)
{
    unsigned modes = t->recording.modes;
    t->recording.modes = (uint8_t)((modes & ~mode) | (on ? mode : 0));
    return modes & mode;
}

/* Guards a function, or NULL for none. Returns the one that was. */
TP_INLINE const char *tp__guard(tp__thread *t, const char *function)
{
    const char *old = t->recording.guarded;
    t->recording.guarded = function;
    tp__set_mode(t, TP__GUARDED, function != NULL);
    return old;
}

#endif
