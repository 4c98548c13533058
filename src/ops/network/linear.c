/* SPDX-License-Identifier: MIT
 *
 * A layer is a product with the transposed weight and a sum, which may wait for what follows. Where
 * all is so small that neither waits, it is one record with both: what it costs to record them is
 * more than they do.
 */
#include "base/features.h"

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/settings.h"
#include "graph/apply.h"
#include "graph/few.h"
#include "graph/half.h"
#include "graph/series.h"
#include "kernels/vector.h"
#include "ops/families.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

/* --- Of few elements: one record, with a bias --- */

enum { LINEAR_FEW = 256, LINEAR_PRODUCTS = 30000 };

static bool linear_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    call->shape[0] = tp__shape(x)[0];
    call->shape[x->ndim - 1] = call->in[2]->size;
    return true;
}

/* Rounded as the parts are: the sum of products, then the bias. */
static void linear_compute(tp_var *y, tp_var *x, tp_var *weight, const tp_var *bias)
{
    const tp_dtype dtype = (tp_dtype)y->dtype;
    const int64_t n = bias->size, item = (int64_t)tp__dtype_size(dtype),
                  step[] = {item, item, item};
    tp__loop *add = tp__fast_loop(TP__FAST_ADD, dtype);
    tp__multiply(y, (tp__side){x, false}, (tp__side){weight, true});
    for (char *row = y->data, *end = row + y->size * item; row < end; row += n * item) {
        char *at[] = {row, row, bias->data};
        if (add)
            add(n, at, step, NULL);
        else
            for (int64_t i = 0; i < n; i++)
                tp__write_element(dtype, row + i * item,
                                  tp__read_element(dtype, row + i * item) +
                                      tp__read_element(dtype, (char *)bias->data + i * item));
    }
}

static bool linear_forward(tp__call *call)
{
    linear_compute(call->out, call->in[0], call->in[1], call->in[2]);
    return true;
}

/* a b of like's type and shape, a constant in the current scope. */
static tp_var *linear_product(const tp_var *like, tp__side a, tp__side b)
{
    tp_var *y = tp__empty((tp_dtype)like->dtype, like->ndim, tp__shape(like));
    if (tp_is_poison(y))
        return y;
    tp__multiply(y, a, b);
    y->flags |= TP__UNRECORDED;
    return y;
}

/* Where nothing is recorded. */
static void linear_gradient_at_once(const tp__pull *pull)
{
    tp_var *x = pull->x[0], *weight = pull->x[1], *bias = pull->x[2], *gy = tp__plain(pull->gy);
    if (tp_is_poison(gy) || !tp__evaluate(x) || !tp__evaluate(weight))
        return;
    if (pull->wanted[0])
        pull->gx[0] = linear_product(x, (tp__side){gy, false}, (tp__side){weight, false});
    if (pull->wanted[1])
        pull->gx[1] = linear_product(weight, (tp__side){gy, true}, (tp__side){x, false});
    if (!pull->wanted[2])
        return;
    tp_var *few = gy->size == bias->size ? tp__few_copy(tp__here(), gy, 1, tp__shape(bias)) : NULL;
    pull->gx[2] = few ? few : tp_sum_to(gy, 1, tp__shape(bias));
}

static void linear_gradient(const tp__pull *pull)
{
    tp_var *x = pull->x[0], *weight = pull->x[1], *bias = pull->x[2], *gy = pull->gy;
    if (!pull->record) {
        linear_gradient_at_once(pull);
        return;
    }
    if (pull->wanted[0])
        pull->gx[0] = tp_matmul(gy, weight);
    if (pull->wanted[1] && x->ndim == 1)
        pull->gx[1] = tp_matmul(tp_unsqueeze(gy, 1), tp_unsqueeze(x, 0));
    else if (pull->wanted[1])
        pull->gx[1] = tp_matmul(tp_transpose(gy, 0, 1), x);
    if (pull->wanted[2])
        pull->gx[2] = tp_sum_to(gy, 1, tp__shape(bias));
}

static void linear_taylor(const tp__jet *jet)
{
    const tp_var *y = jet->node;
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = NULL, *bias = jet->x[2][k];
        for (int i = 0; i <= k; i++)
            if (jet->x[0][i] && jet->x[1][k - i])
                sum = tp__series_add(sum,
                                     tp_matmul(jet->x[0][i], tp_transpose(jet->x[1][k - i], 0, 1)));
        if (bias)
            sum = tp__series_add(sum, tp_broadcast_to(bias, y->ndim, tp__shape(y)));
        jet->y[k] = sum;
    }
}

/* Stands in no table: tp_linear's record there is tested through it. */
static const tp__op linear_few_op = {
    .label = "Linear",
    .name = "linear",
    .n_in = 3,
    .reads = {TP__READS_1, TP__READS_0, 0},
    .infer = linear_infer,
    .forward = linear_forward,
    .gradient = linear_gradient,
    .taylor = linear_taylor,
    .formula = "x weightᵀ + bias",
    .rule = "x: gy weight; weight: gyᵀ x; bias: Σ gy",
};

/* y of few elements; NULL if the parts have to see to it. */
static tp_var *linear_few(tp_var *x, tp_var *weight, tp_var *bias)
{
    tp__thread *t = tp__here();
    int64_t rows = x->ndim == 2 ? tp__shape(x)[0] : 1;
    if (x->ndim > 2 || x->size == 0 || weight->size == 0 || rows > LINEAR_FEW ||
        bias->size > LINEAR_FEW || rows * bias->size > LINEAR_FEW ||
        rows * bias->size >= tp__defer_from || rows * weight->size > LINEAR_PRODUCTS ||
        !(bias->flags & TP__CONTIGUOUS) || !tp__few_take(t, x, weight) ||
        !tp__few_take(t, weight, bias))
        return NULL;
    const int64_t shape[] = {rows, bias->size};
    tp_var *in[] = {x, weight, bias};
    tp_var *y = tp__node_array(t, (tp_dtype)x->dtype, x->ndim, shape + 2 - x->ndim);
    if (y)
        linear_compute(y, x, weight, bias);
    return tp__few_result(t, y, &linear_few_op, in, 3, (tp__attr){0});
}

/* --- The call --- */

/* With a bias. A product that ends with a scope gives its memory to the sum, if that waits. */
static tp_var *linear_biased(tp_var *const *in)
{
    tp_var *y = tp_transpose(in[1], 0, 1);
    y = tp__is_half(tp__promote(in, 2)) ? tp__matmul_as(in[0], y, TP_F32) : tp_matmul(in[0], y);
    if (tp_is_poison(y))
        return y;
    y = tp_add(y, in[2]);
    return tp_is_poison(y) ? y : tp__narrow(y, tp__promote(in, 3));
}

tp_var *tp_linear(tp_var *x, tp_var *weight, tp_var *bias)
{
    TP__CALL("linear");
    TP__OPERANDS(x, weight);
    TP__OPTIONAL(bias);
    tp_var *in[] = {x, weight, bias};
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
    for (int i = 0; i < (bias ? 3 : 2); i++)
        if (!tp__check_operand_of("linear", in[i], i, bias ? 3 : 2))
            return tp__poison();
    if (x->ndim == 0 || weight->ndim != 2 || tp__shape(x)[x->ndim - 1] != tp__shape(weight)[1])
        return tp_fail(TP_ERROR_SHAPE,
                       "linear: x %s and weight %s do not fit, expected (…, in) and (out, in)",
                       tp__shape_text(a, x->ndim, tp__shape(x)),
                       tp__shape_text(b, weight->ndim, tp__shape(weight)));
    if (bias && (bias->ndim != 1 || tp__shape(bias)[0] != tp__shape(weight)[0]))
        return tp_fail(TP_ERROR_SHAPE, "linear: bias has shape %s, expected (%lld,)",
                       tp__shape_text(a, bias->ndim, tp__shape(bias)),
                       (long long)tp__shape(weight)[0]);
    if (!bias)
        return tp_matmul(x, tp_transpose(weight, 0, 1));
    tp_var *few = linear_few(x, weight, bias);
    if (few)
        return few;
    int64_t columns = tp__shape(weight)[1];
    bool waits = columns > 0 && x->size / columns * tp__shape(weight)[0] >= tp__defer_from;
    size_t scope = waits ? tp_scope_begin() : 0;
    tp_var *y = linear_biased(in);
    if (waits) {
        y = tp_leave(y);
        tp_scope_end(scope);
    }
    return y;
}

static tp_var *linear_sample(tp_var *const *x)
{
    return tp_linear(x[0], x[1], NULL);
}

static tp_var *linear_sample_bias(tp_var *const *x)
{
    return tp_linear(x[0], x[1], tp__check_operand("linear", x[2]) ? x[2] : tp__poison());
}

static const tp__op linear_op = {
    .label = "Linear",
    .name = "linear",
    .n_in = 3,
    .flags = TP__COMPOSITE,
    .formula = "x weightᵀ + bias",
    .rule = "by its parts",
    .torch = "F.linear",
    .samples = (const tp__sample[]){{"3,2; 4,2; 4", linear_sample_bias, "F.linear(x0, x1, x2)"},
                                    {"2,1,3; 2,3", linear_sample, "F.linear(x0, x1)"},
                                    {"3; 2,3", linear_sample, "F.linear(x0, x1)"},
                                    {0}},
};

static const tp__op *const linear_ops[] = {&linear_op, NULL};

const tp__family tp__family_linear = {"linear", "linear layers", linear_ops};
