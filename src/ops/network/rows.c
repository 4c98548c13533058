/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/network/rows.h"

#include <string.h>

#include "array/array.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "tinypytorch.h"

bool tp__rows_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

/* How many rows of how many elements x is; weight may be NULL. */
static void rows_size(tp__rows *rows, const tp_var *x, const tp_var *weight)
{
    rows->n = weight ? weight->size : x->ndim ? tp__shape(x)[x->ndim - 1] : 1;
    rows->rows = rows->n ? x->size / rows->n : 0;
}

bool tp__rows_run(tp__call *call, tp__row_kind kind)
{
    size_t scope = tp_scope_begin();
    tp_var *in[3] = {NULL};
    bool good = true;
    for (int i = 0; i < call->n_in; i++) {
        in[i] = tp__plain(call->in[i]);
        good = good && !tp_is_poison(in[i]);
    }
    if (good && in[0]) {
        tp__rows rows = {.x = in[0]->data, .to = call->out->data, .epsilon = call->attr.number};
        rows_size(&rows, in[0], in[1]);
        rows.weight = in[1] ? in[1]->data : NULL;
        rows.bias = in[2] ? in[2]->data : NULL;
        tp__rows_forward(tp__row_kernels_of(kind, call->dtype), &rows, tp__dtype_size(call->dtype));
    }
    tp_scope_end(scope);
    return good;
}

char *tp__rows_room(const tp__pull *pull, int i)
{
    if (i >= (int)pull->y->n_in || !pull->wanted[i])
        return NULL;
    const tp_var *x = pull->x[i];
    pull->gx[i] = i ? tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x))
                    : tp__empty((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    return tp__evaluate(pull->gx[i]) ? pull->gx[i]->data : NULL;
}

void tp__rows_pull(const tp__pull *pull, tp__row_kind kind)
{
    tp_dtype dtype = (tp_dtype)pull->y->dtype;
    bool norm = pull->y->n_in > 1;
    tp_var *gy = tp__plain(pull->gy), *read = tp__plain(norm ? pull->x[0] : pull->y);
    tp_var *weight = norm ? tp__plain(pull->x[1]) : NULL;
    if (tp_is_poison(gy) || tp_is_poison(read) || (weight && tp_is_poison(weight)))
        return;
    tp__rows rows = {.gy = gy->data, .epsilon = pull->y->attr.number};
    rows_size(&rows, pull->y, weight);
    *(norm ? &rows.x : &rows.y) = read->data;
    rows.weight = weight ? weight->data : NULL;
    rows.to = tp__rows_room(pull, 0);
    rows.g_weight = tp__rows_room(pull, 1);
    rows.g_bias = tp__rows_room(pull, 2);
    if (!tp__here()->code)
        tp__rows_backward(tp__row_kernels_of(kind, dtype), &rows, dtype);
}

static bool rows_classes(tp__rows *rows, tp_var *x, tp_var *at, const tp__attr *attr)
{
    x = tp__plain(x);
    at = at ? tp__plain(at) : NULL;
    if (tp_is_poison(x) || (at && tp_is_poison(at)))
        return false;
    rows_size(rows, x, NULL);
    rows->x = x->data;
    rows->at = at ? at->data : NULL;
    rows->none = at ? attr->integer : 0;
    return true;
}

bool tp__rows_log_sum(tp__call *call)
{
    size_t scope = tp_scope_begin();
    tp__rows rows = {.each = call->out->data};
    bool good = rows_classes(&rows, call->in[0], call->n_in > 1 ? call->in[1] : NULL, &call->attr);
    if (good)
        tp__rows_forward(tp__row_kernels_of(TP__LOG_SUM, call->dtype), &rows,
                         tp__dtype_size(call->dtype));
    tp_scope_end(scope);
    return good;
}

void tp__rows_log_sum_pull(const tp__pull *pull)
{
    tp_dtype dtype = (tp_dtype)pull->y->dtype;
    tp_var *y = tp__plain(pull->y), *gy = tp__plain(pull->gy);
    tp_var *at = pull->y->n_in > 1 ? pull->x[1] : NULL;
    if (tp_is_poison(y) || tp_is_poison(gy))
        return;
    tp__rows rows = {.each = y->data, .g_each = gy->data};
    if (!rows_classes(&rows, pull->x[0], at, &pull->y->attr))
        return;
    rows.to = tp__rows_room(pull, 0);
    if (rows.to)
        tp__rows_backward(tp__row_kernels_of(TP__LOG_SUM, dtype), &rows, dtype);
}
