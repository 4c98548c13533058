/* SPDX-License-Identifier: MIT
 *
 * tp__apply is what every public operation comes to, unless its operands are plain numbers, which
 * take the short path in apply.h. In order: operands are checked; brought to types and shapes that
 * fit (operands.c); `infer` of the record says what the result will be; its elements are computed,
 * or wait (compute.c); and if an operand needs a gradient and recording is on, the result notes the
 * operation, its attributes and its inputs (tp__record), which is all that a sweep needs later. A
 * result of half types is rounded last.
 */
#include "base/features.h"

#include "graph/apply.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "graph/anomaly.h"
#include "graph/compute.h"
#include "graph/operands.h"
#include "graph/remake.h"

enum { APPLY_FEW = 4 };

/* --- Check --- */

static bool apply_check(const tp__op *op, tp_var *const *in, int n)
{
    for (int i = 0; i < n; i++) {
        if (!tp__check_operand_of(op->name, in[i], i, n))
            return false;
        if (TP_UNLIKELY(in[i]->flags & TP__DROPPED) && !tp__evaluate(in[i]))
            return false;
    }
    return true;
}

static uint32_t apply_flags(tp_var *const *in, int n)
{
    uint32_t flags = 0;
    for (int i = 0; i < n; i++)
        flags |= in[i]->flags & (TP__NEEDS_GRAD | TP__UNRECORDED);
    return flags;
}

tp_var *tp__refuse_unrecorded(tp__thread *t)
{
    return tp_fail(TP_ERROR_GRAPH,
                   "%s: its backward uses a value that was computed without recording (in forward, "
                   "or by a sweep without create_graph), so the second derivative would be wrong; "
                   "compute it from in and out, or use tp_detach for a constant",
                   t->recording.guarded);
}

/* --- Record --- */

/* What a record keeps in name scopes, in anomaly mode and in checkpoints. */
static void apply_record_unusual(tp__thread *t, tp_var *y)
{
    if (t->recording.modes & TP__SCOPED)
        tp__extra_enter_scope(t, y);
    if (t->recording.modes & TP__ANOMALY)
        tp__anomaly_place(y);
    if (t->recording.modes & TP__CHECKPOINT) {
        y->flags |= TP__REMADE;
        y->reads |= (uint16_t)tp__remake_reads(y);
    }
}

/* What a sweep records keeps the elements of all its operands: series may read them. base is told
 * here, since it cannot name graph, how elements are made again. */
bool tp__record(tp_var *y, const tp__op *op, tp_var *const *in, int n)
{
    if (!tp__node_inputs(y, (uint32_t)n))
        return false;
    tp_var **inputs = tp__inputs(y);
    uint32_t *versions = tp__input_versions(y);
    y->op = op;
    unsigned flags = 0, marks = 0;
    bool uncounted = y->flags & TP__UNCOUNTED;
    uint32_t below = 0, order = 0;
    for (int i = 0; i < n; i++) {
        inputs[i] = in[i];
        versions[i] = tp__version(in[i]);
        tp__ref(in[i]);
        flags |= in[i]->flags;
        uncounted = uncounted && (in[i]->flags & TP__UNCOUNTED);
        marks |= in[i]->marks;
        below = in[i]->generation > below ? in[i]->generation : below;
        order = in[i]->order > order ? in[i]->order : order;
    }
    tp__thread *t = tp__here();
    y->generation = below + 1;
    y->order = tp__next_order(t, order);
    y->flags |= (uint16_t)((flags & TP__NEEDS_GRAD) | (op->head.release ? TP__PARTS : 0));
    y->marks |= (uint16_t)((marks & TP__INHERITED) | t->recording.marks);
    y->reads = t->recording.sweep_depth ? TP__READS_ALL | TP__READS_OUT : (uint16_t)tp__reads(y);
    if (TP_UNLIKELY(t->recording.modes))
        apply_record_unusual(t, y);
    t->waiting.remake = tp__remake;
    if (!uncounted)
        tp__reads_count(y);
    if (y->storage && !y->storage->data && !t->recording.sweep_depth)
        tp__reads_need(y, true);
    return true;
}

tp_var *tp__to_record_unusual(tp__thread *t, tp_var *y, uint32_t flags, bool *record)
{
    unsigned modes = t->recording.modes;
    *record = false;
    if ((flags & TP__UNRECORDED) && (modes & TP__GUARDED)) {
        tp__drop(y);
        return tp__refuse_unrecorded(t);
    }
    if ((modes & TP__NO_GRAD) || !(flags & TP__NEEDS_GRAD)) {
        y->flags |= TP__UNRECORDED;
        return y;
    }
    *record = true;
    y->flags |= TP__NEEDS_GRAD;
    if (modes & TP__SCOPED)
        tp__extra_enter_scope(t, y);
    if (modes & TP__CHECKPOINT)
        y->flags |= TP__REMADE;
    return y;
}

/* Attributes pass to a recorded result; tp__apply frees others. */
static bool apply_record(tp__call *call, tp_var *y, bool record)
{
    const tp__op *op = call->op;
    if (!record || !tp__is_float(call->dtype))
        return true;
    if (!tp__record(y, op, call->in, call->n_in))
        return false;
    y->attr = call->attr;
    if (op->attr_bytes)
        call->attr.block = NULL;
    return true;
}

/* --- Apply --- */

/* The result with one reference, or NULL with an error pending. */
static tp_var *apply_run(tp__thread *t, tp__call *call, bool record)
{
    const tp__op *op = call->op;
    bool elements = op->flags & TP__ELEMENTWISE;
    bool ready = elements                               ? tp__operands_meet(call, record)
                 : op->flags & (TP__MOVES | TP__HALVES) ? true
                                                        : tp__operands_widen(call, record);
    if (!ready || (op->infer && !op->infer(call)))
        return NULL;
    tp_var *y =
        elements && !call->view ? tp__compute_elements(t, call) : tp__compute_other(t, call);
    if (y && (!apply_record(call, y, record) ||
              (TP_UNLIKELY(t->recording.modes & TP__ANOMALY) && !call->view &&
               !tp__anomaly_result(op, y, call->in, call->n_in)))) {
        tp__drop(y);
        return NULL;
    }
    return y;
}

static void apply_begin(tp__call *call, const tp__op *op, int n, tp__attr attr, int ndim,
                        const int64_t *shape)
{
    call->op = op;
    call->n_in = n;
    call->attr = attr;
    call->ndim = ndim;
    for (int i = 0; i < ndim; i++)
        call->shape[i] = shape[i];
    call->dtype = call->work = call->given = TP_F64;
    call->view = false;
    call->folds = 0;
    call->divisor = 1;
    call->base = call->out = NULL;
    call->offset = 0;
    call->flops = 0;
}

tp_var *tp__apply(const tp__op *op, tp_var *const *in, int n, tp__attr attr, int ndim,
                  const int64_t *shape)
{
    tp__thread *t = tp__here();
    tp__call call;
    apply_begin(&call, op, n, attr, ndim, shape);
    tp_var *few[APPLY_FEW], *y = NULL;
    call.in = n <= APPLY_FEW ? few : tp__alloc((size_t)n * sizeof *in);
    if (call.in && apply_check(op, in, n)) {
        for (int i = 0; i < n; i++)
            call.in[i] = in[i];
        /* Without a gradient the result is a constant; a slope is part of one that is not recorded.
         */
        bool constant = !op->gradient && !(op->flags & TP__SLOPE);
        uint32_t flags = constant ? 0 : apply_flags(in, n);
        bool record = !(t->recording.modes & TP__NO_GRAD) && (flags & TP__NEEDS_GRAD);
        if ((flags & TP__UNRECORDED) && (t->recording.modes & TP__GUARDED))
            tp__refuse_unrecorded(t);
        else
            y = apply_run(t, &call, record);
        if (y && flags && !record)
            y->flags |= TP__UNRECORDED;
    }
    if (op->attr_bytes)
        tp__free(call.attr.block);
    if (call.in != few)
        tp__free(call.in);
    if (!y)
        return tp__poison();
    y = tp__own(t, y);
    return TP_LIKELY(y->dtype == call.given || (op->flags & TP__MOVES))
               ? y
               : tp__operands_narrow(&call, y);
}

tp_var *tp__apply_again(tp_var *y, tp_var *const *in)
{
    tp__attr attr = y->attr;
    if (y->op->attr_bytes) {
        attr.block = tp__alloc(y->op->attr_bytes);
        if (!attr.block)
            return tp__poison();
        memcpy(attr.block, y->attr.block, y->op->attr_bytes);
    }
    return tp__apply(y->op, in, (int)y->n_in, attr, y->ndim, tp__shape(y));
}
