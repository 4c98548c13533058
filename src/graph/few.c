/* SPDX-License-Identifier: MIT
 *
 * What tp__apply would do, in the same order and with the same bits, for operands of which one look
 * tells that most steps have nothing to do; and plain numbers where the inline path (apply.h) has
 * to ask for memory, or a mode differs from the usual.
 */
#include "base/features.h"

#include "graph/few.h"

#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "base/profile.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/remake.h"
#include "graph/structural.h"

enum {
    FEW_ELEMENTS = 256,

    /* Operands with one of these flags are left to tp__apply. */
    FEW_NOT = TP__POISON | TP__WATCHED | TP__DROPPED | TP__SHARED
};

/* What tp__record does for one or two operands that belong to this thread alone, in no unusual
 * mode; b may be NULL. */
static void few_record(tp__thread *t, tp_var *y, const tp__op *op, tp_var *a, tp_var *b,
                       tp__attr attr)
{
    unsigned reads = a->flags & TP__NEEDS_GRAD ? op->reads[0] : 0;
    unsigned any = a->flags, all = a->flags & y->flags;
    if (b) {
        any |= b->flags;
        all &= b->flags;
        reads |= b->flags & TP__NEEDS_GRAD ? op->reads[1] : 0;
        tp__record_2(t, y, op, a, b);
        tp__record_input(y, 1, b);
        y->attr = attr;
    } else {
        tp__record_1(t, y, op, a, attr);
    }
    tp__record_input(y, 0, a);
    y->flags |= (uint16_t)(any & TP__NEEDS_GRAD);
    y->reads = (uint16_t)(op->compose ? tp__reads(y) : reads);
    if (TP_UNLIKELY(t->recording.sweep_depth))
        y->reads = TP__READS_ALL | TP__READS_OUT;
    t->waiting.remake = tp__remake;
    if (!(all & TP__LITTLE))
        tp__reads_count(y);
}

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

/* True if v is like `like`, or a constant number that the operation takes as it is: a record takes
 * it as one of its own type. */
TP_INLINE bool few_fits(const tp_var *v, const tp_var *like, bool record)
{
    if (v == like)
        return true;
    if (v->ndim != 0)
        return few_is_like(v, like);
    bool taken = v->dtype == like->dtype || ((v->flags & TP__NUMBER) && !record);
    return taken && v->data && !(v->flags & TP__NEEDS_GRAD);
}

/* Ends y, into which v was converted or broadcast, as operands.c would. */
static tp_var *few_step(tp__thread *t, const tp__op *op, tp_var *v, tp_var *y, bool record)
{
    tp__attr attr = {.integer = y->dtype};
    if (record)
        few_record(t, y, op, v, NULL, attr);
    y->attr = attr;
    y->marks |= TP__IMPLICIT;
    return y;
}

/* A constant number as one of like's type, for a record. */
static tp_var *few_convert(tp__thread *t, tp_var *v, const tp_var *like)
{
    tp_var *y = tp__own(t, tp__node_array(t, (tp_dtype)like->dtype, 0, NULL));
    if (y->flags & TP__POISON)
        return y;
    tp__write_element((tp_dtype)y->dtype, y->data, tp__number(v));
    return few_step(t, &tp__op_to, v, y, true);
}

/* Writes the rows of v as those of y, each repeated along a row if it is one element, and the only
 * one as often as y has rows. */
static void few_copy_rows(const tp_var *v, int64_t rows, int64_t columns, tp_var *y)
{
    const size_t item = tp__dtype_size((tp_dtype)y->dtype);
    const int64_t wide = tp__shape(y)[y->ndim - 1], next = rows > 1 ? columns * (int64_t)item : 0;
    const char *from = v->data, *end = (char *)y->data + y->size * (int64_t)item;
    for (char *to = y->data; to < end; to += wide * (int64_t)item, from += next) {
        memcpy(to, from, (size_t)columns * item);
        if (columns < wide)
            tp__repeat_element(to, wide, item);
    }
}

/* v broadcast to like's shape, as operands.c would do it, but with elements of its own; NULL if it
 * has no such elements. */
static tp_var *few_broadcast(tp__thread *t, tp_var *v, const tp_var *like, bool record)
{
    int64_t columns = v->ndim ? tp__shape(v)[v->ndim - 1] : 1;
    int64_t rows = v->ndim == 2 ? v->dims.few[0] : 1;
    int64_t wide = tp__shape(like)[like->ndim - 1], high = like->ndim == 2 ? like->dims.few[0] : 1;
    if (v->ndim > like->ndim || v->dtype != like->dtype || !v->data ||
        !(v->flags & TP__CONTIGUOUS) || (columns != 1 && columns != wide) ||
        (rows != 1 && rows != high))
        return NULL;
    tp_var *y = tp__own(t, tp__node_like(t, like));
    if (y->flags & TP__POISON)
        return y;
    few_copy_rows(v, rows, columns, y);
    return few_step(t, &tp__op_broadcast_to, v, y, record);
}

/* Operand i, v, as op takes it, poison, or NULL if more has to be done to it. What may be edited
 * and the rule reads is not copied: the record would not see the edit. */
TP_INLINE tp_var *few_operand(tp__thread *t, const tp__op *op, uint32_t i, tp_var *v,
                              const tp_var *like, bool record)
{
    if (TP_LIKELY(few_fits(v, like, record)))
        return v;
    if ((v->flags & (TP__NUMBER | TP__NEEDS_GRAD)) == TP__NUMBER)
        return few_convert(t, v, like);
    bool read = op->compose || tp__reads_input(op->reads[0] | op->reads[1], i);
    return record && read && !v->op ? NULL : few_broadcast(t, v, like, record);
}

/* Where the loop finds v's element, or elements. A number is written down once, where the loop may
 * stay at it, or as often as y has elements. */
TP_INLINE char *few_elements(const tp__op *op, const tp_var *v, const tp_var *y, int64_t *step,
                             char *numbers)
{
    if (v->ndim != 0)
        return v->data;
    tp__write_element((tp_dtype)y->dtype, numbers,
                      v->dtype == TP_F64 ? tp__number(v) : (double)*(const float *)v->data);
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

bool tp__few_take(tp__thread *t, const tp_var *a, const tp_var *b)
{
    return !((a->flags | b->flags) & FEW_NOT) && !(t->recording.modes & ~TP__NO_GRAD) && a->data &&
           b->data && a->dtype == b->dtype && (a->dtype == TP_F32 || a->dtype == TP_F64) &&
           !atomic_load_explicit(&tp__profiling, memory_order_relaxed);
}

tp_var *tp__few_result(tp__thread *t, tp_var *y, const tp__op *op, tp_var *const *in, int n,
                       tp__attr attr)
{
    unsigned flags = 0;
    if (!y)
        return tp__poison();
    for (int i = 0; i < n; i++)
        flags |= in[i]->flags & (TP__NEEDS_GRAD | TP__UNRECORDED);
    bool record = (flags & TP__NEEDS_GRAD) && !t->recording.modes;
    if (record && n <= TP__INLINE_INPUTS) {
        few_record(t, y, op, in[0], n > 1 ? in[1] : NULL, attr);
    } else if (record) {
        if (!tp__record(y, op, in, n)) {
            tp__drop(y);
            return tp__poison();
        }
        y->attr = attr;
    } else if (flags) {
        y->flags |= TP__UNRECORDED;
    }
    return tp__own(t, y);
}

tp_var *tp__apply_few(tp__thread *t, const tp__op *op, tp_var *a, tp_var *b, tp__attr attr)
{
    const tp_var *like =
        !b || a->size > b->size || (a->size == b->size && a->ndim >= b->ndim) ? a : b;
    unsigned flags = a->flags | (b ? b->flags : 0);
    if ((flags & FEW_NOT) || like->ndim == 0 || (t->recording.modes & ~TP__NO_GRAD) ||
        (op->flags & TP__CONDITION) || op->infer || op->attr_bytes ||
        atomic_load_explicit(&tp__profiling, memory_order_relaxed))
        return NULL;
    flags &= op->gradient || (op->flags & TP__SLOPE) ? TP__NEEDS_GRAD | TP__UNRECORDED : 0;
    bool record = (flags & TP__NEEDS_GRAD) && !t->recording.modes;
    if (!few_is_plain(like) || !(a = few_operand(t, op, 0, a, like, record)) ||
        (b && !(b = few_operand(t, op, 1, b, like, record))))
        return NULL;
    tp_var *y = (a->flags | (b ? b->flags : 0)) & TP__POISON ? NULL : tp__node_like(t, like);
    if (!y)
        return tp__poison();
    few_compute(op, a, b, y, attr);
    if (record)
        few_record(t, y, op, a, b, attr);
    else if (flags)
        y->flags |= TP__UNRECORDED;
    return tp__own(t, y);
}

tp_var *tp__few_slope(tp__thread *t, const tp__op *slope, tp_var *gy, tp_var *read, tp_var *x)
{
    x = slope->n_in == 3 ? x : read;
    if (gy->ndim == 0 || !tp__few_take(t, gy, read) || !few_is_plain(gy) ||
        !few_is_like(read, gy) || !few_is_like(x, gy) || (x->flags & FEW_NOT))
        return NULL;
    tp_var *y = tp__node_like(t, gy);
    if (!y)
        return tp__poison();
    tp__loop *fast = tp__fast_loop((tp__fast)slope->fast, (tp_dtype)y->dtype);
    int64_t item = y->dtype == TP_F64 ? 8 : 4, step[] = {item, item, item, item};
    char *at[] = {y->data, gy->data, read->data, x->data};
    (fast ? fast : slope->loop[y->dtype])(y->size, at, step, &(tp__attr){0});
    y->flags |= TP__UNRECORDED;
    return tp__own(t, y);
}

tp_var *tp__few_copy(tp__thread *t, const tp_var *v, int ndim, const int64_t *shape)
{
    if (v->size > FEW_ELEMENTS || !(v->flags & TP__CONTIGUOUS) || !tp__few_take(t, v, v))
        return NULL;
    tp_var *y = tp__own(t, tp__node_array(t, (tp_dtype)v->dtype, ndim, shape));
    if (y->flags & TP__POISON)
        return y;
    memcpy(y->data, v->data, (size_t)v->size * tp__dtype_size((tp_dtype)v->dtype));
    y->flags |= TP__UNRECORDED;
    return y;
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
    if (tp__to_record(t, &y, x->flags)) {
        tp__record_1(t, y, op, x, attr);
        tp__record_input(y, 0, x);
    }
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
    if (tp__to_record(t, &y, a->flags | b->flags)) {
        tp__record_2(t, y, op, a, b);
        tp__record_input(y, 0, a);
        tp__record_input(y, 1, b);
    }
    tp__profile_stop(start, op->name, 3 * sizeof(double), 0);
    return tp__own(t, y);
}
