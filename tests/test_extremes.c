/* SPDX-License-Identifier: MIT
 *
 * Derivatives of elementwise operations where squares over- or underflow and where functions
 * saturate, against mpmath (reference/extremes.txt, written by reference/make_extremes.py): first
 * and second order, by every mode, of numbers and of arrays, in float32 and float64, some in half
 * types. An operation with a gradient that the reference does not name fails, so a new one needs
 * its lines.
 *
 * Errors are relative to the derivative itself. Between −1 and 1, where second derivatives pass
 * through 0, they are relative to 1 at least; with two operands, to the largest of that order.
 */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/dtype.h"
#include "ops/families.h"

enum { EXTREME_LINE = 400, EXTREME_FEW = 5 };

typedef struct extreme_point {
    const tp__op *op;
    tp_dtype dtype;
    int n, ndim; /* operands, and their dimensions: 0 or 1 */
    double at[2], first[2], second[2][2];
} extreme_point;

static tp_var *extreme_call(const extreme_point *p, tp_var *const *x)
{
    if (p->op->call_1)
        return p->op->call_1(x[0]);
    return p->op->call_2 ? p->op->call_2(x[0], x[1]) : p->op->samples[0].call(x);
}

static const tp__op *extreme_operation(const char *name, int n)
{
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++)
            if ((*op)->n_in == n && !strcmp((*op)->name, name))
                return *op;
    return NULL;
}

/* --- Comparing --- */

static double extreme_tolerance(const extreme_point *p)
{
    return p->dtype == TP_F16    ? 4e-3
           : p->dtype == TP_BF16 ? 3e-2
           : p->dtype == TP_F32  ? 1e-4
                                 : 1e-12;
}

static double extreme_least(const extreme_point *p)
{
    return p->dtype == TP_F16 ? 0x1p-23 : p->dtype == TP_F64 ? DBL_MIN : (double)FLT_MIN;
}

/* True if a derivative is a number of the type, by some bits. */
static bool extreme_fits(const extreme_point *p, double expected)
{
    double most = p->dtype == TP_F16 ? 65504 : p->dtype == TP_F64 ? DBL_MAX : (double)FLT_MAX;
    return fabs(expected) <= most / 16;
}

static double extreme_first(tp_var *v)
{
    const void *data = v ? tp_data(v) : NULL;
    return data ? tp__read_element(tp_dtype_of(v), data) : (double)NAN;
}

static bool extreme_compare(const extreme_point *p, const char *what, tp_var *v, double expected,
                            double scale)
{
    double value = extreme_first(v);
    scale = fmax(scale, fabs(expected));
    if (isnan(expected))
        return true;
    if (!extreme_fits(p, scale))
        return true;
    bool good = fabs(value - expected) <= extreme_tolerance(p) * scale + extreme_least(p);
    return test_check(good, __FILE__, __LINE__,
                      "%s, %s of %d dimensions, at %.17g, %g: %s is %.9g, expected %.9g",
                      p->op->name, tp_dtype_name(p->dtype), p->ndim, p->at[0], p->at[1], what,
                      value, expected);
}

static double extreme_scale(const extreme_point *p, int order)
{
    double scale = p->n == 1 && fabs(p->at[0]) < 1 ? 1 : 0;
    for (int i = 0; i < p->n && p->n > 1; i++)
        for (int j = 0; j < p->n; j++)
            scale = fmax(scale, fabs(order == 1 ? p->first[i] : p->second[i][j]));
    return scale;
}

static bool extreme_is_normal(const extreme_point *p, double expected)
{
    bool composite = p->op->flags & TP__COMPOSITE;
    return !composite && extreme_fits(p, expected) && fabs(expected) > extreme_least(p);
}

/* --- Modes --- */

static void extreme_variables(const extreme_point *p, tp_var **x)
{
    for (int i = 0; i < p->n; i++)
        x[i] = tp_variable(tp_full(p->dtype, p->ndim, (int64_t[]){EXTREME_FEW}, p->at[i]));
}

/* Backwards, of a record from gradients of 2^±40 too: products are taken in steps. */
static void extreme_backward(const extreme_point *p, bool record)
{
    TP_SCOPE();
    static const char *const names[] = {"plain gradient", "recorded gradient"};
    const int far = p->dtype == TP_F16 ? 4 : 40, powers[] = {0, far, -far};
    tp_var *x[2], *g[2];
    extreme_variables(p, x);
    tp_var *y = extreme_call(p, x);
    for (int k = 0; k < 3; k++) {
        double factor = exp2(powers[k]);
        tp_var *gy = tp_full(p->dtype, p->ndim, (int64_t[]){EXTREME_FEW}, factor);
        tp_gradients(y, x, p->n, g, .gradient = gy, .create_graph = record);
        for (int i = 0; i < p->n; i++)
            if (!k || extreme_is_normal(p, p->first[i]))
                extreme_compare(p, names[record], g[i], p->first[i] * factor,
                                extreme_scale(p, 1) * factor);
    }
}

static void extreme_second(const extreme_point *p)
{
    TP_SCOPE();
    tp_var *x[2], *g[2], *h[2], *one;
    extreme_variables(p, x);
    one = tp_full(p->dtype, p->ndim, (int64_t[]){EXTREME_FEW}, 1);
    tp_gradients(extreme_call(p, x), x, p->n, g, .create_graph = true);
    for (int i = 0; i < p->n; i++) {
        if (!extreme_fits(p, p->first[i]) || !tp_requires_grad(g[i]))
            continue;
        tp_gradients(g[i], x, p->n, h);
        for (int j = 0; j < p->n; j++)
            extreme_compare(p, "second derivative", h[j], p->second[i][j], extreme_scale(p, 2));
        for (int j = 0; j < p->n; j++)
            extreme_compare(p, "forward over reverse", tp_jvp(g[i], x[j], one), p->second[i][j],
                            extreme_scale(p, 2));
    }
}

static void extreme_forward(const extreme_point *p)
{
    TP_SCOPE();
    tp_var *x[2], *d[2], *one;
    extreme_variables(p, x);
    one = tp_full(p->dtype, p->ndim, (int64_t[]){EXTREME_FEW}, 1);
    tp_var *y = extreme_call(p, x);
    for (int i = 0; i < p->n; i++) {
        extreme_compare(p, "forward derivative", tp_jvp(y, x[i], one), p->first[i],
                        extreme_scale(p, 1));
        tp_derivatives(y, x[i], 2, d);
        extreme_compare(p, "Taylor, order 1", d[0], p->first[i], extreme_scale(p, 1));
        if (extreme_fits(p, p->first[i]))
            extreme_compare(p, "Taylor, order 2", d[1], p->second[i][i], extreme_scale(p, 2));
    }
}

/* --- The reference --- */

static bool extreme_read(const char *line, extreme_point *p)
{
    char kind[8], name[32];
    int at = 0, count = 0;
    double v[8];
    if (sscanf(line, "%7s %31s%n", kind, name, &at) != 2)
        return false;
    const char *rest = line + at;
    for (char *end; count < 8; count++, rest = end) {
        v[count] = strtod(rest, &end);
        if (end == rest)
            break;
    }
    *p = (extreme_point){.n = count == 3 ? 1 : 2};
    p->dtype = !strcmp(kind, "f32")    ? TP_F32
               : !strcmp(kind, "f16")  ? TP_F16
               : !strcmp(kind, "bf16") ? TP_BF16
                                       : TP_F64;
    p->op = extreme_operation(name, p->n);
    if (!test_check(p->op && (count == 3 || count == 7), __FILE__, __LINE__, "line: %s", line))
        return false;
    memcpy(p->at, v, (size_t)p->n * sizeof *v);
    memcpy(p->first, v + p->n, (size_t)p->n * sizeof *v);
    p->second[0][0] = v[2 * p->n];
    p->second[0][1] = p->second[1][0] = v[5];
    p->second[1][1] = v[6];
    return true;
}

static void extreme_each(void (*check)(const extreme_point *p))
{
    char line[EXTREME_LINE];
    extreme_point p;
    int lines = 0;
    FILE *file = fopen(TEST_REFERENCE "/extremes.txt", "r");
    while (CHECK(file) && fgets(line, sizeof line, file))
        if (*line != '#' && extreme_read(line, &p))
            for (lines++, p.ndim = 0; p.ndim < 2; p.ndim++)
                check(&p);
    CHECK(lines > 1000);
    if (file)
        fclose(file);
}

static void extreme_backwards(const extreme_point *p)
{
    extreme_backward(p, false);
    extreme_backward(p, true);
}

TEST(gradients_at_extreme_points)
{
    extreme_each(extreme_backwards);
}

TEST(second_derivatives_at_extreme_points)
{
    extreme_each(extreme_second);
}

TEST(forward_derivatives_at_extreme_points)
{
    extreme_each(extreme_forward);
}

/* --- At infinities and NaN all modes say the same --- */

static void extreme_agree(const tp__op *op, double x, const char *what, tp_var *v, double expected)
{
    double value = extreme_first(v);
    test_check(value == expected || (isnan(value) && isnan(expected)), __FILE__, __LINE__,
               "%s at %g: %s is %g, not %g", op->name, x, what, value, expected);
}

static void extreme_modes(const tp__op *op, tp_dtype dtype, int ndim, double point)
{
    TP_SCOPE();
    const int64_t few[] = {EXTREME_FEW};
    tp_var *number = tp_variable(tp_full(TP_F64, 0, NULL, point)), *d[2];
    tp_var *x = tp_variable(tp_full(dtype, ndim, few, point)), *y = op->call_1(x);
    double first = extreme_first(tp_gradient(op->call_1(number), number));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    extreme_agree(op, point, "the gradient", tp_gradient(y, x), first);
    extreme_agree(op, point, "the recorded gradient", g, first);
    extreme_agree(op, point, "the derivative forwards", tp_jvp(y, x, tp_full(dtype, ndim, few, 1)),
                  first);
    tp_derivatives(y, x, 2, d);
    extreme_agree(op, point, "the Taylor coefficient", d[0], first);
    if (tp_requires_grad(g))
        extreme_agree(op, point, "the second Taylor coefficient", d[1],
                      extreme_first(tp_gradient(g, x)));
}

TEST(modes_agree_at_infinities_and_nan)
{
    static const double ends[] = {HUGE_VAL, -HUGE_VAL, (double)NAN};
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++)
            for (int i = 0; i < 3 && (*op)->call_1 && (*op)->gradient; i++) {
                extreme_modes(*op, TP_F64, 0, ends[i]);
                extreme_modes(*op, TP_F64, 1, ends[i]);
                extreme_modes(*op, TP_F32, 1, ends[i]);
            }
}

/* --- Every operation is there --- */

static bool extreme_named[2000];

static void extreme_mark(const extreme_point *p)
{
    size_t k = 0;
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++, k++)
            extreme_named[k] |= *op == p->op;
}

/* Of derivative 0 or 1 everywhere, or a step of another's gradient, which is there. */
static bool extreme_is_plain(const tp__op *op)
{
    static const char *const plain[] = {"sign",  "floor", "ceil",      "round",    "trunc", "frac",
                                        "relu6", "fmod",  "remainder", "hardtanh", "where"};
    if ((op->flags & TP__ELEMENTWISE) && op->n_in == 2 && !op->call_2)
        return true;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(op->name, plain[i]))
            return true;
    return false;
}

TEST(elementwise_operations_have_extreme_points)
{
    size_t k = 0;
    extreme_each(extreme_mark);
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++, k++) {
            bool composite = (*op)->flags & TP__COMPOSITE;
            bool elementwise = ((*op)->flags & TP__ELEMENTWISE) && (*op)->gradient;
            bool called = (*op)->call_1 || (*op)->call_2;
            if ((elementwise || (composite && called)) && !extreme_is_plain(*op))
                test_check(extreme_named[k], __FILE__, __LINE__,
                           "%s has no line in reference/extremes.txt", (*op)->name);
        }
}
