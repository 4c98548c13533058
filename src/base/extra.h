/* SPDX-License-Identifier: MIT
 *
 * What few nodes have: a name, hooks, a name scope, a place in the program. It goes with its node.
 */
#ifndef TP_EXTRA_H
#define TP_EXTRA_H

#include "base/features.h"

#include <stdint.h>

#include "base/name_scope.h"
#include "base/thread.h"

typedef struct tp__extra {
    char *name;
    tp_var *grad;            /* of a recorded node: tp__grad_place */
    struct tp__hooks *hooks; /* graph/hook.h; NULL for none */
    uint32_t last_hook;
    tp__name_scope *scope;   /* held */
    struct tp__site *site;   /* where it was recorded, if that was asked for */
    struct tp__watch *watch; /* of the debug mode: base/debug.h */
} tp__extra;

/* v's extra, made if it has none. NULL, with an error, when out of memory. */
tp__extra *tp__extra_of(tp_var *v);

/* Notes that v was made in the thread's name scope; without memory v is in none. */
void tp__extra_enter_scope(tp__thread *t, tp_var *v);

void tp__extra_free(tp__extra *extra);

#endif
