/* SPDX-License-Identifier: MIT
 *
 * What names mean in formulas: records of elementwise operations, found in the table by their
 * names, and functions that take other than one or two operands, or numbers.
 */
#include "base/features.h"

#include "calculus/formula.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "ops/families.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

/* --- Functions --- */

#define FORMULA_REDUCTION(name)                                                                    \
    static tp_var *formula_##name(tp_var *const *in, int n)                                        \
    {                                                                                              \
        (void)n;                                                                                   \
        return tp_##name(in[0], NULL);                                                             \
    }
FORMULA_REDUCTION(sum)
FORMULA_REDUCTION(mean)
FORMULA_REDUCTION(prod)

/* The largest of all elements, or of each element of several operands. */
#define FORMULA_EXTREME(name, of_two)                                                              \
    static tp_var *formula_##name(tp_var *const *in, int n)                                        \
    {                                                                                              \
        tp_var *y = n == 1 ? tp_##name(in[0], NULL) : in[0];                                       \
        for (int i = 1; i < n; i++)                                                                \
            y = of_two(y, in[i]);                                                                  \
        return y;                                                                                  \
    }
FORMULA_EXTREME(max, tp_maximum)
FORMULA_EXTREME(min, tp_minimum)

#define FORMULA_FUNCTION(name, call)                                                               \
    static tp_var *formula_##name(tp_var *const *in, int n)                                        \
    {                                                                                              \
        (void)n;                                                                                   \
        return call;                                                                               \
    }
FORMULA_FUNCTION(ln, tp_log(in[0]))
FORMULA_FUNCTION(dot, tp_dot(in[0], in[1]))
FORMULA_FUNCTION(where, tp_where(in[0], in[1], in[2]))
FORMULA_FUNCTION(clamp, tp_clamp(in[0], in[1], in[2]))
FORMULA_FUNCTION(lerp, tp_lerp(in[0], in[1], in[2]))
FORMULA_FUNCTION(prelu, tp_prelu(in[0], in[1]))
FORMULA_FUNCTION(sinc, tp_sinc(in[0]))
FORMULA_FUNCTION(gelu_tanh, tp_gelu_tanh(in[0]))
FORMULA_FUNCTION(hardsigmoid, tp_hardsigmoid(in[0]))
FORMULA_FUNCTION(hardswish, tp_hardswish(in[0]))
FORMULA_FUNCTION(mish, tp_mish(in[0]))

/* Operand i as a number, which must not depend on a variable, or what it is by default. */
static double formula_parameter(tp_var *const *in, int n, int i, const char *call, double otherwise)
{
    if (i >= n)
        return otherwise;
    if (tp_size(in[i]) == 1 && !tp_requires_grad(in[i]))
        return tp_item(in[i]);
    tp_fail(TP_ERROR_ARGUMENT, "%s: operand %d is not a constant number", call, i + 1);
    return 0;
}

#define FORMULA_WITH_PARAMETER(name, otherwise)                                                    \
    static tp_var *formula_##name(tp_var *const *in, int n)                                        \
    {                                                                                              \
        return tp_##name(in[0], formula_parameter(in, n, 1, #name, otherwise));                    \
    }
FORMULA_WITH_PARAMETER(elu, 1)
FORMULA_WITH_PARAMETER(celu, 1)
FORMULA_WITH_PARAMETER(leaky_relu, 0.01)

static tp_var *formula_norm(tp_var *const *in, int n)
{
    return tp_norm(in[0], formula_parameter(in, n, 1, "norm", 2), NULL);
}

static tp_var *formula_polygamma(tp_var *const *in, int n)
{
    double order = formula_parameter(in, n, 0, "polygamma", 0);
    if (order != floor(order) || fabs(order) > INT_MAX)
        return tp_fail(TP_ERROR_ARGUMENT, "polygamma: order %g is not an integer", order);
    return tp_polygamma((int)order, in[1]);
}

/* What a function of C gives for the elements of x; for what is no array a plain number. */
static tp_var *formula_values(tp_var *x, double (*function)(double))
{
    if (tp_is_poison(x) || tp_ndim(x) == 0)
        return tp_num(function(tp_item(x)));
    tp_var *y = tp_add(tp_to(tp_detach(x), TP_F64), tp_num(0));
    double *at = tp_data_(y);
    for (int64_t i = 0; at && i < tp_size(y); i++)
        at[i] = function(at[i]);
    return tp_dtype_of(x) == TP_F64 || tp_dtype_of(x) == TP_F32 ? tp_to(y, tp_dtype_of(x)) : y;
}

/* Γ(x₀) exp(ln |Γ(x)| − ln |Γ(x₀)|) at x₀ = x: the value is C's, with its sign, and the derivatives
 * are those of ln |Γ|. */
static tp_var *formula_gamma(tp_var *const *in, int n)
{
    (void)n;
    tp_var *log = tp_lgamma(in[0]);
    return tp_mul(formula_values(in[0], tgamma), tp_exp(tp_sub(log, tp_detach(log))));
}

/* |x|^(1/3) with the sign of x, where |x| has the slope 1 at 0; ⅓ is no double, so C's value is put
 * in its place. */
static tp_var *formula_cbrt(tp_var *const *in, int n)
{
    (void)n;
    tp_var *below = tp_lt(in[0], tp_num(0));
    tp_var *size = tp_where(below, tp_neg(in[0]), in[0]);
    tp_var *root = tp_pow(size, tp_num(1.0 / 3));
    tp_var *y = tp_mul(tp_where(below, tp_num(-1), tp_num(1)), root);
    tp_var *miss = tp_sub(formula_values(in[0], cbrt), tp_detach(y));
    return tp_add(y, tp_where(tp_isfinite(miss), miss, tp_num(0)));
}

static const tp__formula_word formula_words[] = {
    {"ln", 1, 1, formula_ln},
    {"gamma", 1, 1, formula_gamma},
    {"cbrt", 1, 1, formula_cbrt},
    {"sum", 1, 1, formula_sum},
    {"mean", 1, 1, formula_mean},
    {"prod", 1, 1, formula_prod},
    {"max", 1, INT_MAX, formula_max},
    {"min", 1, INT_MAX, formula_min},
    {"norm", 1, 2, formula_norm},
    {"dot", 2, 2, formula_dot},
    {"where", 3, 3, formula_where},
    {"clamp", 3, 3, formula_clamp},
    {"lerp", 3, 3, formula_lerp},
    {"sinc", 1, 1, formula_sinc},
    {"gelu_tanh", 1, 1, formula_gelu_tanh},
    {"hardsigmoid", 1, 1, formula_hardsigmoid},
    {"hardswish", 1, 1, formula_hardswish},
    {"mish", 1, 1, formula_mish},
    {"elu", 1, 2, formula_elu},
    {"celu", 1, 2, formula_celu},
    {"leaky_relu", 1, 2, formula_leaky_relu},
    {"prelu", 2, 2, formula_prelu},
    {"polygamma", 2, 2, formula_polygamma},
};

/* --- Finding --- */

static bool formula_is(const char *word, const char *name, size_t length)
{
    return !strncmp(word, name, length) && !word[length];
}

static bool formula_takes(const tp__op *op, int n)
{
    return (op->call_1 && n < 2) || (op->call_2 && (n == 0 || n == 2));
}

const tp__op *tp__formula_record(const char *name, size_t length, int n)
{
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++)
            if (formula_is((*op)->name, name, length) && formula_takes(*op, n))
                return *op;
    return NULL;
}

tp__formula_function tp__formula_find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof formula_words / sizeof *formula_words; i++)
        if (formula_is(formula_words[i].name, name, length))
            return (tp__formula_function){.word = &formula_words[i]};
    return (tp__formula_function){.op = tp__formula_record(name, length, 0)};
}

bool tp__formula_constant(const char *name, size_t length, double *number)
{
    static const struct {
        const char *name;
        double number;
    } constants[] = {{"pi", 3.14159265358979323846}, {"π", 3.14159265358979323846},
                     {"∞", (double)INFINITY},        {"e", 2.71828182845904523536},
                     {"inf", (double)INFINITY},      {"nan", (double)NAN}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (formula_is(constants[i].name, name, length)) {
            *number = constants[i].number;
            return true;
        }
    return false;
}
