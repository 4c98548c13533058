/* SPDX-License-Identifier: MIT
 *
 * tanh and sigmoid, and their derivatives as functions of their own. 1 − y² and y (1 − y) have no
 * digits left where y is nearly 1, so there x gives them. On arrays and near 1 they are records of
 * two operands, functions of y that x only helps: their gradient goes to y alone. A number that is
 * not near 1 takes the formula in operations.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <math.h>

#include "graph/half.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* sech² x = 4 σ(2x) σ(−2x) keeps its digits where 1 − tanh² x loses them. */
static void tanh_taylor(const tp__jet *jet)
{
    tp_var *twice = tp_mul(2, jet->x[0][0]);
    tp_var *sech2 = tp_mul(tp_mul(4, tp_sigmoid(twice)), tp_sigmoid(tp_neg(twice)));
    tp__series_riccati(jet, sech2, 0, -1);
}

static void sigmoid_taylor(const tp__jet *jet)
{
    tp__series_riccati(jet, tp_mul(jet->y[0], tp_sigmoid(tp_neg(jet->x[0][0]))), 1, -1);
}

static double sigmoid_of(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static bool tanh_is_near(double y)
{
    return y * y > 0.75;
}

static bool sigmoid_is_near(double y)
{
    return y > 0.75;
}

/* (1 + |y|)² e^−2|x| = sech² x */
static double tanh_slope(double y, double x)
{
    if (!tanh_is_near(y))
        return 1 - y * y;
    double twice = 1 + fabs(y);
    return exp(-2 * fabs(x)) * (twice * twice);
}

/* y² e^−x = σ(x) σ(−x) */
static double sigmoid_slope(double y, double x)
{
    return sigmoid_is_near(y) ? exp(-x) * (y * y) : y * (1 - y);
}

/* The product with gy, for sweeps that record nothing, and the record. */
#define UNARY_SLOPE_LOOP(name_, Type)                                                              \
    static void name_##_slope_##Type(int64_t n, char *const *at, const int64_t *step,              \
                                     const tp__attr *attr)                                         \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const double gy = (double)*(const Type *)(at[1] + i * step[1]);                        \
            const double y = (double)*(const Type *)(at[2] + i * step[2]);                         \
            const double x = (double)*(const Type *)(at[3] + i * step[3]);                         \
            *(Type *)(at[0] + i * step[0]) = (Type)(gy * name_##_slope(y, x));                     \
        }                                                                                          \
    }

#define UNARY_SLOPE(label_, name_, NAME_, formula_, torch_, slope, rule_)                          \
    static tp__slopes name_##_derivative_number_gradient(double gy, double y, double x, double s)  \
    {                                                                                              \
        (void)x, (void)s;                                                                          \
        return (tp__slopes){slope, 0};                                                             \
    }                                                                                              \
    static void name_##_derivative_gradient(const tp__pull *pull)                                  \
    {                                                                                              \
        tp_var *y = pull->x[0], *gy = pull->gy;                                                    \
        if (pull->wanted[0])                                                                       \
            pull->gx[0] = rule_;                                                                   \
    }                                                                                              \
    TP__LOOP2(name_##_derivative_f64, double, double, double, name_##_slope(a, b))                 \
    TP__LOOP2(name_##_derivative_f32, float, float, double, name_##_slope(a, b))                   \
    UNARY_SLOPE_LOOP(name_, float)                                                                 \
    UNARY_SLOPE_LOOP(name_, double)                                                                \
    static tp_var *name_##_derivative_sample(tp_var *const *x);                                    \
    static const tp__op name_##_derivative_op = {                                                  \
        .label = #label_,                                                                          \
        .name = #name_ "_derivative",                                                              \
        .n_in = 2,                                                                                 \
        .flags = TP__FUNCTION,                                                                     \
        .reads = {TP__READS_0},                                                                    \
        .loop = {[TP_F32] = name_##_derivative_f32, [TP_F64] = name_##_derivative_f64},            \
        .fast = TP__FAST_##NAME_##_DERIVATIVE,                                                     \
        .number = name_##_slope,                                                                   \
        .number_gradient = name_##_derivative_number_gradient,                                     \
        .gradient = name_##_derivative_gradient,                                                   \
        .formula = formula_ " of y = " #name_ " x and x: what its gradient multiplies by",         \
        .rule = "y: " #rule_,                                                                      \
        .samples = (const tp__sample[]){{"2,3", name_##_derivative_sample, torch_}, {0}},          \
    };                                                                                             \
    static tp_var *name_##_derivative_at(tp_var *x)                                                \
    {                                                                                              \
        TP__IN_FLOAT32(name_##_derivative_at(x), &x);                                              \
        return tp__apply_2(&name_##_derivative_op, tp_##name_(x), x);                              \
    }                                                                                              \
    static tp_var *name_##_derivative_sample(tp_var *const *x)                                     \
    {                                                                                              \
        return name_##_derivative_at(x[0]);                                                        \
    }                                                                                              \
    static const tp__op name_##_slope_op = {                                                       \
        .label = #name_ " gradient",                                                               \
        .name = #name_ "_slope",                                                                   \
        .n_in = 3,                                                                                 \
        .flags = TP__ELEMENTWISE | TP__SLOPE | TP__COSTLY,                                         \
        .loop = {[TP_F32] = name_##_slope_float, [TP_F64] = name_##_slope_double},                 \
        .fast = TP__FAST_##NAME_##_SLOPE,                                                          \
    };

/* clang-format off */
UNARY_SLOPE(TanhDerivative, tanh, TANH, "1 − y²", "1 - torch.tanh(x0).square()", gy * (-2 * y), tp_mul(gy, tp_mul(-2, y)))
UNARY_SLOPE(SigmoidDerivative, sigmoid, SIGMOID, "y (1 − y)", "torch.sigmoid(x0) * torch.sigmoid(-x0)", gy * (1 - 2 * y), tp_mul(gy, tp_sub(1, tp_mul(2, y))))
/* clang-format on */

static tp_var *tanh_rule(tp_var *y, tp_var *x)
{
    if ((y->flags & TP__NUMBER) && !tanh_is_near(tp__number(y)))
        return tp_sub(1, tp_mul(y, y));
    return tp__apply_2(&tanh_derivative_op, y, x);
}

static tp_var *sigmoid_rule(tp_var *y, tp_var *x)
{
    if ((y->flags & TP__NUMBER) && !sigmoid_is_near(tp__number(y)))
        return tp_mul(y, tp_sub(1, y));
    return tp__apply_2(&sigmoid_derivative_op, y, x);
}

/* clang-format off */
TP__UNARY(tp_tanh, tanh(x), gy * tanh_slope(y, x), tp_mul(gy, tanh_rule(y, x)),
          .label = "Tanh", .formula = "tanh x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT | TP__READS_0}, .fast = TP__FAST_TANH, .taylor = tanh_taylor, .slope = &tanh_slope_op)
TP__UNARY(tp_sigmoid, sigmoid_of(x), gy * sigmoid_slope(y, x), tp_mul(gy, sigmoid_rule(y, x)),
          .label = "Sigmoid", .formula = "1 / (1 + e⁻ˣ)", .flags = TP__FUNCTION, .reads = {TP__READS_OUT | TP__READS_0}, .fast = TP__FAST_SIGMOID, .taylor = sigmoid_taylor, .slope = &sigmoid_slope_op)
/* clang-format on */

static const tp__op *const sigmoid_ops[] = {&tp_tanh_op, &tp_sigmoid_op, &tanh_derivative_op,
                                            &sigmoid_derivative_op, NULL};

const tp__family tp__family_sigmoid = {"sigmoid", "tanh and sigmoid", sigmoid_ops};
