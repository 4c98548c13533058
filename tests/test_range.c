/* SPDX-License-Identifier: MIT
 *
 * Functions whose squares leave the range of a type although they do not. They are homogeneous:
 * f(s x) = sᵏ f(x), and the derivative of order n at s x is sᵏ⁻ⁿ times that at x. That is what is
 * held here, for s as large and as small as the type allows, with x near 1 in float64 as reference.
 */
#include "base/alloc.h"
#include "matrices.h"

typedef struct range_case {
    const char *name;
    tp_var *(*call)(tp_var *x); /* of x (2, 4) */
    int degree;
} range_case;

#define RANGE_CALL(name, call)                                                                     \
    static tp_var *name(tp_var *x)                                                                 \
    {                                                                                              \
        return call;                                                                               \
    }

static tp_var *range_other(tp_var *x)
{
    return tp_flip(x, TP_SHAPE(1));
}

RANGE_CALL(range_norm, tp_norm(x, 2, .axes = 1))
RANGE_CALL(range_norm_all, tp_norm(x, 2))
RANGE_CALL(range_norm_3, tp_norm(x, 3, .axes = 0, .keepdims = true))
RANGE_CALL(range_norm_half, tp_norm(x, 1.5))
RANGE_CALL(range_norm_minus, tp_norm(x, -2, .axes = 1))
RANGE_CALL(range_std, tp_std(x, .axes = 1))
RANGE_CALL(range_std_all, tp_std(x, .biased = true))
RANGE_CALL(range_cdist, tp_cdist(x, range_other(x)))
RANGE_CALL(range_hypot, tp_hypot(x, range_other(x)))
RANGE_CALL(range_atan2, tp_atan2(x, range_other(x)))
RANGE_CALL(range_layer_norm, tp_layer_norm(x, 1, NULL, NULL, .eps = 0))
RANGE_CALL(range_rms_norm, tp_rms_norm(x, 1, NULL, .eps = 0))
RANGE_CALL(range_group_norm, tp_group_norm(x, 1, NULL, NULL, .eps = 0))
RANGE_CALL(range_batch_norm, tp_batch_norm(tp_transpose(x, 0, 1), NULL, NULL, NULL, NULL, .eps = 0))
RANGE_CALL(range_batch_norm_planes,
           tp_batch_norm(tp_mul(tp_unsqueeze(x, 2),
                                tp_to(tp_arange(TP_F64, 1, 21, 1), tp_dtype_of(x))),
                         NULL, NULL, NULL, NULL, .eps = 0))

static const range_case range_cases[] = {
    {"norm", range_norm, 1},
    {"norm of all", range_norm_all, 1},
    {"norm, p = 3", range_norm_3, 1},
    {"norm, p = 1.5", range_norm_half, 1},
    {"norm, p = -2", range_norm_minus, 1},
    {"std", range_std, 1},
    {"std of all", range_std_all, 1},
    {"cdist", range_cdist, 1},
    {"hypot", range_hypot, 1},
    {"atan2", range_atan2, 0},
    {"layer_norm", range_layer_norm, 0},
    {"rms_norm", range_rms_norm, 0},
    {"group_norm", range_group_norm, 0},
    {"batch_norm", range_batch_norm, 0},
    {"batch_norm of planes", range_batch_norm_planes, 0},
};

typedef struct range_orders {
    tp_var *value, *plain, *recorded, *forward, *second;
} range_orders;

/* Gradients of `part` of a weighted sum. */
static range_orders range_differentiate(const range_case *c, tp_dtype dtype, double scale,
                                        double part)
{
    static const double points[] = {1, -2, 3, 0.5, -0.75, 2.5, 1.25, 4};
    range_orders orders;
    tp_var *x = tp_variable(tp_mul(scale, tp_to(tp_array(TP_F64, TP_SHAPE(2, 4), points), dtype)));
    tp_var *direction = tp_to(tp_mul(0.25, tp_arange(TP_F64, -3, 5, 1)), dtype);
    orders.value = c->call(x);
    int64_t n = tp_size(orders.value);
    tp_var *sines = tp_sin(tp_arange(TP_F64, 1, (double)n + 1, 1));
    tp_var *w = tp_reshape(tp_to(tp_mul(part, sines), dtype), tp_ndim(orders.value),
                           tp_shape(orders.value));
    orders.plain = tp_gradient(orders.value, x, .gradient = w);
    orders.recorded = tp_gradient(orders.value, x, .gradient = w, .create_graph = true);
    orders.forward = tp_jvp(orders.value, x, tp_reshape(direction, TP_SHAPE(2, 4)));
    orders.second =
        tp_gradient(orders.recorded, x, .gradient = tp_reshape(direction, TP_SHAPE(2, 4)));
    return orders;
}

static void range_compare(const range_case *c, const char *what, double scale, tp_var *v,
                          tp_var *expected, double power, double tolerance)
{
    double most = tp_item(tp_max(tp_abs(expected)));
    for (int64_t i = 0; i < tp_size(expected); i++) {
        double value = at(v, i) / power;
        test_check(fabs(value - at(expected, i)) <= tolerance * most, __FILE__, __LINE__,
                   "%s, x times %g, %s: element %d is %.9g, expected %.9g", c->name, scale, what,
                   (int)i, value, at(expected, i));
    }
}

static void range_check(const range_case *c, tp_dtype dtype, double scale, double tolerance)
{
    TP_SCOPE();
    range_orders a = range_differentiate(c, dtype, scale, 1);
    range_orders b = range_differentiate(c, TP_F64, 1, 1);
    double value = c->degree ? scale : 1, slope = c->degree ? 1 : 1 / scale;
    range_compare(c, "value", scale, a.value, b.value, value, tolerance);
    range_compare(c, "gradient", scale, a.plain, b.plain, slope, tolerance);
    range_compare(c, "recorded gradient", scale, a.recorded, b.recorded, slope, tolerance);
    range_compare(c, "derivative forwards", scale, a.forward, b.forward, slope, tolerance);
    double curvature = slope / scale;
    bool fits = dtype == TP_F32 ? curvature < 1e36 && curvature > 1e-36
                                : curvature < 1e300 && curvature > 1e-300;
    if (fits)
        range_compare(c, "second derivative", scale, a.second, b.second, curvature, tolerance);
}

TEST(squares_do_not_leave_the_range)
{
    for
        EACH(i, range_cases)
        {
            const range_case *c = &range_cases[i];
            double few = c->degree ? 1 : 1e-12; /* so that the slope, 1 / s, is a number */
            range_check(c, TP_F32, 1e20, 1e-4);
            range_check(c, TP_F32, 1e30, 1e-4);
            range_check(c, TP_F32, few == 1 ? 1e-25 : 1e-18, 1e-4);
            range_check(c, TP_F32, 1e-17, 1e-4);
            range_check(c, TP_F64, 1e200, 1e-11);
            range_check(c, TP_F64, 1e-200, 1e-11);
            range_check(c, TP_F64, 1e-120, 1e-11);
        }
}

/* Of subnormal elements, multiples of a power of two here, as many digits of the value as it has,
 * and all of those of derivatives, also of a small part of a sum or of one that is large. */
static void range_check_subnormal(const range_case *c, tp_dtype dtype, double scale, double part)
{
    TP_SCOPE();
    double tolerance = dtype == TP_F32 ? 1e-5 : 1e-11,
           step = dtype == TP_F32 ? 0x1p-149 : 0x1p-1074;
    range_orders a = range_differentiate(c, dtype, scale, part);
    range_orders b = range_differentiate(c, TP_F64, 1, 1);
    range_compare(c, "value", scale, a.value, b.value, scale, fmax(tolerance, 2 * step / scale));
    if (c->call == range_norm_minus && dtype == TP_F64) /* its powers leave the range on the way */
        return;
    range_compare(c, "gradient", scale, a.plain, b.plain, part, tolerance);
    range_compare(c, "recorded gradient", scale, a.recorded, b.recorded, part, tolerance);
    range_compare(c, "derivative forwards", scale, a.forward, b.forward, 1, tolerance);
}

TEST(subnormal_elements_keep_their_digits)
{
    for
        EACH(i, range_cases)
        {
            for (int part = -1; part <= 1 && range_cases[i].degree == 1; part++) {
                range_check_subnormal(&range_cases[i], TP_F32, 0x1p-140, pow(1e10, part));
                range_check_subnormal(&range_cases[i], TP_F64, 0x1p-1065, pow(1e30, part));
            }
        }
}

TEST(norms_of_subnormal_numbers)
{
    float numbers[] = {3e-42F, 4e-42F};
    double h = hypot((double)numbers[0], (double)numbers[1]);
    tp_var *x = tp_variable(tp_array(TP_F32, TP_SHAPE(2), numbers));
    tp_var *a = tp_select(x, 0, 0), *b = tp_select(x, 0, 1), *y[] = {tp_norm(x, 2), tp_hypot(a, b)};
    for
        EACH(i, y)
        {
            CHECK_BITS(tp_item(y[i]), (double)(float)h);
            tp_var *g = tp_gradient(y[i], x);
            CHECK_CLOSE(at(g, 0), (double)numbers[0] / h, 1e-7);
            CHECK_CLOSE(at(g, 1), (double)numbers[1] / h, 1e-7);
        }
}

static double range_share(tp_var *y, tp_var *x, double gy, bool graph)
{
    tp_var *g = tp_gradient(y, x, .gradient = tp_full(tp_dtype_of(y), TP_SHAPE(2), gy),
                            .create_graph = graph);
    return at(g, 0);
}

/* ∂hypot(a, b)/∂a = a / b here, and ∂atan2(b, a)/∂b = a / b²: quotients that their type does not
 * hold, while their products with gy are of usual size, or infinite. */
TEST(quotients_too_small_for_their_type)
{
    tp_dtype dtypes[] = {TP_F32, TP_F64};
    const double a[] = {0x1p-140, 0x1p-1040}, b[] = {0x1p30, 0x1p300}, gy[] = {0x1p100, 0x1p900};
    for (int i = 0; i < 4; i++) {
        int k = i % 2;
        bool graph = i / 2;
        tp_var *x = tp_variable(tp_full(dtypes[k], TP_SHAPE(2), a[k]));
        tp_var *other = tp_variable(tp_full(dtypes[k], TP_SHAPE(2), b[k]));
        tp_var *h = tp_hypot(x, other), *angle = tp_atan2(x, other);
        CHECK_BITS(range_share(h, x, gy[k], graph), gy[k] * a[k] / b[k]);
        CHECK(range_share(h, x, HUGE_VAL, graph) == HUGE_VAL);
        CHECK_BITS(range_share(angle, other, gy[k], graph), -(gy[k] * a[k] / b[k]) / b[k]);
        CHECK(range_share(angle, other, -HUGE_VAL, graph) == HUGE_VAL);
    }
    tp_var *x = tp_variable(a[1]), *other = tp_variable(b[1]);
    tp_var *h = tp_hypot(x, other), *angle = tp_atan2(x, other);
    CHECK_BITS(tp_item(tp_gradient(h, x, .gradient = tp_scalar(gy[1]))), gy[1] * a[1] / b[1]);
    CHECK(tp_item(tp_gradient(h, x, .gradient = tp_scalar(HUGE_VAL))) == HUGE_VAL);
    CHECK(tp_item(tp_gradient(angle, other, .gradient = tp_scalar(HUGE_VAL))) == -HUGE_VAL);
}

/* The others of a row or a column are as they were. */
TEST(only_rows_out_of_range_are_scaled)
{
    tp_var *x =
        tp_variable(tp_array(TP_F32, TP_SHAPE(3, 2), ((float[]){3, 4, 3e25F, 4e25F, 0, 0})));
    tp_var *y = tp_norm(x, 2, .axes = 1);
    CHECK_BITS(at(y, 0), 5);
    CHECK_CLOSE(at(y, 1) / 5e25, 1, 1e-6);
    CHECK_BITS(at(y, 2), 0);
    tp_var *g = tp_gradient(y, x);
    CHECK_CLOSE(at(g, 0), 0.6, 1e-6);
    CHECK_CLOSE(at(g, 3), 0.8, 1e-6);
    CHECK_BITS(at(g, 4), 0);
    CHECK(isinf(tp_item(tp_norm(tp_scalar(HUGE_VAL), 2))));
    CHECK(isnan(tp_item(tp_norm(tp_scalar((double)NAN), 2))));
}

/* √ε beside elements that are too small for their squares. */
TEST(epsilon_counts_beside_small_elements)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){1e-200, -1e-200, 1e200, -1e200}));
    tp_var *y = tp_layer_norm(x, 1, NULL, NULL, .eps = 1e-4);
    CHECK_CLOSE(at(y, 0) / 1e-198, 1, 1e-12);
    CHECK_CLOSE(at(y, 2), 1, 1e-12);
    tp_var *small = tp_rms_norm(x, 1, NULL, .eps = 1e-20);
    CHECK_CLOSE(at(small, 0) / 1e-190, 1, 1e-12);
    tp_var *least = tp_array(TP_F32, TP_SHAPE(1, 2), ((float[]){1e-40F, -1e-40F}));
    CHECK_CLOSE(tp_item(tp_max(tp_layer_norm(least, 1, NULL, NULL, .eps = 1e-30))) / 1e-25, 1,
                1e-4);
    least = tp_array(TP_F64, TP_SHAPE(1, 2), ((double[]){1e-310, -1e-310}));
    CHECK_CLOSE(tp_item(tp_max(tp_layer_norm(least, 1, NULL, NULL, .eps = 1e-220))) / 1e-200, 1,
                1e-10);
    least = tp_reshape(least, TP_SHAPE(2, 1));
    CHECK_CLOSE(tp_item(tp_max(tp_batch_norm(least, NULL, NULL, NULL, NULL, .eps = 1e-220))) /
                    1e-200,
                1, 1e-10);
    tp_var *a = tp_full(TP_F32, TP_SHAPE(3), 1e-30), *b = tp_full(TP_F32, TP_SHAPE(3), 1e25);
    CHECK_CLOSE(tp_item(tp_cosine_similarity(b, b, 0)), 1, 1e-6);
    CHECK_CLOSE(tp_item(tp_cosine_similarity(a, b, 0)), 1, 1e-6); /* |a| |b| = 3e-5 > 1e-8 */
    CHECK_CLOSE(tp_item(tp_cosine_similarity(a, a, 0)), 0, 1e-30);
}

/* What is only done out of range, or around NaN, where each request for memory fails in turn. */
static double range_rare_ways(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_mul(1e200, tp_reshape(tp_arange(TP_F64, 1, 5, 1), TP_SHAPE(2, 2))));
    tp_var *bad = tp_where(tp_eq(x, 4e200), (double)NAN, tp_mul(1e-200, x));
    tp_var *logits = tp_unsqueeze(tp_select(bad, 1, 1), 0), *y[8];
    y[0] = tp_sum(tp_norm(x, 2, .axes = 1));
    y[1] = tp_norm(x, 3);
    y[2] = tp_std(x);
    y[3] = tp_sum(tp_cosine_similarity(x, tp_flip(x, TP_SHAPE(1)), 1));
    y[4] = tp_sum(tp_square(tp_rms_norm(x, 1, NULL)));
    y[5] = tp_select(
        tp_select(tp_scaled_dot_product_attention(tp_mul(1e-200, x), bad, bad, .causal = true), 0,
                  0),
        0, 0);
    y[6] = tp_cross_entropy(
        tp_concatenate((tp_var *[]){logits, tp_ones(TP_F64, TP_SHAPE(1, 2))}, 2, 0),
        tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){-100, 1})));
    y[7] =
        tp__lapack_is_there() ? tp_det(tp_mul(1e-200, tp_where(tp_gt(x, 2e200), x, 0))) : tp_num(0);
    double sum = 0;
    for (int i = 0; i < 8; i++) {
        tp_var *g = tp_gradient(y[i], x, .create_graph = i % 2);
        sum += tp_item(y[i]) + tp_item(tp_select(tp_select(g, 0, 0), 0, 1));
    }
    return sum;
}

TEST(rare_ways_without_memory)
{
    double expected = range_rare_ways();
    CHECK(isfinite(expected) && !tp_error());
    bool more = true;
    for (size_t n = 1; more; n += test_short() ? 7 : 1) {
        tp__alloc_fail_at(n);
        double value = range_rare_ways();
        more = tp__alloc_fail_at(0) >= n;
        bool good = tp_error() ? tp_status() == TP_ERROR_MEMORY : value == expected;
        CHECK(good);
        tp_clear_error();
    }
    CHECK_BITS(range_rare_ways(), expected);
}
