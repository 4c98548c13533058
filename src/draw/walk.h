/* SPDX-License-Identifier: MIT
 *
 * The walk over a graph that all drawings share. It keeps what it knows in a map from nodes to
 * numbers, in the order they were met, which is also the order they are visited in; nothing is
 * written into the graph. A node stands for a variable and for the operation that made it; a call
 * of a user's function stands for the function alone. Conversions that the library inserted are
 * passed over, unless they have a name.
 */
#ifndef TP_WALK_H
#define TP_WALK_H

#include "base/node.h"

/* Who is told. Numbers count from 0 and none is left out; an edge may name a node that is told of
 * later. `of` is the variable that a function computes, or the call. */
typedef struct tp__walk {
    void *to;
    void (*variable)(void *to, size_t id, tp_var *v);
    void (*function)(void *to, size_t id, const char *label, tp_var *of);
    void (*edge)(void *to, size_t from, size_t at);
    bool (*go_on)(void *to); /* asked after each node */
} tp__walk;

/* False if go_on said so, or, with an error, when out of memory. */
bool tp__walk_graph(const tp__walk *walk, tp_var *y);

/* v, or what v was converted from, if conversions are not shown. */
tp_var *tp__walk_shown(tp_var *v);

#endif
