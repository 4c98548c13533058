/* SPDX-License-Identifier: MIT
 *
 * Elements that an index names along an axis, taken from an array and put into one: what gather.c
 * computes with. Elements that lie one after the other are moved together.
 */
#ifndef TP_INDEX_H
#define TP_INDEX_H

#include "graph/apply.h"

typedef enum tp__index_how {
    TP__INDEX_REPLACE, /* the last of several parts with one place stays */
    TP__INDEX_ADD,
    TP__INDEX_ADD_WIDE /* parts of float32 to sums of float64 */
} tp__index_how;

/* False, with an error of the call, if the index has another number of axes than x, or is longer
 * along others than the call's. */
bool tp__index_check(const tp__call *call, const tp_var *x, const tp_var *index);

/* An index of one axis, of rows of x along axis, as one of their elements, in the current scope.
 * Poison, with an error of the call, if it has another number of axes, or names rows that are not
 * there and have no elements, so that nobody else would see it. */
tp_var *tp__index_of_rows(const char *call, const tp_var *x, int axis, tp_var *index);

/* out ← the elements of x that index names along axis. False, with an error of the call of this
 * name, if it names what is not there, or when out of memory; out is then as it may be. */
bool tp__index_take(const char *call, tp_var *out, const tp_var *x, int axis, tp_var *index);

/* Puts the elements of part to the places of `to` that index names along axis. Likewise. */
bool tp__index_put(const char *call, tp_var *to, int axis, tp_var *index, tp_var *part,
                   tp__index_how how);

/* Many gradients of parts of root as one: a tp__join (graph/sweep.h). */
tp_var *tp__index_join(const tp_var *root, tp_var *const *parts, int n, tp_var *index);

#endif
