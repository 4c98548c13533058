/* SPDX-License-Identifier: MIT
 *
 * The hooks of a value, in the order they were added, which is that of their ids. A hook that is
 * removed leaves an empty place (hook is NULL); empty places go when they are the most and no sweep
 * runs through them. So adding, finding and removing one takes no time that grows with their
 * number, but for a logarithm.
 */
#ifndef TP_HOOK_H
#define TP_HOOK_H

#include "base/node.h"

struct tp__hooks {
    uint32_t n, alive, capacity;
    uint32_t running; /* sweeps that run through them */
    tp__hook_entry at[];
};

/* A sweep runs through v's hooks at[0 … the number returned); hooks may add and remove hooks
 * meanwhile, and v->extra->hooks may move. */
uint32_t tp__hooks_begin(tp_var *v);
void tp__hooks_end(tp_var *v);

#endif
