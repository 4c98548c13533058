/* SPDX-License-Identifier: MIT
 *
 * Results of searches as functions of what the searched function reads besides x: closed forms.
 */
#include "matrices.h"

#include <math.h>

/* Each has its result at √p. */
static tp_var *root_of(void *p, tp_var *x)
{
    return tp_sub(tp_square(x), (tp_var *)p);
}

static tp_var *minimum_of(void *p, tp_var *x)
{
    return tp_sub(tp_div(tp_mul(x, tp_square(x)), 3), tp_mul((tp_var *)p, x));
}

static tp_var *squares_of(void *p, tp_var *x)
{
    tp_var *parts[] = {tp_sub(tp_square(x), (tp_var *)p),
                       tp_mul(2, tp_sub(tp_square(x), (tp_var *)p))};
    return tp_stack(parts, 2, 0);
}

static tp_var *result_of(int kind, tp_var *p, bool implicit)
{
    tp_minimize_result result;
    tp_var *start = tp_scalar(3);
    bool good = kind == 0   ? tp_find_root(root_of, p, start, &result, .implicit = implicit)
                : kind == 1 ? tp_minimize(minimum_of, p, start, &result, .implicit = implicit)
                            : tp_least_squares(squares_of, p, start, &result, .implicit = implicit);
    CHECK(good);
    return result.x;
}

TEST(a_result_that_was_not_recorded_has_no_derivative)
{
    for (int kind = 0; kind < 3; kind++) {
        tp_var *p = tp_variable(4.0), *x = result_of(kind, p, false);
        CHECK_CLOSE(tp_item(x), 2, 1e-6);
        CHECK(tp_is_poison(tp_gradient(x, p)));
        CHECK_ERROR(TP_ERROR_GRAPH, "computed without recording");
        tp_backward(tp_mul(x, 3));
        CHECK_ERROR(TP_ERROR_GRAPH, "computed without recording");
        CHECK(tp_grad(p) == NULL);
        x = result_of(kind, tp_scalar(4), false);
        CHECK(!tp_requires_grad(x) && tp_item(tp_gradient(x, p)) == 0);
    }
}

/* d√p = 1 / 2√p, −p^(−3/2) / 4, 3 p^(−5/2) / 8, −15 p^(−7/2) / 16 */
LAPACK_TEST(implicit_results_have_derivatives_of_any_order)
{
    const double right[] = {0.25, -1 / 32.0, 3 / 256.0, -15 / 2048.0};
    for (int kind = 0; kind < 3; kind++) {
        tp_var *p = tp_variable(4.0), *y = result_of(kind, p, true);
        tp_backward(y);
        CHECK_CLOSE(tp_item(tp_grad(p)), 0.25, 1e-6);
        CHECK_CLOSE(tp_item(tp_gradient(tp_square(y), p)), 1, 1e-6);
        for (int order = 0; order < 4; order++) {
            y = tp_gradient(y, p, .create_graph = order < 3);
            CHECK_CLOSE(tp_item(y), right[order], 1e-5);
        }
    }
}

/* x₀ + x₁ = p₀, x₀ x₁ = p₁: x = (p₀ ± √(p₀² − 4 p₁)) / 2; p is computed from q. */
static tp_var *sum_and_product(void *p, tp_var *x)
{
    tp_var *a = tp_select(x, 0, 0), *b = tp_select(x, 0, 1);
    tp_var *both[] = {tp_add(a, b), tp_mul(a, b)};
    return tp_sub(tp_stack(both, 2, 0), (tp_var *)p);
}

LAPACK_TEST(implicit_systems)
{
    tp_var *q = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){5, 6}));
    tp_var *p = tp_mul(q, tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 1}));
    tp_minimize_result root;
    CHECK(tp_find_root(sum_and_product, p, tp_array(TP_F64, TP_SHAPE(2), (double[]){4, 1}), &root,
                       .implicit = true));
    tp_var *top = tp_select(root.x, 0, 0);
    tp_var *g = tp_gradient(top, q, .create_graph = true);
    CHECK_CLOSE(tp_item(tp_select(g, 0, 0)), 3, 1e-9); /* (1 + p₀ / √D) / 2, D = 1 */
    CHECK_CLOSE(tp_item(tp_select(g, 0, 1)), -1, 1e-9);
    tp_var *h = tp_gradient(tp_select(g, 0, 0), q);
    CHECK_CLOSE(tp_item(tp_select(h, 0, 0)), -12, 1e-8); /* −2 p₁ D^(−3/2) */
    CHECK_CLOSE(tp_item(tp_select(h, 0, 1)), 5, 1e-8);   /* p₀ D^(−3/2) */
    tp_add_(q, 1);
    tp_gradient(top, q);
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
}

TEST(implicit_needs_no_bounds)
{
    tp_var *p = tp_variable(4.0);
    tp_minimize_result result;
    CHECK(!tp_minimize(minimum_of, p, tp_scalar(3), &result, .implicit = true,
                       .lower = tp_scalar(0)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: .implicit is not for searches with bounds");
    CHECK(tp_is_poison(result.x) && result.stop == TP_STOP_ERROR);
}
