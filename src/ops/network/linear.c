/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/settings.h"
#include "graph/half.h"
#include "graph/op.h"
#include "ops/families.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

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
