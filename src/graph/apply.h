/* SPDX-License-Identifier: MIT
 *
 * The one way to apply an operation: check → promote and broadcast → infer → compute → record. The
 * inline functions are its short path for 0-d float64 operands, which need none of the steps but
 * the last two.
 */
#ifndef TP_APPLY_H
#define TP_APPLY_H

#include "base/marks.h"
#include "base/scope.h"
#include "graph/op.h"

/* Applies op to n operands. attr.block, if the operation has one, passes to the call. ndim and
 * shape tell operations that ask for it the shape of their result; -1 and NULL otherwise. The
 * result belongs to the current scope; poison on error. */
tp_var *tp__apply(const tp__op *op, tp_var *const *in, int n, tp__attr attr, int ndim,
                  const int64_t *shape);

/* Applies y's operation, with y's attributes and shape, to other operands of the same shapes. */
tp_var *tp__apply_again(tp_var *y, tp_var *const *in);

/* The error of a user's backward that is being recorded and uses what was not: a value that forward
 * kept, or a gradient without a graph. */
tp_var *tp__refuse_unrecorded(tp__thread *t);

/* Makes y the recorded result of op on n inputs. False, with an error, when out of memory. */
bool tp__record(tp_var *y, const tp__op *op, tp_var *const *in, int n);

TP_INLINE void tp__record_input(tp_var *y, int i, tp_var *in)
{
    y->in.few[i] = in;
    y->few_versions[i] = tp__version(in);
    tp__ref(in);
}

/* The part of tp__to_record, below, for a thread that does not record as usual. */
tp_var *tp__to_record_unusual(tp__thread *t, tp_var *y, uint32_t flags, bool *record);

/* True if the result *y of operands with these flags is to be recorded. Otherwise it is marked when
 * its derivative is lost, or refused where that would be an error. */
TP_INLINE bool tp__to_record(tp__thread *t, tp_var **y, uint32_t flags)
{
    if (!(flags & (TP__NEEDS_GRAD | TP__UNRECORDED)) || TP_UNLIKELY(!*y))
        return false;
    if (TP_UNLIKELY(t->recording.modes)) {
        bool record;
        *y = tp__to_record_unusual(t, *y, flags, &record);
        return record;
    }
    bool record = flags & TP__NEEDS_GRAD;
    (*y)->flags |= record ? TP__NEEDS_GRAD : TP__UNRECORDED;
    return record;
}

TP_INLINE tp_var *tp__apply_1(const tp__op *op, tp_var *x, tp__attr attr)
{
    tp__thread *t = tp__here();
    if (TP_UNLIKELY(!x || !(x->flags & TP__NUMBER) || (t->recording.modes & TP__ANOMALY)))
        return tp__apply(op, &x, 1, attr, -1, NULL);
    tp_var *y = tp__node_number(t, op->number(tp__number(x), attr.number));
    if (tp__to_record(t, &y, x->flags)) {
        y->op = op;
        y->attr = attr;
        y->marks = (x->marks & TP__ORDERS) | t->recording.marks;
        y->generation = x->generation + 1;
        y->n_in = 1;
        tp__record_input(y, 0, x);
    }
    return tp__own(t, y);
}

TP_INLINE tp_var *tp__apply_2(const tp__op *op, tp_var *a, tp_var *b)
{
    tp__thread *t = tp__here();
    if (TP_UNLIKELY(!a || !b || !(a->flags & b->flags & TP__NUMBER) ||
                    (t->recording.modes & TP__ANOMALY)))
        return tp__apply(op, (tp_var *[]){a, b}, 2, (tp__attr){0}, -1, NULL);
    tp_var *y = tp__node_number(t, op->number(tp__number(a), tp__number(b)));
    if (tp__to_record(t, &y, a->flags | b->flags)) {
        y->op = op;
        y->marks = ((a->marks | b->marks) & TP__ORDERS) | t->recording.marks;
        y->generation = (a->generation > b->generation ? a->generation : b->generation) + 1;
        y->n_in = 2;
        tp__record_input(y, 0, a);
        tp__record_input(y, 1, b);
    }
    return tp__own(t, y);
}

#endif
