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

/* The order of what is recorded next, whose inputs have at most `inputs`. */
TP_INLINE uint32_t tp__next_order(tp__thread *t, uint32_t inputs)
{
    uint32_t next = ++t->recording.order;
    return next > inputs ? next : inputs;
}

TP_INLINE void tp__record_input(tp_var *y, int i, tp_var *in)
{
    y->in.few[i] = in;
    y->few_versions[i] = tp__version(in);
    tp__ref(in);
}

/* The same for a number of which nobody else sees the element. */
TP_INLINE void tp__record_number(tp_var *y, int i, tp_var *in)
{
    y->in.few[i] = in;
    y->few_versions[i] = in->version;
    atomic_store_explicit(&in->refs, atomic_load_explicit(&in->refs, memory_order_relaxed) + 1,
                          memory_order_relaxed);
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

/* What y, a number that was begun, has of its one or two inputs once it is recorded, but for them.
 */
TP_INLINE void tp__record_1(tp__thread *t, tp_var *y, const tp__op *op, const tp_var *x,
                            tp__attr attr)
{
    y->op = op;
    y->attr = attr;
    y->marks = (x->marks & TP__INHERITED) | t->recording.marks;
    y->generation = x->generation + 1;
    y->order = tp__next_order(t, x->order);
    y->n_in = 1;
}

TP_INLINE void tp__record_2(tp__thread *t, tp_var *y, const tp__op *op, const tp_var *a,
                            const tp_var *b)
{
    y->op = op;
    y->marks = ((a->marks | b->marks) & TP__INHERITED) | t->recording.marks;
    y->generation = (a->generation > b->generation ? a->generation : b->generation) + 1;
    y->order = tp__next_order(t, a->order > b->order ? a->order : b->order);
    y->n_in = 2;
}

/* Applies op to operands of any kind, in any mode. */
tp_var *tp__apply_any_1(const tp__op *op, tp_var *x, tp__attr attr);
tp_var *tp__apply_any_2(const tp__op *op, tp_var *a, tp_var *b);

/* True if numbers with these flags, inverted by TP__NUMBER, are no more than that: only this thread
 * counts them, and nobody else sees their elements. */
TP_INLINE bool tp__are_plain(unsigned inverted)
{
    return !(inverted & (TP__NUMBER | TP__SHARED | TP__OUTSIDE));
}

/* True if a number can be made and owned, and may be recorded, without a call. */
TP_INLINE bool tp__is_quick(tp__thread *t)
{
#if defined(TP_PLAIN_NODES)
    if (t && !t->memory.free_nodes[1])
        t->memory.free_nodes[1] = tp__node_spare();
#endif
    return t && !t->recording.modes && t->memory.free_nodes[1] &&
           t->scopes.n_handles < t->scopes.handle_capacity;
}

/* Takes a node for a result, which the innermost scope owns, of operands with these flags. If it is
 * not *recorded it is a whole constant but for its element. */
TP_INLINE tp_var *tp__quick_node(tp__thread *t, unsigned flags, bool *recorded)
{
    tp_var *y = t->memory.free_nodes[1];
    t->memory.free_nodes[1] = y->link;
    t->memory.live++;
    t->scopes.handles[t->scopes.n_handles++] = y;
    tp__node_begin(y);
    *recorded = flags & TP__NEEDS_GRAD;
    if (*recorded)
        y->flags = TP__NUMBER | TP__CONTIGUOUS | TP__SMALL | TP__NEEDS_GRAD;
    else
        tp__node_constant(y, TP__SMALL | (flags & TP__UNRECORDED));
    return y;
}

TP_INLINE tp_var *tp__apply_1(const tp__op *op, tp_var *x, tp__attr attr)
{
    tp__thread *t = tp__thread_current;
    if (TP_UNLIKELY(!x || !tp__are_plain(x->flags ^ TP__NUMBER) || !tp__is_quick(t)))
        return tp__apply_any_1(op, x, attr);
    bool recorded;
    double value = op->number(x->value.number[0], attr.number);
    tp_var *y = tp__quick_node(t, x->flags, &recorded);
    y->value.number[0] = value;
    if (recorded) {
        tp__record_1(t, y, op, x, attr);
        tp__record_number(y, 0, x);
    }
    return y;
}

TP_INLINE tp_var *tp__apply_2(const tp__op *op, tp_var *a, tp_var *b)
{
    tp__thread *t = tp__thread_current;
    if (TP_UNLIKELY(!a || !b || !tp__are_plain((a->flags ^ TP__NUMBER) | (b->flags ^ TP__NUMBER)) ||
                    !tp__is_quick(t)))
        return tp__apply_any_2(op, a, b);
    bool recorded;
    double value = op->number(a->value.number[0], b->value.number[0]);
    tp_var *y = tp__quick_node(t, a->flags | b->flags, &recorded);
    y->value.number[0] = value;
    if (recorded) {
        tp__record_2(t, y, op, a, b);
        tp__record_number(y, 0, a);
        tp__record_number(y, 1, b);
    }
    return y;
}

#endif
