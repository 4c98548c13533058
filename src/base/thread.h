/* SPDX-License-Identifier: MIT
 *
 * What a thread owns: its scopes, its pending error, its free nodes, its recording mode and its
 * random stream. Reached by one thread-local pointer, made at the thread's first call, closed when
 * the thread ends. Nothing else in the library is global but the list of node blocks and the log.
 */
#ifndef TP_THREAD_H
#define TP_THREAD_H

#include "base/features.h"

#include "base/site.h"
#include "tinypytorch/base.h"
#include "tinypytorch/engine.h"
#include "tinypytorch/error.h"

enum { TP__BLOCK_CLASSES = 4 * 40 };

/* An open scope owns the handles from start to the next scope's start. Marks only ever grow, so
 * one that is closed is never met again. */
typedef struct tp__scope_entry {
    size_t mark, start;
} tp__scope_entry;

typedef struct tp__thread {
    tp_var *free_nodes;
    size_t live;

    tp_var **handles;
    size_t n_handles, handle_capacity;
    tp__scope_entry *scopes;
    size_t n_scopes, scope_capacity, last_mark;
    bool warned;

    union {
        struct {
            bool no_grad;
            bool scoped;  /* name_scope is set */
            bool anomaly; /* every result is looked at */
        };
        uint32_t unusual; /* recording is more than the short path does, or nothing */
    };
    uint32_t marks; /* flags of what is recorded: those of a sweep, and TP__IMPLICIT if results
                     * belong to a conversion the library inserted */
    struct tp__name_scope *name_scope;
    const char *guarded_call; /* a user's backward that must not read recorded values raw */
    uint8_t sweep_depth;
    bool remakes;    /* values were recorded in checkpoints */
    uint32_t remade; /* how often dropped elements were made again */
    bool (*remake)(
        tp_var *v); /* makes them, or fails; set where the first of them may be dropped */

    struct tp__debug *debug; /* NULL: not in debug mode */
    const char *call; /* the function that the program called, if it is not where errors arise
                       * (base/call.h) */
    tp_code code;
    bool told;    /* the program knows of the error (base/error.h) */
    long process; /* where the error arose: after fork() it is not the child's to tell */
    uint8_t nulls_told;
    char message[512], place[TP__SITE_TEXT];
    tp__site error_site;

    struct tp__recipe *recipes, *folds;   /* of deferred elements; of deferred sums */
    void (*finish)(struct tp__thread *t); /* what the thread does before it ends; NULL: nothing */
    uint64_t plans;
    void *kept_blocks[TP__BLOCK_CLASSES];
    tp_memory memory;
    size_t weighed; /* memory in use up to which the root scope was looked at */

    uint64_t seed, random_block;
    size_t requests, failing_request, largest_request;
} tp__thread;

#if defined(__ELF__)
#define TP__TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define TP__TLS_MODEL
#endif
extern __thread tp__thread *tp__thread_current TP__TLS_MODEL;

tp__thread *tp__thread_start(void);

TP_INLINE tp__thread *tp__here(void)
{
    tp__thread *t = tp__thread_current;
    return TP_LIKELY(t) ? t : tp__thread_start();
}

#endif
