/* SPDX-License-Identifier: MIT
 *
 * The elements of a result, in one of four ways. An elementwise result that is large enough becomes
 * a recipe and waits until somebody reads it (array/deferred.h); a small one is computed at once:
 * up to COMPUTE_FEW_ELEMENTS by one call of its kernel, where operands lie in order or are numbers,
 * and otherwise as a recipe that is run and forgotten. What is no elementwise operation has
 * `forward` in its record, before which all operands are evaluated; a sum over all of an array that
 * waits becomes a part of what waits. A view computes nothing.
 *
 * Kernels are the record's loops, or a faster one of this processor's level. A plain number always
 * takes the record's, and so libm's digits.
 */
#include "base/features.h"

#include "graph/compute.h"

#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "array/plan.h"
#include "base/profile.h"

/* COMPUTE_TURNED: places of an axis, at least, that make turning worth while. COMPUTE_CHEAP: steps
 * that are computed again rather than kept; COMPUTE_RUN: elements of a sum, at least. */
enum { COMPUTE_FEW_ELEMENTS = 256, COMPUTE_TURNED = 32, COMPUTE_CHEAP = 2, COMPUTE_RUN = 64 };

/* Numbers keep libm's accuracy, whatever array functions do. */
static tp__loop *compute_fast_loop(const tp__call *call)
{
    bool number = call->ndim == 0 && call->work == TP_F64;
    return number ? NULL : tp__fast_loop((tp__fast)call->op->fast, call->work);
}

static tp__loop *compute_loop(const tp__call *call)
{
    tp__loop *fast = compute_fast_loop(call), *plain = call->op->loop[call->work];
    return fast ? fast : plain;
}

/* Computes y, of a few elements, from contiguous arrays and numbers; false if there are others. */
static bool compute_few_elements(tp__call *call, tp_var *y)
{
    char numbers[TP__RECIPE_SOURCES][COMPUTE_FEW_ELEMENTS * sizeof(double)];
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
    compute_loop(call)(y->size, at, step, &call->attr);
    return true;
}

/* Describes the call as a recipe. Operands that are numbers, or smaller than the result, are
 * evaluated: only what is as large as the result is worth waiting for. */
static bool compute_sources(tp__call *call, tp__recipe *recipe)
{
    const tp__op *op = call->op;
    recipe->loop = compute_loop(call);
    recipe->repeats = tp__fast_repeats((tp__fast)op->fast) || !compute_fast_loop(call);
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

static void compute_note(uint64_t start, const tp__call *call, const tp_var *y)
{
    if (TP_LIKELY(!start))
        return;
    double bytes = (double)y->size * (double)tp__dtype_size(y->dtype);
    for (int i = 0; i < call->n_in; i++)
        bytes += (double)call->in[i]->size * (double)tp__dtype_size(call->in[i]->dtype);
    tp__profile_operation(start, call->op->name, bytes, call->flops);
}

/* True in a sweep that records: what it makes is going to be differentiated, and so read. */
static bool compute_is_recorded(const tp__thread *t)
{
    return t->recording.sweep_depth && !(t->recording.modes & TP__NO_GRAD);
}

/* Operands that live in their nodes move into storages, which the recipe can hold. One that others
 * can write to cannot be waited for: the result is then computed at once. */
static tp_var *compute_deferred(tp__thread *t, tp__call *call, tp__recipe *recipe)
{
    for (int i = 0; i < call->n_in; i++)
        if (!(call->in[i]->flags & TP__SHARED) && !tp__node_expose(call->in[i]))
            return NULL;
    tp__storage *storage = compute_sources(call, recipe) ? tp__recipe_defer(t, recipe) : NULL;
    if (storage && recipe->costly)
        storage->awaited = compute_is_recorded(t);
    tp_var *y = storage ? tp__node_holding(t, storage, call->dtype, call->ndim, call->shape) : NULL;
    if (y && tp__recipe_is_open(recipe) && !tp__evaluate(y)) {
        tp__drop(y);
        return NULL;
    }
    return y;
}

/* By a recipe that is run at once. */
static bool compute_now(tp__call *call, tp_var *y)
{
    tp__recipe recipe;
    tp__recipe_begin(&recipe, call->ndim, call->shape, y->size);
    bool good = compute_sources(call, &recipe);
    if (good)
        tp__recipe_run(&recipe, y->data);
    return good;
}

/* True if another axis lies innermost in memory than in v's shape. */
static bool compute_is_turned(const tp_var *v)
{
    const int64_t *shape = tp__shape(v), *strides = tp__strides(v);
    int last = v->ndim - 1, inner = last - 1;
    while (inner >= 0 && (strides[inner] != 1 || shape[inner] < COMPUTE_TURNED))
        inner--;
    return inner >= 0 && strides[last] > 1 && shape[last] >= COMPUTE_TURNED;
}

/* Blocks of a turned operand would read a line of the cache for each element: it is put in order
 * first, tile by tile. */
static tp_var *compute_later(tp__thread *t, tp__call *call, int64_t size)
{
    tp__recipe recipe;
    tp_var *given[TP__RECIPE_SOURCES] = {NULL}, *y = NULL;
    bool good = true;
    for (int i = 0; i < call->n_in; i++) {
        given[i] = call->in[i];
        if (good && compute_is_turned(given[i]))
            good = (call->in[i] = tp__copy_as(t, given[i], (tp_dtype)given[i]->dtype)) != NULL;
    }
    tp__recipe_begin(&recipe, call->ndim, call->shape, size);
    if (good)
        y = compute_deferred(t, call, &recipe);
    for (int i = 0; i < call->n_in; i++) {
        if (call->in[i] && call->in[i] != given[i])
            tp__drop(call->in[i]);
        call->in[i] = given[i];
    }
    return y;
}

tp_var *tp__compute_elements(tp__thread *t, tp__call *call)
{
    int64_t size = 1;
    for (int i = 0; i < call->n_in; i++)
        if (call->in[i]->ndim == call->ndim)
            size = call->in[i]->size;
    if (size >= tp__defer_from && size > 0)
        return compute_later(t, call, size);
    uint64_t start = tp__profile_start();
    tp_var *y = tp__node_array(t, call->dtype, call->ndim, call->shape);
    if (!y || size == 0)
        return y;
    if ((size <= COMPUTE_FEW_ELEMENTS && compute_few_elements(call, y)) || compute_now(call, y)) {
        compute_note(start, call, y);
        return y;
    }
    tp__drop(y);
    return NULL;
}

/* True if v's elements wait, and are not a sum themselves. */
static bool compute_waits(const tp_var *v)
{
    return !v->data && !v->storage->data && !tp__recipe_of(v->storage)->fold;
}

/* True if sums of runs of what waits are worth taking where it is computed, which leaves it
 * waiting: runs fill blocks (array/plan.h), and all of it is cheap. */
static bool compute_folds_runs(const tp__call *call)
{
    const tp__recipe *recipe = tp__recipe_of(call->in[0]->storage);
    bool costly = recipe->costly;
    for (int i = 0; i < recipe->n; i++) {
        const tp__storage *from = recipe->source[i].storage;
        costly = costly || (from && !from->data && tp__recipe_of(from)->costly);
    }
    return !costly && recipe->weight <= COMPUTE_CHEAP && call->folds >= COMPUTE_RUN &&
           (call->folds <= TP__PLAN_BLOCK || call->folds % TP__FOLD_BLOCK == 0);
}

/* The sum of elements that wait waits with them. */
static tp_var *compute_fold(tp__thread *t, tp__call *call)
{
    tp__recipe recipe;
    tp_var *x = call->in[0];
    tp__recipe_begin(&recipe, x->ndim, tp__shape(x), x->size);
    recipe.fold = tp__fold_sum_kernel((tp_dtype)x->dtype);
    recipe.run = call->folds;
    recipe.divisor = call->divisor;
    recipe.dtype = call->dtype;
    recipe.name = call->op->name;
    recipe.costly = false;
    recipe.n = 1;
    recipe.item = (uint8_t)tp__dtype_size(call->dtype);
    tp__source_of(&recipe, 0, x, (tp_dtype)x->dtype);
    tp__storage *storage = tp__recipe_defer(t, &recipe);
    tp_var *y = storage ? tp__node_holding(t, storage, call->dtype, call->ndim, call->shape) : NULL;
    if (!y || call->folds == x->size || tp__evaluate(y))
        return y;
    tp__drop(y);
    return NULL;
}

static tp_var *compute_forward(tp__thread *t, tp__call *call)
{
    if (call->folds && compute_waits(call->in[0]) &&
        (call->folds == call->in[0]->size || compute_folds_runs(call)))
        return compute_fold(t, call);
    if (!tp__evaluate_all(call->in, call->n_in))
        return NULL;
    uint64_t start = tp__profile_start();
    tp_var *y = call->out = tp__node_array(t, call->dtype, call->ndim, call->shape);
    if (y && !call->op->forward(call)) {
        tp__drop(y);
        return NULL;
    }
    if (y)
        compute_note(start, call, y);
    return y;
}

static tp_var *compute_view(tp__thread *t, tp__call *call)
{
    tp_var *base = call->base ? call->base : call->in[0];
    return tp__evaluate(base)
               ? tp__node_view(t, base, call->ndim, call->shape, call->strides, call->offset)
               : NULL;
}

tp_var *tp__compute_other(tp__thread *t, tp__call *call)
{
    return call->view ? compute_view(t, call) : compute_forward(t, call);
}
