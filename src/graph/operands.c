/* SPDX-License-Identifier: MIT
 *
 * Operands become what a kernel takes: of one type and, for an elementwise operation, of one shape.
 * Where they differ, a conversion (`to`) or a view with steps of zero (`broadcast_to`) is put
 * between operand and operation, as a recorded node of its own. So promotion and broadcasting have
 * gradients like everything else, and no rule of an operation mentions them: what a broadcast
 * repeats, sum_to adds up again on the way back. Drawings pass over these nodes (TP__IMPLICIT).
 *
 * A constant number is not broadcast: kernels repeat it. Most calls have operands that are alike
 * already; operands_compare finds that out before anything is promoted.
 */
#include "base/features.h"

#include "graph/operands.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/structural.h"
#include "tinypytorch/array.h"

/* Makes `to` (one reference) the result of a conversion of v that drawings hide. */
static tp_var *operands_step(const tp__op *op, tp_var *v, tp_var *to, bool record)
{
    to = tp__own(tp__here(), to);
    if (to->flags & TP__POISON)
        return to;
    to->marks |= TP__IMPLICIT;
    to->attr.integer = to->dtype;
    return !record || tp__record(to, op, &v, 1) ? to : tp__poison();
}

/* Brings v to dtype and, but for a constant number, to shape. Conversions of constants are recorded
 * too when the result will be: the drawing shows what the caller wrote. */
static tp_var *operands_convert(tp_var *v, tp_dtype dtype, int ndim, const int64_t *shape,
                                bool record)
{
    tp__thread *t = tp__here();
    if (v->dtype != dtype)
        v = operands_step(&tp__op_to, v, tp__copy_as(t, v, dtype), record);
    bool number = v->ndim == 0 && !(v->flags & TP__NEEDS_GRAD);
    if (!(v->flags & TP__POISON) && !number && !tp__same_shape(v, ndim, shape))
        v = operands_step(&tp__op_broadcast_to, v, tp__broadcast_view(t, v, ndim, shape), record);
    return v;
}

/* Operand i fits not all before it; the message names the first that it does not fit. */
static void operands_misfit(const tp__call *call, int i)
{
    const tp_var *a = call->in[0], *b = call->in[i];
    for (int j = 0; j < i; j++) {
        int ndim = call->in[j]->ndim;
        int64_t shape[TP_MAX_NDIM] = {0};
        memcpy(shape, tp__shape(call->in[j]), (size_t)ndim * sizeof *shape);
        if (!tp__broadcast_shape(&ndim, shape, b->ndim, tp__shape(b))) {
            a = call->in[j];
            break;
        }
    }
    char a_text[TP__SHAPE_TEXT], b_text[TP__SHAPE_TEXT], a_name[64], b_name[64];
    tp_fail(TP_ERROR_SHAPE, "%s: shapes %s%s and %s%s do not broadcast", call->op->name,
            tp__shape_text(a_text, a->ndim, tp__shape(a)), tp__name_text(a_name, a),
            tp__shape_text(b_text, b->ndim, tp__shape(b)), tp__name_text(b_name, b));
}

static bool operands_common_shape(tp__call *call)
{
    call->ndim = 0;
    for (int i = 0; i < call->n_in; i++) {
        tp_var *v = call->in[i];
        if (tp__broadcast_shape(&call->ndim, call->shape, v->ndim, tp__shape(v)))
            continue;
        operands_misfit(call, i);
        return false;
    }
    return true;
}

/* How operands fit: not without promotion or broadcasting; floating arrays of one type and shape,
 * with numbers or a condition among them; or such arrays only. */
typedef enum operands_fit { OPERANDS_UNLIKE, OPERANDS_ALIKE, OPERANDS_SAME } operands_fit;

static operands_fit operands_compare(tp__call *call, int first)
{
    const tp_var *like = NULL;
    bool same = first == 0;
    for (int i = first; i < call->n_in; i++) {
        const tp_var *v = call->in[i];
        if (v->ndim == 0)
            same = false;
        else if (!like && tp__is_float((tp_dtype)v->dtype))
            like = v;
        else if (!like || v->dtype != like->dtype ||
                 !tp__same_shape(v, like->ndim, tp__shape(like)))
            return OPERANDS_UNLIKE;
    }
    if (!like || (first && !tp__same_shape(call->in[0], like->ndim, tp__shape(like))))
        return OPERANDS_UNLIKE;
    call->dtype = (tp_dtype)like->dtype;
    call->ndim = like->ndim;
    for (int i = 0; i < like->ndim; i++)
        call->shape[i] = tp__shape(like)[i];
    return same ? OPERANDS_SAME : OPERANDS_ALIKE;
}

bool tp__operands_meet(tp__call *call, bool record)
{
    int first = call->op->flags & TP__CONDITION ? 1 : 0;
    operands_fit fit = operands_compare(call, first);
    if (fit == OPERANDS_UNLIKE) {
        if (!operands_common_shape(call))
            return false;
        call->dtype = tp__promote(call->in + first, call->n_in - first);
        if ((call->op->flags & TP__FLOATING) && !tp__is_float(call->dtype))
            call->dtype = TP_F64;
        if (!tp__is_float(call->dtype) &&
            !tp__check_weak(call->op->name, call->in + first, call->n_in - first,
                            !call->op->gradient, &call->dtype))
            return false;
    }
    call->given = call->dtype;
    call->dtype = call->work = tp__working_type(call->given);
    if (!call->op->loop[call->work]) {
        tp_fail(TP_ERROR_DTYPE, "%s: not for %s operands", call->op->name,
                tp_dtype_name(call->given));
        return false;
    }
    if (fit == OPERANDS_SAME && call->work == call->given)
        return true;
    for (int i = 0; i < call->n_in; i++) {
        tp_var *v = call->in[i];
        tp_dtype dtype = i < first ? TP_U8 : call->dtype;
        if (v->dtype == dtype && tp__same_shape(v, call->ndim, call->shape))
            continue;
        if (v->ndim == 0 && !(v->flags & TP__NEEDS_GRAD)) {
            if (!tp__evaluate(v))
                return false;
            if (v->dtype == dtype || !record)
                continue;
        }
        call->in[i] = operands_convert(v, dtype, call->ndim, call->shape, record);
        if (call->in[i]->flags & TP__POISON)
            return false;
    }
    return true;
}

bool tp__operands_widen(tp__call *call, bool record)
{
    call->given = call->n_in ? tp__promote(call->in, call->n_in) : call->dtype;
    for (int i = 0; i < call->n_in; i++) {
        tp_var *v = call->in[i];
        tp_dtype work = tp__working_type((tp_dtype)v->dtype);
        if (v->dtype == work)
            continue;
        call->in[i] = operands_convert(v, work, v->ndim, tp__shape(v), record);
        if (call->in[i]->flags & TP__POISON)
            return false;
    }
    return true;
}

tp_var *tp__operands_narrow(const tp__call *call, tp_var *y)
{
    bool kept = (call->op->flags & (TP__ELEMENTWISE | TP__SELECTS)) || tp__is_float(call->given);
    if (y->dtype == call->given || !kept || !call->op->gradient ||
        y->dtype != tp__working_type(call->given))
        return y;
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    y = tp_to(y, call->given);
    t->recording.marks = marks;
    return y;
}
