/* SPDX-License-Identifier: MIT
 *
 * Operations compute half types in float32 to their end and round once: values, gradients, second
 * gradients and derivatives forwards are those of the same numbers in float32, rounded.
 *
 * Samples that prepare their operands by other operations round there too. Here these are called
 * directly, square matrices made symmetric, positive and of different eigenvalues before they are
 * rounded.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "ops/linalg/lapack_batch.h"
#include "ops/linalg/matrices.h"
#include "table_check.h"

static const tp_dtype halves[] = {TP_F16, TP_BF16};
enum { HALVES = sizeof halves / sizeof *halves };

/* --- Samples without their preparation --- */

static tp_var *joined(tp_var *const *v, int n)
{
    tp_var *flat[3];
    for (int i = 0; i < n; i++)
        flat[i] = tp_flatten(v[i]);
    return tp_concatenate(flat, n, 0);
}

static tp_var *direct_qr(tp_var *const *x)
{
    tp_var *v[2];
    tp_qr(x[0], &v[0], &v[1]);
    return joined(v, 2);
}

static tp_var *direct_eigh(tp_var *const *x)
{
    tp_var *v[2];
    tp_eigh(x[0], &v[0], &v[1]);
    return joined(v, 2);
}

static tp_var *direct_svd(tp_var *const *x)
{
    tp_var *v[3];
    tp_svd(x[0], &v[0], &v[1], &v[2]);
    return joined(v, 3);
}

static tp_var *direct_slogdet(tp_var *const *x)
{
    tp_var *v[2];
    tp_slogdet(x[0], &v[0], &v[1]);
    return joined(v, 2);
}

static tp_var *direct_ctc_loss(tp_var *const *x)
{
    tp_var *targets = tp_array(TP_I64, TP_SHAPE(2, 3), ((int64_t[]){1, 1, 2, 3, 0, 0}));
    tp_var *steps = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){4, 3}));
    return (tp_ctc_loss)(x[0], targets, steps, tp_sub(steps, 2), NULL);
}

#define DIRECT(name, ...)                                                                          \
    static tp_var *direct_##name(tp_var *const *x)                                                 \
    {                                                                                              \
        return tp_##name(__VA_ARGS__);                                                             \
    }

DIRECT(cholesky, x[0])
DIRECT(cholesky_solve, x[0], x[1])
DIRECT(det, x[0])
DIRECT(eigvalsh, x[0])
DIRECT(inverse, x[0])
DIRECT(logdet, x[0])
DIRECT(lstsq, x[0], x[1])
DIRECT(sinc, x[0])
DIRECT(solve, x[0], x[1])
DIRECT(solve_triangular, x[0], x[1], .upper = true)

static const struct {
    const char *name;
    tp_var *(*call)(tp_var *const *x);
} direct[] = {
    {"cholesky", direct_cholesky}, {"cholesky_solve", direct_cholesky_solve},
    {"ctc_loss", direct_ctc_loss}, {"det", direct_det},
    {"eigh", direct_eigh},         {"eigvalsh", direct_eigvalsh},
    {"inverse", direct_inverse},   {"logdet", direct_logdet},
    {"lstsq", direct_lstsq},       {"qr", direct_qr},
    {"sinc", direct_sinc},         {"slogdet", direct_slogdet},
    {"solve", direct_solve},       {"solve_triangular", direct_solve_triangular},
    {"svd", direct_svd},
};

/* The case with its direct call, if it has one. */
static table_case without_preparation(const table_case *c)
{
    table_case own = *c;
    for (size_t i = 0; i < sizeof direct / sizeof *direct; i++)
        if (!strcmp(direct[i].name, c->op->name))
            own.call = direct[i].call;
    return own;
}

static tp_var *prepared(const table_case *c, int i)
{
    tp_var *v = table_constant(c, i, TP_F64);
    int n = c->ndim[i];
    if (!(c->op->flags & TP__LAPACK) || n < 2 || c->shape[i][n - 1] != c->shape[i][n - 2])
        return v;
    tp_var *rising = tp_arange(TP_F64, 1, (double)c->shape[i][n - 1] + 1, 1);
    return tp_add(tp_add(v, tp_transpose(v, -1, -2)),
                  tp_mul(tp_eye(TP_F64, c->shape[i][n - 1]), tp_mul(4, rising)));
}

static void operands_of(const table_case *c, tp_dtype half, tp_var **narrow, tp_var **wide)
{
    for (int i = 0; i < c->n; i++) {
        narrow[i] = tp_variable(tp_to(prepared(c, i), half));
        wide[i] = tp_variable(tp_to(tp_detach(narrow[i]), TP_F32));
    }
}

/* --- Comparing --- */

/* Sums of float32 in another order, for conversions are nodes too, may differ so much. */
#define SUM_ORDER 0x1p-21

/* v is of the half type, or of a type that does not depend on the operands', and equals w rounded
 * to it. */
static void rounded_once(const table_case *c, const char *what, tp_dtype half, tp_var *v, tp_var *w)
{
    char text[60];
    tp_dtype type = tp_dtype_of(w) == TP_F32 ? half : tp_dtype_of(w);
    snprintf(text, sizeof text, "%s, %s", tp_dtype_name(half), what);
    CASE_CHECK(c, tp_dtype_of(v) == type, "%s is %s", text, tp_dtype_name(tp_dtype_of(v)));
    if (type != half || !table_same_shape(v, w)) {
        table_equal(c, text, v, tp_to(w, type), 0);
        return;
    }
    tp_var *low = tp_to(tp_mul(1 - SUM_ORDER, w), half),
           *high = tp_to(tp_mul(1 + SUM_ORDER, w), half);
    for (int64_t k = 0; k < tp_size(v); k++) {
        double x = table_element(v, k), a = table_element(low, k), b = table_element(high, k);
        CASE_CHECK(c, (isnan(x) && isnan(a)) || (fmin(a, b) <= x && x <= fmax(a, b)),
                   "%s: element %d is %.17g, expected %.17g to %.17g", text, (int)k, x, a, b);
    }
}

static void compare_sweeps(const table_case *c, tp_dtype half)
{
    TP_SCOPE();
    tp_var *narrow[TABLE_OPERANDS], *wide[TABLE_OPERANDS];
    operands_of(c, half, narrow, wide);
    table_orders own = table_differentiate(c, narrow), expected = table_differentiate(c, wide);
    if (!table_no_error(c, "half type"))
        return;
    rounded_once(c, "value", half, own.value, expected.value);
    for (int i = 0; i < c->n; i++) {
        char what[40];
        snprintf(what, sizeof what, "gradient %d", i);
        rounded_once(c, what, half, own.gradient[i], expected.gradient[i]);
        snprintf(what, sizeof what, "second gradient %d", i);
        rounded_once(c, what, half, own.second[i], expected.second[i]);
    }
}

static void compare_forwards(const table_case *c, tp_dtype half, int which)
{
    TP_SCOPE();
    tp_var *narrow[TABLE_OPERANDS], *wide[TABLE_OPERANDS];
    operands_of(c, half, narrow, wide);
    tp_var *y = table_call(c, narrow), *z = table_call(c, wide);
    tp_var *v = table_weights(narrow[which], which);
    tp_var *own = tp_jvp(y, narrow[which], v), *expected = tp_jvp(z, wide[which], tp_to(v, TP_F32));
    if (table_no_error(c, "half type, forwards"))
        rounded_once(c, "derivative forwards", half, own, expected);
}

EDGE_TEST(half_types_are_float32_rounded_once)
{
    const table_case own = without_preparation(c);
    bool square =
        c->n && c->ndim[0] > 1 && c->shape[0][c->ndim[0] - 1] == c->shape[0][c->ndim[0] - 2];
    if (own.call != c->call && (own.edge || (own.call == direct_cholesky && !square)))
        return;
    for (size_t i = 0; i < HALVES; i++) {
        compare_sweeps(&own, halves[i]);
        for (int which = 0; which < c->n; which++)
            compare_forwards(&own, halves[i], which);
    }
}
