/* SPDX-License-Identifier: MIT
 *
 * The hooks of a value, in the order they were added, which is that of their ids. A hook that is
 * removed leaves an empty place (hook is NULL); empty places go when they are the most and no sweep
 * runs through them. So adding, finding and removing one takes no time that grows with their
 * number, but for a logarithm.
 */
#ifndef TP_HOOK_H
#define TP_HOOK_H

#include "graph/sweep.h"
#include "tinypytorch/graph.h"

typedef struct tp__hook_entry {
    tp_hook hook;
    void *ctx;
    uint32_t id;
} tp__hook_entry;

typedef struct tp__hooks {
    uint32_t n, alive, capacity;
    uint32_t running; /* sweeps that run through them */
    tp__hook_entry at[];
} tp__hooks;

/* Runs v's hooks, of which there are some: each may give another gradient, and add and remove
 * hooks, so v->extra->hooks may move. False, with an error pending, if one failed. */
bool tp__hooks_run(tp__sweep *s, tp_var *v);

#endif
