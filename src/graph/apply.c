/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "graph/apply.h"

#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/profile.h"
#include "graph/anomaly.h"
#include "graph/remake.h"
#include "graph/structural.h"
#include "tinypytorch/array.h"

enum { APPLY_FEW = 4, APPLY_FEW_ELEMENTS = 256 };

/* What a record keeps in name scopes, where results are looked at, and where they are made again.
 */
static void apply_record_unusual(tp__thread *t, tp_var *y)
{
    if (t->scoped)
        tp__node_enter_scope(t, y);
    if (t->anomaly)
        tp__anomaly_place(y);
    if (y->flags & TP__REMADE)
        y->reads |= tp__remake_reads(y);
}

bool tp__record(tp_var *y, const tp__op *op, tp_var *const *in, int n)
{
    if (!tp__node_inputs(y, (uint32_t)n))
        return false;
    tp_var **inputs = tp__inputs(y);
    uint32_t *versions = tp__input_versions(y);
    y->op = op;
    for (int i = 0; i < n; i++) {
        inputs[i] = in[i];
        versions[i] = tp__version(in[i]);
        tp__ref(in[i]);
        y->flags |= in[i]->flags & (TP__NEEDS_GRAD | TP__ORDERS);
        if (in[i]->generation >= y->generation)
            y->generation = in[i]->generation + 1;
    }
    tp__thread *t = tp__here();
    y->flags |= t->marks;
    y->reads = t->sweep_depth ? TP__READS_ALL | TP__READS_MORE | TP__READS_OUT : tp__reads(y);
    if (TP_UNLIKELY(t->unusual | (y->flags & TP__REMADE)))
        apply_record_unusual(t, y);
    t->remake = tp__remake;
    tp__node_count(y);
    return true;
}

bool tp__to_record_unusual(tp__thread *t, tp_var *y, uint32_t flags)
{
    if (t->no_grad || !(flags & TP__NEEDS_GRAD)) {
        y->flags |= TP__UNRECORDED;
        return false;
    }
    y->flags |= (flags & (TP__NEEDS_GRAD | TP__ORDERS)) | t->marks;
    if (t->scoped)
        tp__node_enter_scope(t, y);
    return true;
}

static bool apply_check(const tp__op *op, tp_var *const *in, int n)
{
    for (int i = 0; i < n; i++) {
        if ((!in[i] || (in[i]->flags & (TP__POISON | TP__WATCHED))) &&
            (!tp__refuse_operand(op->name, in[i], i, n) || !in[i]))
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

/* Makes `to` (one reference) the result of a conversion of v that drawings hide. */
static tp_var *apply_step(const tp__op *op, tp_var *v, tp_var *to, bool record)
{
    to = tp__own(tp__here(), to);
    if (to->flags & TP__POISON)
        return to;
    to->flags |= TP__IMPLICIT;
    to->attr.integer = to->dtype;
    return !record || tp__record(to, op, &v, 1) ? to : tp__poison();
}

/* Brings v to dtype and, but for a constant number, to shape. Conversions of constants are recorded
 * too when the result will be: the drawing shows what the caller wrote. */
static tp_var *apply_convert(tp_var *v, tp_dtype dtype, int ndim, const int64_t *shape, bool record)
{
    tp__thread *t = tp__here();
    if (v->dtype != dtype)
        v = apply_step(&tp__op_to, v, tp__copy_as(t, v, dtype), record);
    bool number = v->ndim == 0 && !(v->flags & TP__NEEDS_GRAD);
    if (!(v->flags & TP__POISON) && !number && !tp__same_shape(v, ndim, shape))
        v = apply_step(&tp__op_broadcast_to, v, tp__broadcast_view(t, v, ndim, shape), record);
    return v;
}

/* Operand i fits not all before it; the message names the first that it does not fit. */
static void apply_misfit(const tp__call *call, int i)
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

static bool apply_common_shape(tp__call *call)
{
    call->ndim = 0;
    for (int i = 0; i < call->n_in; i++) {
        tp_var *v = call->in[i];
        if (tp__broadcast_shape(&call->ndim, call->shape, v->ndim, tp__shape(v)))
            continue;
        apply_misfit(call, i);
        return false;
    }
    return true;
}

/* How operands fit: not without promotion or broadcasting; floating arrays of one type and shape,
 * with numbers or a condition among them; or such arrays only. */
typedef enum apply_fit { APPLY_UNLIKE, APPLY_ALIKE, APPLY_SAME } apply_fit;

static apply_fit apply_compare(tp__call *call, int first)
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
            return APPLY_UNLIKE;
    }
    if (!like || (first && !tp__same_shape(call->in[0], like->ndim, tp__shape(like))))
        return APPLY_UNLIKE;
    call->dtype = (tp_dtype)like->dtype;
    call->ndim = like->ndim;
    for (int i = 0; i < like->ndim; i++)
        call->shape[i] = tp__shape(like)[i];
    return same ? APPLY_SAME : APPLY_ALIKE;
}

static bool apply_operands(tp__call *call, bool record)
{
    int first = call->op->flags & TP__CONDITION ? 1 : 0;
    apply_fit fit = apply_compare(call, first);
    if (fit == APPLY_UNLIKE) {
        if (!apply_common_shape(call))
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
    if (fit == APPLY_SAME && call->work == call->given)
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
        call->in[i] = apply_convert(v, dtype, call->ndim, call->shape, record);
        if (call->in[i]->flags & TP__POISON)
            return false;
    }
    return true;
}

/* Brings the operands of other operations to working types. */
static bool apply_widen(tp__call *call, bool record)
{
    call->given = call->n_in ? tp__promote(call->in, call->n_in) : call->dtype;
    for (int i = 0; i < call->n_in; i++) {
        tp_var *v = call->in[i];
        tp_dtype work = tp__working_type((tp_dtype)v->dtype);
        if (v->dtype == work)
            continue;
        call->in[i] = apply_convert(v, work, v->ndim, tp__shape(v), record);
        if (call->in[i]->flags & TP__POISON)
            return false;
    }
    return true;
}

/* The result as the type that its operands were given in. */
static tp_var *apply_narrow(const tp__call *call, tp_var *y)
{
    bool kept = (call->op->flags & (TP__ELEMENTWISE | TP__SELECTS)) || tp__is_float(call->given);
    if (y->dtype == call->given || !kept || !call->op->gradient ||
        y->dtype != tp__working_type(call->given))
        return y;
    tp__thread *t = tp__here();
    uint32_t marks = t->marks;
    t->marks |= TP__IMPLICIT;
    y = tp_to(y, call->given);
    t->marks = marks;
    return y;
}

/* Numbers keep libm's accuracy, whatever array functions do. */
static tp__loop *apply_loop(const tp__call *call)
{
    const tp__op *op = call->op;
    bool number = call->ndim == 0 && call->work == TP_F64;
    tp__loop *fast = number ? NULL : tp__fast_loop((tp__fast)op->fast, call->work);
    return fast ? fast : op->loop[call->work];
}

/* Computes y, of a few elements, from contiguous arrays and numbers; false if there are others. */
static bool apply_few_elements(tp__call *call, tp_var *y)
{
    char numbers[TP__RECIPE_SOURCES][APPLY_FEW_ELEMENTS * sizeof(double)];
    char *at[1 + TP__RECIPE_SOURCES] = {y->data};
    int64_t step[1 + TP__RECIPE_SOURCES] = {(int64_t)tp__dtype_size(call->dtype)};
    for (int i = 0; i < call->n_in; i++) {
        const tp_var *v = call->in[i];
        bool condition = i == 0 && (call->op->flags & TP__CONDITION);
        tp_dtype dtype = condition ? TP_U8 : call->work;
        size_t item = tp__dtype_size(dtype);
        step[1 + i] = (int64_t)item;
        at[1 + i] = v->data;
        if (v->data && v->size == y->size && v->dtype == dtype && (v->flags & TP__CONTIGUOUS))
            continue;
        if (!v->data || !tp__is_uniform(v))
            return false;
        at[1 + i] = numbers[i];
        if (v->dtype == dtype)
            memcpy(numbers[i], v->data, item);
        else
            tp__write_element(dtype, numbers[i], tp__read_element((tp_dtype)v->dtype, v->data));
        tp__repeat_element(numbers[i], y->size, item);
    }
    apply_loop(call)(y->size, at, step, &call->attr);
    return true;
}

static bool apply_sources(tp__call *call, tp__recipe *recipe)
{
    const tp__op *op = call->op;
    recipe->loop = apply_loop(call);
    recipe->attr = call->attr;
    recipe->name = op->name;
    recipe->costly = op->flags & TP__COSTLY;
    recipe->n = (uint8_t)call->n_in;
    recipe->item = (uint8_t)tp__dtype_size(call->dtype);
    for (int i = 0; i < call->n_in; i++) {
        bool condition = i == 0 && (op->flags & TP__CONDITION);
        tp_var *v = call->in[i];
        if ((recipe->size < tp__defer_from || v->size < recipe->size || v->size == 1) &&
            !tp__evaluate(v))
            return false;
        tp__source_of(recipe, i, v, condition ? TP_U8 : call->work);
    }
    return true;
}

static void apply_note(uint64_t start, const tp__call *call, const tp_var *y)
{
    if (TP_LIKELY(!start))
        return;
    double bytes = (double)y->size * (double)tp__dtype_size(y->dtype);
    for (int i = 0; i < call->n_in; i++)
        bytes += (double)call->in[i]->size * (double)tp__dtype_size(call->in[i]->dtype);
    tp__profile_stop(start, call->op->name, bytes, call->flops);
}

static tp_var *apply_deferred(tp__thread *t, tp__call *call, tp__recipe *recipe)
{
    for (int i = 0; i < call->n_in; i++)
        if (!(call->in[i]->flags & TP__SHARED) && !tp__node_expose(call->in[i]))
            return NULL;
    tp__storage *storage = apply_sources(call, recipe) ? tp__recipe_defer(t, recipe) : NULL;
    tp_var *y = storage ? tp__node_holding(t, storage, call->dtype, call->ndim, call->shape) : NULL;
    if (y && tp__recipe_is_open(recipe) && !tp__evaluate(y)) {
        tp__drop(y);
        return NULL;
    }
    return y;
}

/* An elementwise result: computed at once when small, otherwise when somebody reads it. */
static tp_var *apply_elements(tp__thread *t, tp__call *call)
{
    tp__recipe recipe;
    int64_t size = 1;
    for (int i = 0; i < call->n_in; i++)
        if (call->in[i]->ndim == call->ndim)
            size = call->in[i]->size;
    if (size < tp__defer_from || size == 0) {
        uint64_t start = tp__profile_start();
        tp_var *y = tp__node_array(t, call->dtype, call->ndim, call->shape);
        if (!y || size == 0)
            return y;
        if (size <= APPLY_FEW_ELEMENTS && apply_few_elements(call, y)) {
            apply_note(start, call, y);
            return y;
        }
        tp__recipe_begin(&recipe, call->ndim, call->shape, size);
        if (apply_sources(call, &recipe)) {
            tp__recipe_run(&recipe, y->data);
            apply_note(start, call, y);
            return y;
        }
        tp__drop(y);
        return NULL;
    }
    tp__recipe_begin(&recipe, call->ndim, call->shape, size);
    return apply_deferred(t, call, &recipe);
}

/* True if v's elements wait, and are not a sum themselves. */
static bool apply_waits(const tp_var *v)
{
    return !v->data && !v->storage->data && !tp__recipe_of(v->storage)->fold;
}

/* The sum of elements that wait waits with them. */
static tp_var *apply_fold(tp__thread *t, tp__call *call)
{
    tp__recipe recipe;
    tp_var *x = call->in[0];
    tp__recipe_begin(&recipe, x->ndim, tp__shape(x), x->size);
    recipe.fold = tp__fold_kernel(TP__SUM, (tp_dtype)x->dtype);
    recipe.divisor = call->divisor;
    recipe.dtype = call->dtype;
    recipe.name = call->op->name;
    recipe.costly = false;
    recipe.n = 1;
    recipe.item = (uint8_t)tp__dtype_size(call->dtype);
    tp__source_of(&recipe, 0, x, call->dtype);
    tp__storage *storage = tp__recipe_defer(t, &recipe);
    return storage ? tp__node_holding(t, storage, call->dtype, call->ndim, call->shape) : NULL;
}

static tp_var *apply_forward(tp__thread *t, tp__call *call)
{
    if (call->folds && apply_waits(call->in[0]))
        return apply_fold(t, call);
    for (int i = 0; i < call->n_in; i++)
        if (!tp__evaluate(call->in[i]))
            return NULL;
    uint64_t start = tp__profile_start();
    tp_var *y = call->out = tp__node_array(t, call->dtype, call->ndim, call->shape);
    if (y && !call->op->forward(call)) {
        tp__drop(y);
        return NULL;
    }
    if (y)
        apply_note(start, call, y);
    return y;
}

static tp_var *apply_view(tp__thread *t, tp__call *call)
{
    tp_var *base = call->base ? call->base : call->in[0];
    return tp__evaluate(base)
               ? tp__node_view(t, base, call->ndim, call->shape, call->strides, call->offset)
               : NULL;
}

/* The result with one reference, or NULL with an error pending. */
static tp_var *apply_run(tp__thread *t, tp__call *call, bool record)
{
    const tp__op *op = call->op;
    bool ready = op->flags & TP__ELEMENTWISE ? apply_operands(call, record)
                 : op->flags & TP__MOVES     ? true
                                             : apply_widen(call, record);
    if (!ready)
        return NULL;
    if (op->infer && !op->infer(call))
        return NULL;
    tp_var *y = call->view                    ? apply_view(t, call)
                : op->flags & TP__ELEMENTWISE ? apply_elements(t, call)
                                              : apply_forward(t, call);
    bool recorded = record && tp__is_float(call->dtype);
    if (y && recorded && !tp__record(y, op, call->in, call->n_in)) {
        tp__drop(y);
        return NULL;
    }
    if (y && recorded) {
        y->attr = call->attr;
        y->flags |= op->attr_bytes ? TP__ATTR_BLOCK | TP__PARTS : 0u;
    } else if (op->attr_bytes) {
        tp__free(call->attr.block);
    }
    if (op->attr_bytes)
        call->attr.block = NULL;
    return y;
}

tp_var *tp__refuse_unrecorded(tp__thread *t)
{
    return tp_fail(TP_ERROR_GRAPH,
                   "%s: its backward uses a value that was computed without recording (in forward, "
                   "or by a sweep without create_graph), so the second derivative would be wrong; "
                   "compute it from in and out, or use tp_detach for a constant",
                   t->guarded_call);
}

tp_var *tp__apply(const tp__op *op, tp_var *const *in, int n, tp__attr attr, int ndim,
                  const int64_t *shape)
{
    tp__thread *t = tp__here();
    tp__call call;
    call.op = op;
    call.n_in = n;
    call.attr = attr;
    call.ndim = ndim;
    call.dtype = call.work = call.given = TP_F64;
    call.view = call.folds = false;
    call.divisor = 1;
    call.base = call.out = NULL;
    call.offset = 0;
    call.flops = 0;
    tp_var *few[APPLY_FEW], *y = NULL;
    call.in = n <= APPLY_FEW ? few : tp__alloc((size_t)n * sizeof *in);
    for (int i = 0; i < ndim; i++)
        call.shape[i] = shape[i];
    if (call.in && apply_check(op, in, n)) {
        for (int i = 0; i < n; i++)
            call.in[i] = in[i];
        bool constant = !op->gradient && !(op->flags & TP__SLOPE);
        uint32_t flags = constant ? 0 : apply_flags(in, n);
        bool record = !t->no_grad && (flags & TP__NEEDS_GRAD);
        bool refused = (flags & TP__UNRECORDED) && t->guarded_call;
        if (refused)
            tp__refuse_unrecorded(t);
        else
            y = apply_run(t, &call, record);
        if (y && flags && !record)
            y->flags |= TP__UNRECORDED;
        if (TP_UNLIKELY(t->anomaly) && y && !call.view && !tp__anomaly_result(op, y, call.in, n)) {
            tp__drop(y);
            y = NULL;
        }
    }
    if (op->attr_bytes)
        tp__free(call.attr.block);
    if (call.in != few)
        tp__free(call.in);
    if (!y)
        return tp__poison();
    y = tp__own(t, y);
    return TP_LIKELY(y->dtype == call.given || (op->flags & TP__MOVES)) ? y
                                                                        : apply_narrow(&call, y);
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
