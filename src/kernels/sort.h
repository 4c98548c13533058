/* SPDX-License-Identifier: MIT
 *
 * The order of a line of elements: equal ones stay as they are, −0 is 0, and NaN is larger than
 * all.
 */
#ifndef TP_SORT_H
#define TP_SORT_H

#include "base/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tinypytorch/base.h"

typedef struct tp__sorting {
    tp_dtype dtype; /* one of the first four */
    bool descending;
    int64_t n, first; /* elements, and how many of them are wanted */
    int64_t step;     /* in bytes, from one element to the next */
    int64_t to_step;  /* in elements, from one position to the next */
} tp__sorting;

/* How many bytes tp__sort_line works in. */
size_t tp__sort_room(const tp__sorting *sorting);

/* The positions of the first elements of a line in order. */
void tp__sort_line(const tp__sorting *sorting, const char *from, int64_t *to, void *room);

#endif
