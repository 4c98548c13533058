/* SPDX-License-Identifier: MIT
 *
 * Reductions over other operations. Where a formula divides by what may be 0, a guard takes the
 * other branch before it divides, so that no derivative is NaN.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "kernels/vector.h"
#include "ops/families.h"
#include "ops/network/rows.h"
#include "ops/reduce/safe_root.h"
#include "tinypytorch.h"

/* The options of a reduction over the same axes that leaves them at size 1. */
static bool statistics_kept(const char *call, const tp_var *x, const tp_reduce_options *given,
                            tp_reduce_options *own, tp_reduce_options *kept)
{
    *own = (tp_reduce_options)TP_OPTIONS(tp_reduce_options);
    if (!tp__check_operand(call, x) || !tp__take_options(call, own, sizeof *own, given))
        return false;
    *kept = *own;
    kept->keepdims = true;
    return true;
}

static tp_var *statistics_floating(tp_var *x)
{
    return tp__is_float(tp_dtype_of(x)) ? x : tp_to(x, TP_F64);
}

/* --- Truth --- */

/* Which elements are true. */
static tp_var *statistics_truth(tp_var *x)
{
    return tp_dtype_of(x) == TP_BOOL ? x : tp_ne(x, 0);
}

/* How many elements are true. bool is counted as it is. */
static tp_var *statistics_count(tp_var *x, const tp_reduce_options *options)
{
    return (tp_sum)(statistics_truth(x), options);
}

tp_var *(tp_count_nonzero)(tp_var *x, const tp_reduce_options *options)
{
    TP__CALL("count_nonzero");
    TP__OPERANDS(x);
    return tp__check_operand("count_nonzero", x) ? statistics_count(x, options) : tp__poison();
}

/* Whether the largest or the smallest is true, of elements of a byte that do not wait, or along
 * some axes; otherwise NULL: how many are true then, which may be counted along with what waits.
 * Nothing has neither a largest nor a smallest. */
static tp_var *statistics_extreme(const char *call, tp_var *x, const tp_reduce_options *given,
                                  tp_var *(*extreme)(tp_var *x, const tp_reduce_options *options))
{
    tp_reduce_options own = TP_OPTIONS(tp_reduce_options);
    unsigned mask;
    if (!tp__take_options(call, &own, sizeof own, given) ||
        !tp__take_axes(call, &own.axes, x, &mask))
        return tp__poison();
    bool byte = tp__dtype_size(tp_dtype_of(x)) == 1, whole = mask + 1 == 1u << x->ndim;
    if (x->size == 0 || (whole && !(byte && x->data)))
        return NULL;
    return tp_ne(extreme(byte ? x : tp_ne(x, 0), given), 0);
}

tp_var *(tp_any)(tp_var *x, const tp_reduce_options *options)
{
    TP__CALL("any");
    TP__OPERANDS(x);
    if (!tp__check_operand("any", x))
        return tp__poison();
    tp_var *y = statistics_extreme("any", x, options, (tp_max));
    return y ? y : tp_gt(statistics_count(x, options), 0);
}

tp_var *(tp_all)(tp_var *x, const tp_reduce_options *options)
{
    TP__CALL("all");
    TP__OPERANDS(x);
    if (!tp__check_operand("all", x))
        return tp__poison();
    tp_var *y = statistics_extreme("all", x, options, (tp_min));
    if (y)
        return y;
    tp_var *count = statistics_count(x, options);
    if (tp_is_poison(count))
        return count;
    return tp_eq(count, count->size ? x->size / count->size : 0);
}

/* --- Variance --- */

static tp_var *statistics_variance(const char *call, tp_var *x, const tp_var_options *given)
{
    tp_var_options options = TP_OPTIONS(tp_var_options);
    if (!tp__check_operand(call, x) || !tp__take_options(call, &options, sizeof options, given))
        return tp__poison();
    tp_reduce_options own = {
        .size = sizeof own, .axes = options.axes, .keepdims = options.keepdims};
    tp_reduce_options kept = own;
    kept.keepdims = true;
    x = statistics_floating(x);
    tp_var *squares = (tp_sum)(tp_square(tp_sub(x, (tp_mean)(x, &kept))), &own);
    if (tp_is_poison(squares))
        return tp__poison();
    double n = x->size == 0 ? 0 : (double)x->size / (double)(squares->size ? squares->size : 1);
    return tp_div(squares, options.biased ? n : fmax(n - 1, 0));
}

tp_var *(tp_variance)(tp_var *x, const tp_var_options *options)
{
    TP__CALL("variance");
    TP__OPERANDS(x);
    TP__IN_FLOAT32((tp_variance)(x, options), &x);
    return statistics_variance("variance", x, options);
}

tp_var *(tp_std)(tp_var *x, const tp_var_options *options)
{
    TP__CALL("std");
    TP__OPERANDS(x);
    TP__IN_FLOAT32((tp_std)(x, options), &x);
    tp_var *variance = statistics_variance("std", x, options);
    if (tp_is_poison(variance))
        return variance;
    x = statistics_floating(x);
    tp_var_options given = TP_OPTIONS(tp_var_options);
    tp__take_options("std", &given, sizeof given, options);
    const tp_reduce_options own = {.size = sizeof own, .axes = given.axes};
    tp_var *scale = tp__range_scale(x, 2, variance, &own);
    if (!scale)
        return tp__safe_root(variance);
    TP__RANGE_WIDE(scale, x, (tp_std)(x, options));
    if (tp_is_poison(scale))
        return scale;
    return tp__range_restore(tp__safe_root(statistics_variance("std", tp_div(x, scale), options)),
                             scale);
}

/* --- Norms --- */

/* Σ |x|ᵖ, without the elements that are 0. */
static tp_var *statistics_powers(tp_var *x, double p, const tp_reduce_options *options)
{
    tp_var *size = tp_abs(x), *zero = tp_eq(size, 0);
    return (tp_sum)(tp_where(zero, 0, tp_pow(tp_where(zero, 1, size), p)), options);
}

/* With p < 0 one element that is 0 makes the norm 0. */
static tp_var *statistics_power_norm(tp_var *x, double p, const tp_reduce_options *options)
{
    tp_var *sum = statistics_powers(x, p, options);
    tp_var *scale = tp__range_scale(x, p, sum, options);
    if (scale)
        TP__RANGE_WIDE(scale, x, statistics_power_norm(x, p, options));
    tp_var *unbounded =
        scale && p > 0 ? tp__range_unbounded(x, p, options, statistics_power_norm) : NULL;
    if (unbounded)
        return unbounded;
    if (scale && !tp_is_poison(scale))
        sum = statistics_powers(tp_div(x, scale), p, options);
    tp_var *none = p > 0 ? tp_eq(sum, 0) : (tp_any)(tp_eq(x, 0), options);
    tp_var *y = tp_where(none, 0, tp_pow(tp_where(none, 1, sum), 1 / p));
    return scale ? tp__range_restore(y, scale) : y;
}

tp_var *(tp_norm)(tp_var *x, double p, const tp_reduce_options *options)
{
    TP__CALL("norm");
    TP__OPERANDS(x);
    TP__IN_FLOAT32((tp_norm)(x, p, options), &x);
    if (!tp__check_operand("norm", x))
        return tp__poison();
    if (isnan(p))
        return tp_fail(TP_ERROR_ARGUMENT, "norm: p is not a number");
    x = statistics_floating(x);
    tp_reduce_options own = TP_OPTIONS(tp_reduce_options);
    if (!tp__take_options("norm", &own, sizeof own, options))
        return tp__poison();
    options = &own;
    if (p == 2)
        return tp__root_of_squares(x, options);
    if (p == 1)
        return (tp_sum)(tp_abs(x), options);
    if (p == 0)
        return (tp_sum)(tp_where(1, tp_to(tp_ne(x, 0), tp_dtype_of(x)), x), options);
    if (isinf(p))
        return p > 0 ? (tp_max)(tp_abs(x), options) : (tp_min)(tp_abs(x), options);
    return statistics_power_norm(x, p, options);
}

/* x with the axes of mask flattened into a last one. */
static tp_var *statistics_gather_axes(tp_var *x, unsigned mask)
{
    int64_t order[TP_MAX_NDIM], shape[TP_MAX_NDIM + 1], n = 1;
    int kept = 0, at;
    for (int i = 0; i < x->ndim; i++)
        if (!(mask >> i & 1)) {
            shape[kept] = tp__shape(x)[i];
            order[kept++] = i;
        }
    at = kept;
    for (int i = 0; i < x->ndim; i++)
        if (mask >> i & 1) {
            n *= tp__shape(x)[i];
            order[at++] = i;
        }
    shape[kept] = n;
    return tp_reshape(tp_permute(x, x->ndim, order), kept + 1, shape);
}

/* The shape that is left of x's without the axes of mask, or with 1 in their places. */
static int statistics_shape(const tp_var *x, unsigned mask, bool keepdims, int64_t *shape)
{
    int ndim = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!(mask >> i & 1) || keepdims)
            shape[ndim++] = mask >> i & 1 ? 1 : tp__shape(x)[i];
    return ndim;
}

/* --- logsumexp --- */

/* Of rows, in operations: from the largest element. Its derivatives cancel but for rounding, and
 * with them those of a share near 1 are the others' sum, not a difference from 1. Where it is
 * infinite it is the result, and shares its gradient with its equals; only then something is
 * chosen. */
static tp_var *logsumexp_composed(tp_var *x)
{
    const tp_reduce_options row = {.size = sizeof row, .axes.one = -1},
                            kept = {.size = sizeof kept, .axes.one = -1, .keepdims = true};
    tp_var *largest = (tp_max)(x, &kept);
    if (!tp_is_poison(largest) && tp_item(tp_any(tp_eq(largest, HUGE_VAL))) != 0) {
        tp_var *regular = tp_where(tp_eq(largest, HUGE_VAL), 0, x);
        tp_var *most = (tp_max)(x, &row);
        return tp_where(tp_eq(most, HUGE_VAL), most, logsumexp_composed(regular));
    }
    bool finite = !tp_is_poison(largest) && tp_item(tp_all(tp_isfinite(largest))) != 0;
    largest = finite ? largest : tp_where(tp_isfinite(largest), largest, 0);
    tp_var *sum = (tp_sum)(tp_exp(tp_sub(x, largest)), &row);
    tp_var *shift = tp_squeeze(largest, -1);
    if (finite)
        return tp_add(tp_log(sum), shift);
    tp_var *none = tp_eq(sum, 0);
    return tp_where(none, -HUGE_VAL, tp_add(tp_log(tp_where(none, 1, sum)), shift));
}

static tp_var *logsumexp_compose(const tp_var *y, tp_var *const *x)
{
    (void)y;
    return logsumexp_composed(x[0]);
}

static bool logsumexp_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim - 1;
    memcpy(call->shape, tp__shape(x), (size_t)call->ndim * sizeof *call->shape);
    return true;
}

static unsigned logsumexp_folds(const tp_var *y)
{
    return 1u << y->ndim;
}

static tp_var *logsumexp_sample(tp_var *const *x)
{
    return tp_logsumexp(x[0], .axes = TP_AXES(0));
}

static tp_var *logsumexp_sample_kept(tp_var *const *x)
{
    return tp_logsumexp(x[0], .axes = TP_AXES(0), .keepdims = true);
}

static const tp__op logsumexp_op = {
    .label = "LogSumExp",
    .name = "logsumexp",
    .n_in = 1,
    .flags = TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_OUT},
    .infer = logsumexp_infer,
    .forward = tp__rows_log_sum,
    .gradient = tp__rows_log_sum_pull,
    .compose = logsumexp_compose,
    .folds = logsumexp_folds,
    .formula = "ln Σ eˣ",
    .rule = "gy e^(x − y)",
    .samples = (const tp__sample[]){{"3,2", logsumexp_sample, "x0.logsumexp(0)"},
                                    {"3", logsumexp_sample_kept, "x0.logsumexp(0, keepdim=True)"},
                                    {0}},
};

tp_var *(tp_logsumexp)(tp_var *x, const tp_reduce_options *given)
{
    TP__CALL("logsumexp");
    TP__OPERANDS(x);
    TP__IN_FLOAT32((tp_logsumexp)(x, given), &x);
    tp_reduce_options own, kept;
    unsigned mask;
    if (!statistics_kept("logsumexp", x, given, &own, &kept) ||
        !tp__take_axes("logsumexp", &own.axes, x, &mask))
        return tp__poison();
    x = statistics_floating(x);
    if (tp_size(x) == 0 || !mask)
        return tp_log((tp_sum)(tp_exp(x), &own));
    int64_t shape[TP_MAX_NDIM];
    int ndim = statistics_shape(x, mask, own.keepdims, shape);
    x = statistics_gather_axes(x, mask);
    return tp_reshape(tp__apply(&logsumexp_op, &x, 1, (tp__attr){0}, -1, NULL), ndim, shape);
}

/* --- prod --- */

/* Halves the last axis by multiplying: derivatives of every order are right with zeros. */
static tp_var *statistics_halve(tp_var *x)
{
    int64_t n = tp__shape(x)[x->ndim - 1], half = n / 2;
    tp_var *y = tp_mul(tp_slice(x, -1, 0, half, 1), tp_slice(x, -1, half, 2 * half, 1));
    if (n % 2 == 0)
        return y;
    return tp_concatenate((tp_var *[]){y, tp_slice(x, -1, 2 * half, n, 1)}, 2, -1);
}

/* The same of constants, line by line in the cache: lines of so many elements. */
enum { PROD_LEAST = 32, PROD_MOST = 4096, PROD_TASK = 16384 };

TP__LOOP2(prod_f32, float, float, double, a *b)
TP__LOOP2(prod_f64, double, double, double, a *b)
TP__LOOP2(prod_i64, int64_t, int64_t, uint64_t, a *b)

typedef struct prod_job {
    tp__loop *loop;
    const char *from;
    char *to;
    int64_t item, n, lines, chunk;
} prod_job;

/* Multiplies the halves of m elements; an odd one follows their products. How many these are. */
static int64_t prod_halve(const prod_job *job, int64_t m, const char *from, char *to)
{
    const int64_t half = m / 2, item = job->item;
    char *const at[] = {to, (char *)from, (char *)from + half * item};
    job->loop(half, at, (const int64_t[]){item, item, item}, NULL);
    if (m % 2)
        memmove(to + half * item, from + (m - 1) * item, (size_t)item);
    return half + m % 2;
}

static void prod_task(void *ctx, int64_t number)
{
    const prod_job *job = ctx;
    double room[PROD_MOST / 2 + 1];
    int64_t from = number * job->chunk, to = from + job->chunk;
    for (int64_t i = from; i < to && i < job->lines; i++) {
        int64_t m = prod_halve(job, job->n, job->from + i * job->n * job->item, (char *)room);
        while (m > 1)
            m = prod_halve(job, m, (char *)room, (char *)room);
        memcpy(job->to + i * job->item, room, (size_t)job->item);
    }
}

/* (…, n) → (…); NULL if others do it, as where each of their results is looked at. */
static tp_var *prod_lines(tp_var *x)
{
    static tp__loop *const plain[] = {prod_f32, prod_f64, prod_i64};
    const int64_t n = tp__shape(x)[x->ndim - 1];
    const unsigned lost = x->flags & TP__UNRECORDED;
    if ((x->flags & TP__NEEDS_GRAD) || (tp__here()->recording.modes & ~TP__NO_GRAD) ||
        n < PROD_LEAST || n > PROD_MOST || x->dtype > TP_I64)
        return NULL;
    x = tp__plain(x);
    tp_var *y = tp_is_poison(x) ? x : tp__empty((tp_dtype)x->dtype, x->ndim - 1, tp__shape(x));
    if (tp_is_poison(y))
        return y;
    tp__loop *fast = tp__fast_loop(TP__FAST_MUL, (tp_dtype)x->dtype);
    prod_job job = {.loop = fast ? fast : plain[x->dtype],
                    .from = x->data,
                    .to = y->data,
                    .item = (int64_t)tp__dtype_size((tp_dtype)x->dtype),
                    .n = n,
                    .lines = y->size,
                    .chunk = PROD_TASK / n};
    if (y->size)
        tp__parallel((y->size - 1) / job.chunk + 1, (double)x->size * 0.2, prod_task, &job);
    y->flags |= (uint16_t)lost;
    return y;
}

tp_var *(tp_prod)(tp_var *x, const tp_reduce_options *given)
{
    TP__CALL("prod");
    TP__OPERANDS(x);
    TP__IN_FLOAT32((tp_prod)(x, given), &x);
    tp_reduce_options own, kept;
    unsigned mask;
    if (!statistics_kept("prod", x, given, &own, &kept))
        return tp__poison();
    if (!tp__take_axes("prod", &own.axes, x, &mask))
        return tp__poison();
    if (!tp__is_float(tp_dtype_of(x)))
        x = tp_to(x, TP_I64);
    const tp_reduce_options last = {.size = sizeof last, .axes.one = -1};
    int64_t shape[TP_MAX_NDIM];
    int ndim = statistics_shape(x, mask, own.keepdims, shape);
    tp_var *y = x->ndim == TP_MAX_NDIM && !mask ? x : statistics_gather_axes(x, mask);
    if (tp_is_poison(y))
        return y;
    if (tp__shape(y)[y->ndim - 1] == 0)
        return tp_add(tp_reshape((tp_sum)(y, &last), ndim, shape), 1);
    tp_var *lines = prod_lines(y);
    y = lines ? lines : y;
    while (!lines && !tp_is_poison(y) && tp__shape(y)[y->ndim - 1] > 1)
        y = statistics_halve(y);
    return tp_is_poison(y) ? y : tp__fresh(tp_reshape(y, ndim, shape), x);
}

/* --- Records, for tests and the list of operations --- */

#define STATISTICS_SAMPLE(name, call)                                                              \
    static tp_var *name(tp_var *const *x)                                                          \
    {                                                                                              \
        return call;                                                                               \
    }

#define STATISTICS_RECORD(label_, name_, formula_, domain_, ...)                                   \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 1,                                                                                 \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = "from its formula",                                                                \
        .domain = domain_,                                                                         \
        .samples = (const tp__sample[]){__VA_ARGS__, {0}},                                         \
    };

STATISTICS_SAMPLE(variance_sample, tp_variance(x[0]))
STATISTICS_SAMPLE(variance_sample_axis, tp_variance(x[0], .axes = TP_AXES(0), .biased = true))
STATISTICS_SAMPLE(std_sample, tp_std(x[0], .axes = TP_AXES(0), .keepdims = true))
STATISTICS_SAMPLE(norm_sample, tp_norm(x[0], 2))
STATISTICS_SAMPLE(norm_sample_1, tp_norm(x[0], 1, .axes = TP_AXES(0)))
STATISTICS_SAMPLE(norm_sample_3, tp_norm(x[0], 3, .axes = TP_AXES(0), .keepdims = true))
STATISTICS_SAMPLE(norm_sample_max, tp_norm(x[0], HUGE_VAL, .axes = TP_AXES(0)))
STATISTICS_SAMPLE(prod_sample, tp_prod(x[0]))
STATISTICS_SAMPLE(prod_sample_axis, tp_prod(x[0], .axes = TP_AXES(0)))
STATISTICS_SAMPLE(prod_sample_kept, tp_prod(x[0], .axes = TP_AXES(0), .keepdims = true))

/* clang-format off */
STATISTICS_RECORD(Variance, variance, "Σ (x − mean)² / (n − 1)", TP__ANYWHERE,
                  {"4,3", variance_sample, "x0.var()"},
                  {"4,3", variance_sample_axis, "x0.var(0, unbiased=False)"})
STATISTICS_RECORD(Std, std, "√variance, derivative 0 at 0", TP__ANYWHERE, {"4,3", std_sample, "x0.std(0, keepdim=True)"})
STATISTICS_RECORD(Norm, norm, "(Σ |x|ᵖ)^(1/p)", TP__DISTINCT,
                  {"3", norm_sample, "x0.norm()"},
                  {"3,2", norm_sample_1, "x0.norm(1, 0)"},
                  {"3,2", norm_sample_3, "x0.norm(3, 0, keepdim=True)"},
                  {"3,2", norm_sample_max, "x0.abs().amax(0)"})
STATISTICS_RECORD(Prod, prod, "Π x", TP__ANYWHERE,
                  {"2,3", prod_sample, "x0.prod()"},
                  {"3,2", prod_sample_axis, "x0.prod(0)"},
                  {"5", prod_sample_kept, "x0.prod(0, keepdim=True)"})
/* clang-format on */

static const tp__op *const statistics_ops[] = {&variance_op,  &std_op,  &norm_op,
                                               &logsumexp_op, &prod_op, NULL};

const tp__family tp__family_statistics = {"statistics", "statistics", statistics_ops};
