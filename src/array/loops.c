/* SPDX-License-Identifier: MIT
 *
 * Walks arrays of any strides with a loop that knows a single axis.
 *
 * tp__run_loop gives the innermost axis to the loop and goes on along the outer ones like an
 * odometer: at the end of an axis it returns to its start and moves the one before it by one. Each
 * call of the loop should do much, so axes of size 1 are left out, and neighbouring axes are merged
 * where every array passes both in one step: contiguous arrays of any shape are a single run.
 *
 * Copies and conversions are loops of two arrays, the result and its source. Contiguous ones are
 * copied whole, or converted by a fast kernel where there is one for the pair of types.
 */
#include "base/features.h"

#include "array/loops.h"

#include <string.h>

#include "base/dtype.h"
#include "kernels/vector.h"

/* An axis with fewer elements, or an array, is no reason to turn. An axis that is short is not
 * worth calls of a loop for itself: pieces of the one before it are. */
enum { LOOPS_NARROW = 4, LOOPS_FEW = 64, LOOPS_SHORT = 16, LOOPS_PIECE = 256 };

/* The axes to walk, from the outermost to the innermost: their sizes, and the step of each array
 * along each, in bytes. */
typedef struct loops_walk {
    int ndim;
    int64_t shape[TP_MAX_NDIM];
    int64_t step[TP_MAX_NDIM][TP__MAX_OPERANDS];
} loops_walk;

/* True if in every array a step along the walk's last axis is as far as `size` steps along the next
 * one, so that the two can be passed as a single axis. */
static bool loops_merges(const loops_walk *w, const int64_t *inner, int64_t size, int n)
{
    for (int k = 0; k < n; k++)
        if (w->step[w->ndim - 1][k] != inner[k] * size)
            return false;
    return true;
}

static void loops_plan(loops_walk *w, tp_var *const *v, int n)
{
    const int64_t *shape = tp__shape(v[0]);
    w->ndim = 0;
    for (int i = 0; i < v[0]->ndim; i++) {
        if (shape[i] == 1)
            continue;
        int64_t step[TP__MAX_OPERANDS];
        for (int k = 0; k < n; k++)
            step[k] = tp__strides(v[k])[i] * (int64_t)tp__dtype_size(v[k]->dtype);
        if (w->ndim && loops_merges(w, step, shape[i], n))
            w->shape[w->ndim - 1] *= shape[i];
        else
            w->shape[w->ndim++] = shape[i];
        memcpy(w->step[w->ndim - 1], step, sizeof step);
    }
    if (!w->ndim) {
        w->ndim = 1;
        w->shape[0] = 1;
        memset(w->step[0], 0, sizeof w->step[0]);
    }
}

/* Goes on to the next place along the first axes of the walk; false at their end. */
static bool loops_next(const loops_walk *w, int axes, int64_t *index, char **at, int n)
{
    int axis = axes - 1;
    while (axis >= 0 && ++index[axis] == w->shape[axis]) {
        for (int k = 0; k < n; k++)
            at[k] -= (w->shape[axis] - 1) * w->step[axis][k];
        index[axis--] = 0;
    }
    if (axis < 0)
        return false;
    for (int k = 0; k < n; k++)
        at[k] += w->step[axis][k];
    return true;
}

/* The two innermost axes, of which the last is short: the loop takes the other one, a piece of it
 * for each place of the last, then the next piece, so that memory is read and written once. */
static void loops_short(tp__loop *loop, const tp__attr *attr, const loops_walk *w, char *const *at,
                        int n)
{
    const int last = w->ndim - 1;
    for (int64_t i = 0, some; i < w->shape[last - 1]; i += some) {
        some = w->shape[last - 1] - i < LOOPS_PIECE ? w->shape[last - 1] - i : LOOPS_PIECE;
        for (int64_t j = 0; j < w->shape[last]; j++) {
            char *from[TP__MAX_OPERANDS];
            for (int k = 0; k < n; k++)
                from[k] = at[k] + i * w->step[last - 1][k] + j * w->step[last][k];
            loop(some, from, w->step[last - 1], attr);
        }
    }
}

void tp__run_loop(tp__loop *loop, const tp__attr *attr, tp_var *const *v, int n)
{
    if (v[0]->size == 0)
        return;
    loops_walk w;
    loops_plan(&w, v, n);
    char *at[TP__MAX_OPERANDS];
    for (int k = 0; k < n; k++)
        at[k] = v[k]->data;
    int last = w.ndim - 1;
    int64_t index[TP_MAX_NDIM] = {0};
    if (last && w.shape[last] < LOOPS_SHORT && w.shape[last] < w.shape[last - 1]) {
        do
            loops_short(loop, attr, &w, at, n);
        while (loops_next(&w, last - 1, index, at, n));
        return;
    }
    do
        loop(w.shape[last], at, w.step[last], attr);
    while (loops_next(&w, last, index, at, n));
}

/* Copies within a type keep every bit, also of NaN. attr->integer is the size of an element. */
static void loops_copy(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    tp__copy_steps((size_t)attr->integer, n, step[1], at[1], step[0], at[0]);
}

/* Copies where another axis lies innermost in `from` than in `to`. False, with nothing done, if it
 * is not so. */
static bool loops_turn(tp_var *to, tp_var *from, int64_t item)
{
    loops_walk w;
    if (to->size < LOOPS_FEW)
        return false;
    loops_plan(&w, (tp_var *[]){to, from}, 2);
    int last = w.ndim - 1, inner = last - 1;
    while (inner >= 0 && w.step[inner][1] != item)
        inner--;
    if (inner < 0 || w.step[last][0] != item || w.step[last][1] == item ||
        w.shape[last] < LOOPS_NARROW || w.shape[inner] < LOOPS_NARROW)
        return false;
    const int64_t rows = w.shape[inner], row = w.step[inner][0];
    w.shape[inner] = w.shape[last - 1];
    memcpy(w.step[inner], w.step[last - 1], sizeof w.step[inner]);
    char *at[] = {to->data, from->data};
    int64_t index[TP_MAX_NDIM] = {0};
    do
        if (!tp__copy_turned((size_t)item, rows, w.shape[last], at[1], w.step[last][1], at[0], row))
            return false;
    while (loops_next(&w, last - 1, index, at, 2));
    return true;
}

/* Copies of elements that stand several times each, one after the other. False, with nothing done,
 * if it is not so. */
static bool loops_spread(tp_var *to, tp_var *from, int64_t item)
{
    loops_walk w;
    if (!(to->flags & TP__CONTIGUOUS) || to->size < LOOPS_FEW)
        return false;
    loops_plan(&w, (tp_var *[]){to, from}, 2);
    const int last = w.ndim - 1;
    if (last < 1 || w.step[last][1] != 0)
        return false;
    char *at[] = {to->data, from->data};
    int64_t index[TP_MAX_NDIM] = {0};
    do
        tp__copy_spread((size_t)item, w.shape[last - 1], w.step[last - 1][1], at[1], w.shape[last],
                        at[0]);
    while (loops_next(&w, last - 1, index, at, 2));
    return true;
}

/* By way of double, which rounds nothing but int64 beyond 2⁵³. attr->integer holds the two types:
 * TP_DTYPES · from + to. */
static void loops_convert(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    tp_dtype from = (tp_dtype)(attr->integer / TP_DTYPES);
    tp_dtype to = (tp_dtype)(attr->integer % TP_DTYPES);
    for (int64_t i = 0; i < n; i++)
        tp__write_element(to, at[0] + i * step[0], tp__read_element(from, at[1] + i * step[1]));
}

/* Between integers by way of int64, since double does not hold all of them. */
static int64_t loops_read_integer(tp_dtype dtype, const void *at)
{
    return dtype == TP_I64 ? *(const int64_t *)at : (int64_t)tp__read_element(dtype, at);
}

static void loops_write_integer(tp_dtype dtype, void *at, int64_t value)
{
    if (dtype == TP_I64)
        *(int64_t *)at = value;
    else if (dtype == TP_I32)
        *(uint32_t *)at = (uint32_t)(uint64_t)value;
    else
        *(uint8_t *)at = dtype == TP_BOOL ? value != 0 : (uint8_t)value;
}

static void loops_convert_integers(int64_t n, char *const *at, const int64_t *step,
                                   const tp__attr *attr)
{
    tp_dtype from = (tp_dtype)(attr->integer / TP_DTYPES);
    tp_dtype to = (tp_dtype)(attr->integer % TP_DTYPES);
    for (int64_t i = 0; i < n; i++)
        loops_write_integer(to, at[0] + i * step[0], loops_read_integer(from, at[1] + i * step[1]));
}

/* The fast loop for contiguous elements, or NULL. */
static tp__loop *loops_cast(tp_dtype from, tp_dtype to)
{
    static const tp__fast casts[TP_DTYPES] = {
        [TP_F32] = TP__FAST_FROM_F32, [TP_F64] = TP__FAST_FROM_F64, [TP_I64] = TP__FAST_FROM_I64,
        [TP_U8] = TP__FAST_FROM_U8,   [TP_BOOL] = TP__FAST_FROM_U8, [TP_I32] = TP__FAST_FROM_I32,
    };
    if (to == TP_BOOL)
        return tp__is_working(from) ? tp__fast_loop(TP__FAST_TO_BOOL, from) : NULL;
    return tp__is_working(to) ? tp__fast_loop(casts[from], to) : NULL;
}

static void loops_run(tp_var *to, tp_var *from, const tp__attr *types)
{
    const tp__attr item = {.integer = (int64_t)tp__dtype_size(to->dtype)};
    bool real = tp__is_float((tp_dtype)from->dtype) || tp__is_float((tp_dtype)to->dtype);
    bool same = from->dtype == to->dtype;
    tp__run_loop(same   ? loops_copy
                 : real ? loops_convert
                        : loops_convert_integers,
                 same ? &item : types, (tp_var *[]){to, from}, 2);
}

void tp__copy_elements(tp_var *to, tp_var *from)
{
    tp__attr types = {.integer = TP_DTYPES * from->dtype + to->dtype};
    size_t item = tp__dtype_size(to->dtype);
    bool contiguous = to->flags & from->flags & TP__CONTIGUOUS;
    tp__loop *fast = contiguous ? loops_cast((tp_dtype)from->dtype, (tp_dtype)to->dtype) : NULL;
    tp__lines *half =
        contiguous ? tp__half_lines((tp_dtype)from->dtype, (tp_dtype)to->dtype) : NULL;
    if (half)
        half(1, to->size, from->data, 0, to->data, 0);
    else if (contiguous && to->dtype == from->dtype && to->size)
        memcpy(to->data, from->data, (size_t)to->size * item);
    else if (fast)
        fast(to->size, (char *const[]){to->data, from->data},
             (const int64_t[]){(int64_t)item, (int64_t)tp__dtype_size(from->dtype)}, &types);
    else if (to->dtype != from->dtype ||
             (!loops_turn(to, from, (int64_t)item) && !loops_spread(to, from, (int64_t)item)))
        loops_run(to, from, &types);
}
