/* SPDX-License-Identifier: MIT
 *
 * What tp__apply would do, in the same order and with the same bits, for operands of which one look
 * tells that most steps have nothing to do; and plain numbers where the inline path (apply.h) has
 * to ask for memory, or a mode differs from the usual.
 */
#include "base/features.h"

#include "graph/few.h"

#include "array/array.h"
#include "array/deferred.h"
#include "base/profile.h"
#include "base/scope.h"
#include "graph/apply.h"

enum { FEW_ELEMENTS = 256 };

/* True for an array of few elements, of a floating type, which lie in order. */
TP_INLINE bool few_is_plain(const tp_var *v)
{
    return (v->flags & TP__CONTIGUOUS) && v->ndim <= TP__INLINE_DIMS && v->data &&
           (v->dtype == TP_F32 || v->dtype == TP_F64) && v->size > 0 && v->size <= FEW_ELEMENTS &&
           v->size < tp__defer_from;
}

TP_INLINE bool few_is_like(const tp_var *v, const tp_var *like)
{
    return (v->flags & TP__CONTIGUOUS) && v->dtype == like->dtype && v->ndim == like->ndim &&
           v->data && v->dims.few[0] == like->dims.few[0] &&
           (v->ndim == 1 || v->dims.few[1] == like->dims.few[1]);
}

/* True if v is like `like`, or a number that the operation may take as it is: a constant number of
 * another type would be recorded as converted. */
TP_INLINE bool few_fits(const tp_var *v, const tp_var *like, bool record)
{
    if (v == like)
        return true;
    if (v->ndim != 0)
        return few_is_like(v, like);
    return (v->flags & (TP__NUMBER | TP__NEEDS_GRAD)) == TP__NUMBER &&
           (!record || like->dtype == TP_F64);
}

/* Where the loop finds v's element, or elements. A number is written down once, where the loop may
 * stay at it, or as often as y has elements. */
TP_INLINE char *few_elements(const tp__op *op, const tp_var *v, const tp_var *y, int64_t *step,
                             char *numbers)
{
    if (v->ndim != 0)
        return v->data;
    tp__write_element((tp_dtype)y->dtype, numbers, tp__number(v));
    if (tp__fast_loop((tp__fast)op->fast, (tp_dtype)y->dtype) &&
        !tp__fast_repeats((tp__fast)op->fast))
        tp__repeat_element(numbers, y->size, (size_t)*step);
    else
        *step = 0;
    return numbers;
}

static void few_compute(const tp__op *op, const tp_var *a, const tp_var *b, tp_var *y,
                        tp__attr attr)
{
    char numbers[2][FEW_ELEMENTS * sizeof(double)];
    int64_t item = y->dtype == TP_F64 ? 8 : 4, step[] = {item, item, item};
    tp__loop *fast = tp__fast_loop((tp__fast)op->fast, (tp_dtype)y->dtype);
    char *at[] = {y->data, few_elements(op, a, y, &step[1], numbers[0]),
                  b ? few_elements(op, b, y, &step[2], numbers[1]) : NULL};
    (fast ? fast : op->loop[y->dtype])(y->size, at, step, &attr);
}

tp_var *tp__apply_few(tp__thread *t, const tp__op *op, tp_var *a, tp_var *b, tp__attr attr)
{
    const tp_var *like = a->ndim || !b ? a : b;
    unsigned flags = a->flags | (b ? b->flags : 0);
    if ((flags & (TP__POISON | TP__WATCHED | TP__DROPPED | TP__SHARED)) || like->ndim == 0 ||
        (t->recording.modes & ~TP__NO_GRAD) || (op->flags & TP__CONDITION) || op->infer ||
        op->attr_bytes || atomic_load_explicit(&tp__profiling, memory_order_relaxed))
        return NULL;
    flags &= op->gradient || (op->flags & TP__SLOPE) ? TP__NEEDS_GRAD | TP__UNRECORDED : 0;
    bool record = (flags & TP__NEEDS_GRAD) && !t->recording.modes;
    if (!few_is_plain(like) || !few_fits(a, like, record) || (b && !few_fits(b, like, record)))
        return NULL;
    tp_var *y = tp__node_array(t, (tp_dtype)like->dtype, like->ndim, tp__shape(like));
    if (!y)
        return tp__poison();
    few_compute(op, a, b, y, attr);
    if (record && !tp__record(y, op, (tp_var *[]){a, b}, b ? 2 : 1)) {
        tp__drop(y);
        return tp__poison();
    }
    if (record)
        y->attr = attr;
    else if (flags)
        y->flags |= TP__UNRECORDED;
    return tp__own(t, y);
}

/* --- Operands of any kind --- */

/* When an operation on numbers began, if that is to be noted. A thread whose profile has ended goes
 * back to its short path. */
static uint64_t apply_start(tp__thread *t)
{
    if (TP_LIKELY(!(t->recording.modes & TP__PROFILED)))
        return 0;
    uint64_t start = tp__profile_start();
    tp__set_mode(t, TP__PROFILED, start != 0);
    return start;
}

tp_var *tp__apply_any_1(const tp__op *op, tp_var *x, tp__attr attr)
{
    tp__thread *t = tp__here();
    if (!x || !(x->flags & TP__NUMBER) || (t->recording.modes & TP__ANOMALY)) {
        tp_var *few = x ? tp__apply_few(t, op, x, NULL, attr) : NULL;
        return few ? few : tp__apply(op, &x, 1, attr, -1, NULL);
    }
    uint64_t start = apply_start(t);
    tp_var *y = tp__node_number(t, op->number(tp__number(x), attr.number));
    if (tp__to_record(t, &y, x->flags))
        tp__record_1(t, y, op, x, attr);
    tp__profile_stop(start, op->name, 2 * sizeof(double), 0);
    return tp__own(t, y);
}

tp_var *tp__apply_any_2(const tp__op *op, tp_var *a, tp_var *b)
{
    tp__thread *t = tp__here();
    if (!a || !b || !(a->flags & b->flags & TP__NUMBER) || (t->recording.modes & TP__ANOMALY)) {
        tp_var *few = a && b ? tp__apply_few(t, op, a, b, (tp__attr){0}) : NULL;
        return few ? few : tp__apply(op, (tp_var *[]){a, b}, 2, (tp__attr){0}, -1, NULL);
    }
    uint64_t start = apply_start(t);
    tp_var *y = tp__node_number(t, op->number(tp__number(a), tp__number(b)));
    if (tp__to_record(t, &y, a->flags | b->flags))
        tp__record_2(t, y, op, a, b);
    tp__profile_stop(start, op->name, 3 * sizeof(double), 0);
    return tp__own(t, y);
}
