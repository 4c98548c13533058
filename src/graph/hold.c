/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "graph/hold.h"

#include <math.h>

#include "array/array.h"
#include "array/deferred.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/remake.h"
#include "graph/structural.h"
#include "tinypytorch.h"

/* --- Zero stays zero: x, but 0 where a is 0 --- */

static tp_var *zero_where_zero(tp_var *a, tp_var *x)
{
    return tp__apply_2(&tp__op_zero, a, x);
}

static double zero_in_numbers(double a, double x)
{
    return a == 0 ? 0 : x;
}

TP__LOOP2(zero_f64, double, double, double, a == 0 ? 0 : b)
TP__LOOP2(zero_f32, float, float, float, a == 0 ? 0 : b)

static void zero_gradient(const tp__pull *pull)
{
    if (pull->wanted[1])
        pull->gx[1] = zero_where_zero(pull->x[0], pull->gy);
}

static void zero_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *c = jet->x[1][k];
        jet->y[k] = c ? zero_where_zero(jet->x[0][0], c) : NULL;
    }
}

static tp_var *zero_sample(tp_var *const *x)
{
    return zero_where_zero(x[0], x[1]);
}

static tp_var *zero_sample_zeros(tp_var *const *x)
{
    return tp_add(zero_where_zero(tp_sub(x[0], x[0]), x[1]), x[1]);
}

const tp__op tp__op_zero = {
    .label = "Where",
    .name = "zero_where_zero",
    .n_in = 2,
    .flags = TP__ELEMENTWISE | TP__FLOATING | TP__SELECTS,
    .reads = {0, TP__READS_0},
    .loop = {[TP_F32] = zero_f32, [TP_F64] = zero_f64},
    .fast = TP__FAST_ZERO,
    .number = zero_in_numbers,
    .gradient = zero_gradient,
    .taylor = zero_taylor,
    .formula = "b, but 0 where a is 0",
    .rule = "b: gy, but 0 where a is 0",
    .samples =
        (const tp__sample[]){{"2,3; 2,3", zero_sample, "torch.where(x0 == 0, 0, x1)"},
                             {"3; 3", zero_sample_zeros, "torch.where(x0 - x0 == 0, 0, x1) + x1"},
                             {0}},
};

/* 0 where x is NaN and either factor is 0 (the second one not beside a NaN of the first), else 1 */
#define HOLD_MASK(name, Type)                                                                      \
    static void name(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)        \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = *(const Type *)(at[1] + i * step[1]);                                   \
            const Type b = *(const Type *)(at[2] + i * step[2]);                                   \
            const Type x = *(const Type *)(at[3] + i * step[3]);                                   \
            *(Type *)(at[0] + i * step[0]) = !(x != x && (a == 0 || (b == 0 && a == a)));          \
        }                                                                                          \
    }

HOLD_MASK(hold_mask_f64, double)
HOLD_MASK(hold_mask_f32, float)

static const tp__op hold_mask_op = {
    .label = "Where",
    .name = "hold_mask",
    .n_in = 3,
    .flags = TP__ELEMENTWISE,
    .loop = {[TP_F32] = hold_mask_f32, [TP_F64] = hold_mask_f64},
    .rule = "none",
};

/* x without the NaNs that a factor of zero, a or b, made. */
static tp_var *hold_without_nan(tp_var *a, tp_var *b, tp_var *x)
{
    tp_var *mask = tp__apply(&hold_mask_op, (tp_var *[]){a, b, x}, 3, (tp__attr){0}, -1, NULL);
    return zero_where_zero(mask, x);
}

/* --- Holds --- */

static tp_var *hold_record(tp_var *v);

static void hold_gradient(const tp__pull *pull)
{
    pull->gx[0] = pull->gy;
}

static void hold_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *c = jet->x[0][k];
        if (c && tp__has_nan(c))
            c = hold_without_nan(jet->x[0][0], jet->x[0][0], c);
        jet->y[k] = c ? hold_record(c) : NULL;
    }
}

static const tp__op hold_op = {
    .label = "Hold",
    .name = "hold",
    .n_in = 1,
    .flags = TP__MOVES | TP__SELECTS | TP__HOLDS,
    .reads = {TP__READS_0},
    .infer = tp__alias_infer,
    .gradient = hold_gradient,
    .taylor = hold_taylor,
    .rule = "gy",
};

static tp_var *hold_record(tp_var *v)
{
    bool recorded = (v->flags & TP__NEEDS_GRAD) && tp_is_grad_enabled();
    return recorded ? tp__recorded_as(&hold_op, &v) : v;
}

/* Only what is NaN becomes 0: elsewhere a recorded gradient stays linked to gy, also where gy is 0.
 * A NaN that came from above stays. Where nothing is recorded, large gradients, which may be
 * waiting, are not searched for NaN: choosing is as cheap. */
void tp__hold_zeros(const tp__pull *pull)
{
    tp_var *y = pull->y;
    if (y->op->flags & TP__LINEAR)
        return;
    tp__map known = {0};
    bool held = (y->sweep_below & TP__HOLDS) && tp__can_read(y, &known);
    tp__map_drop(&known);
    tp_var *factor = held ? y : pull->gy;
    for (uint32_t i = 0; i < y->n_in; i++) {
        tp_var *gx = pull->wanted[i] ? pull->gx[i] : NULL;
        if (!gx || gx == pull->gy)
            continue;
        if (!pull->record && gx->size >= tp__defer_from && !(y->sweep_below & TP__HOLDS))
            gx = zero_where_zero(pull->gy, gx);
        else if (tp__has_nan(gx))
            gx = hold_without_nan(pull->gy, factor, gx);
        pull->gx[i] = hold_record(gx);
    }
}

void tp__hold_numbers(const tp_var *y, double *gradient)
{
    double gy = y->adjoint.number;
    bool zero = (y->sweep_below & TP__HOLDS) && tp__number(y) == 0 && !isnan(gy);
    for (uint32_t i = 0; i < y->n_in; i++)
        if (gy == 0 || (zero && isnan(gradient[i])))
            gradient[i] = 0;
}
