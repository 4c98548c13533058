/* SPDX-License-Identifier: MIT
 *
 * The heap behind a sweep's queue: see queue.h. A key moves to a lower place each time that its
 * list is sorted anew, so at most as often as there are places.
 */
#include "base/features.h"

#include "graph/queue.h"

static void queue_lay(tp__queue *q, tp_var *v)
{
    uint64_t key = tp__queue_key(v);
    unsigned place = (unsigned)(63 - __builtin_clzll((key ^ q->top) | 1)) / 4;
    unsigned digit = (unsigned)(key >> 4 * place) & 15;
    unsigned digits = q->places >> place & 1 ? q->digits[place] : 0;
    tp_var **list = &q->lists[place][digit];
    v->link = digits >> digit & 1 ? *list : NULL;
    *list = v;
    q->digits[place] = (uint16_t)(digits | 1u << digit);
    q->places |= 1u << place;
}

void tp__queue_put(tp__queue *q, tp_var **rest, tp_var *v)
{
    tp_var *more = *rest;
    uint64_t highest = tp__queue_key(v);
    *rest = NULL;
    if (more && tp__queue_key(more) > highest)
        highest = tp__queue_key(more);
    if (!q->places) {
        q->top = q->out;
        q->bound = highest;
    }
    q->bound = highest > q->bound ? highest : q->bound;
    queue_lay(q, v);
    for (tp_var *next; more; more = next) {
        next = more->link;
        queue_lay(q, more);
    }
}

/* The list that the highest is in. */
static unsigned queue_place(const tp__queue *q, unsigned *digit)
{
    unsigned place = (unsigned)__builtin_ctz(q->places);
    *digit = 31 - (unsigned)__builtin_clz(q->digits[place]);
    return place;
}

/* The highest key that its list can hold. */
static uint64_t queue_bound(const tp__queue *q)
{
    unsigned digit, place = queue_place(q, &digit);
    uint64_t below = ((uint64_t)1 << 4 * place) - 1;
    return (q->top & ~(below << 4 | 15)) | (uint64_t)digit << 4 * place | below;
}

tp_var *tp__queue_get(tp__queue *q)
{
    unsigned digit, place = queue_place(q, &digit);
    tp_var *list = q->lists[place][digit], *highest = list;
    q->digits[place] &= (uint16_t) ~(1u << digit);
    if (!q->digits[place])
        q->places &= ~(1u << place);
    for (tp_var *v = list->link; v; v = v->link)
        if (tp__queue_key(v) > tp__queue_key(highest))
            highest = v;
    if (list->link)
        q->top = tp__queue_key(highest);
    for (tp_var *v = list, *next; v; v = next) {
        next = v->link;
        if (v != highest)
            queue_lay(q, v);
    }
    if (q->places)
        q->bound = queue_bound(q);
    return highest;
}
