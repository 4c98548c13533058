/* SPDX-License-Identifier: MIT
 *
 * Derivatives of several variables from series along lines (Griewank, Utke & Walther 2000). Every
 * mixed derivative is a sum of derivatives along lines: with eᵢ the unit vectors,
 *
 *     ∂ᵏ / ∂xᵢ^aᵢ … = 1 / (2ᵏ k!) Σ Π (−1)^cᵢ (aᵢ over cᵢ) · dᵏ/dtᵏ y(x + t Σ (aᵢ − 2 cᵢ) eᵢ),
 *
 * over all 0 ≤ cᵢ ≤ aᵢ: the polarisation of a form of degree k.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"

struct tp_linear_map {
    tp_var *y, *x;
};

tp_linear_map *tp_linearize(tp_var *y, tp_var *x)
{
    TP__CALL("linearize");
    if (!tp__check_derivative("linearize", y, x))
        return NULL;
    tp_linear_map *linear = tp__alloc(sizeof *linear);
    if (linear)
        *linear = (tp_linear_map){tp_keep(y), tp_keep(x)};
    return linear;
}

static bool linear_check(const char *call, const tp_linear_map *linear)
{
    if (!linear)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the linear map is NULL", call);
    return linear;
}

tp_var *tp_linear_map_apply(const tp_linear_map *linear, tp_var *v)
{
    TP__CALL("linear_map_apply");
    if (!linear_check("linear_map_apply", linear) ||
        !tp__check_like("linear_map_apply", "v", v, "x", linear->x))
        return tp__poison();
    return tp_jvp(linear->y, linear->x, v);
}

tp_var *tp_linear_map_transpose(const tp_linear_map *linear, tp_var *v)
{
    TP__CALL("linear_map_transpose");
    return linear_check("linear_map_transpose", linear) ? tp_vjp(linear->y, linear->x, v)
                                                        : tp__poison();
}

void tp_linear_map_free(tp_linear_map *linear)
{
    if (!linear)
        return;
    tp_free(linear->y);
    tp_free(linear->x);
    tp__free(linear);
}

/* --- Along lines --- */

enum { DIRECTIONS_MOST = 20 };

/* The k-th derivative along the line of n elements of x, each with a weight. */
static tp_var *directions_along(tp_var *y, tp_var *x, int k, int n, const int64_t *element,
                                const double *weight)
{
    tp_var *out[DIRECTIONS_MOST];
    tp_var *line = tp__empty(TP_F64, 1, &x->size);
    if (tp_is_poison(line))
        return line;
    memset(line->data, 0, (size_t)x->size * sizeof(double));
    for (int i = 0; i < n; i++)
        ((double *)line->data)[element[i]] += weight[i];
    line = tp_reshape(tp_to(line, (tp_dtype)x->dtype), x->ndim, tp__shape(x));
    tp_taylor(y, x, line, k, out);
    return out[k - 1];
}

/* Distinct variables of a mixed derivative, how often each is meant, and how often with a minus. */
typedef struct directions_mixed {
    int n, order;
    int64_t element[DIRECTIONS_MOST];
    int times[DIRECTIONS_MOST], minus[DIRECTIONS_MOST];
} directions_mixed;

static bool mixed_begin(directions_mixed *mixed, const tp_var *x, int order, const int64_t *index)
{
    if (order < 1 || order > DIRECTIONS_MOST) {
        tp_fail(TP_ERROR_ARGUMENT, "mixed: order %d, expected 1 to %d", order, DIRECTIONS_MOST);
        return false;
    }
    if (!index) {
        tp_fail(TP_ERROR_ARGUMENT, "mixed: index is NULL");
        return false;
    }
    *mixed = (directions_mixed){.order = order};
    for (int i = 0; i < order; i++) {
        int at = 0;
        if (index[i] < 0 || index[i] >= x->size) {
            tp_fail(TP_ERROR_ARGUMENT, "mixed: index %lld, expected 0 to %lld", (long long)index[i],
                    (long long)x->size - 1);
            return false;
        }
        while (at < mixed->n && mixed->element[at] != index[i])
            at++;
        mixed->n += at == mixed->n;
        mixed->element[at] = index[i];
        mixed->times[at]++;
    }
    return true;
}

static double mixed_binomial(int n, int k)
{
    double value = 1;
    for (int i = 1; i <= k; i++)
        value = value * (n - k + i) / i;
    return value;
}

/* The next choice of signs; false after the last. */
static bool mixed_next(directions_mixed *mixed)
{
    for (int i = 0; i < mixed->n; i++) {
        if (++mixed->minus[i] <= mixed->times[i])
            return true;
        mixed->minus[i] = 0;
    }
    return false;
}

/* A term of the sum; NULL for a line of length 0. A line and its opposite are the same up to sign:
 * only one, in which the first weight that is not 0 is positive, is taken, twice. */
static tp_var *mixed_term(const directions_mixed *mixed, tp_var *y, tp_var *x)
{
    double weight[DIRECTIONS_MOST], factor = 2, first = 0;
    for (int i = 0; i < mixed->n; i++) {
        weight[i] = mixed->times[i] - 2 * mixed->minus[i];
        first = first != 0 ? first : weight[i];
        factor *= (mixed->minus[i] % 2 ? -1 : 1) * mixed_binomial(mixed->times[i], mixed->minus[i]);
    }
    if (first <= 0)
        return NULL;
    for (int k = 1; k <= mixed->order; k++)
        factor /= 2.0 * k;
    size_t scope = tp_scope_begin();
    tp_var *along = directions_along(y, x, mixed->order, mixed->n, mixed->element, weight);
    tp_var *term = tp_is_poison(along) ? along : tp_leave(tp_mul(along, tp_num(factor)));
    tp_scope_end(scope);
    return term;
}

tp_var *tp_mixed(tp_var *y, tp_var *x, int order, const int64_t *index)
{
    TP__CALL("mixed");
    directions_mixed mixed;
    if (!tp__check_derivative("mixed", y, x) || !mixed_begin(&mixed, x, order, index))
        return tp__poison();
    size_t scope = tp_scope_begin();
    tp_var *sum = NULL;
    do {
        tp_var *term = mixed_term(&mixed, y, x);
        sum = !term ? sum : sum ? tp_add(sum, term) : term;
    } while (!tp__here()->code && mixed_next(&mixed));
    sum = tp__here()->code ? tp__poison() : tp_leave(sum);
    tp_scope_end(scope);
    return sum;
}

/* --- Biharmonic --- */

/* Σ of the fourth derivatives along x[i], and of those along x[i] ± x[j]. */
static tp_var *biharmonic_sums(tp_var *y, tp_var *x, bool pairs)
{
    tp_var *sum = tp_zeros((tp_dtype)y->dtype, 0, NULL);
    for (int64_t i = 0; i < x->size; i++)
        for (int64_t j = pairs ? i + 1 : x->size - 1; j < x->size; j++)
            for (int sign = 1; sign >= (pairs ? -1 : 1); sign -= 2) {
                size_t scope = tp_scope_begin();
                const int64_t element[] = {i, j};
                tp_var *d =
                    directions_along(y, x, 4, pairs ? 2 : 1, element, (const double[]){1, sign});
                sum = tp_is_poison(d) ? d : tp_leave(tp_add(sum, tp_sum(d, NULL)));
                tp_scope_end(scope);
                if (tp_is_poison(sum))
                    return sum;
            }
    return sum;
}

tp_var *tp_biharmonic(tp_var *y, tp_var *x)
{
    TP__CALL("biharmonic");
    if (!tp__check_derivative("biharmonic", y, x))
        return tp__poison();
    size_t scope = tp_scope_begin();
    double n = (double)x->size;
    tp_var *single = biharmonic_sums(y, x, false);
    tp_var *paired = tp_is_poison(single) ? single : biharmonic_sums(y, x, true);
    tp_var *sum = paired;
    if (!tp_is_poison(paired))
        sum = tp_leave(
            tp_add(tp_mul(single, tp_num(1 - (n - 1) / 3)), tp_mul(paired, tp_num(1 / 6.0))));
    tp_scope_end(scope);
    return sum;
}
