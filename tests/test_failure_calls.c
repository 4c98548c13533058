/* SPDX-License-Identifier: MIT
 *
 * Each request for memory fails in turn (failure.h): in calls that are no operations.
 */
#define _POSIX_C_SOURCE 200809L
#include "failure.h"

static tp_var *calls_square(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(tp_sub(x, tp_linspace(TP_F64, 1, 2, tp_size(x)))));
}

static void job_linear_map(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_linspace(TP_F64, 0, 1, 6));
    tp_linear_map *map = tp_linearize(tp_sin(tp_flip(x, TP_SHAPE(0))), x);
    find(found, tp_linear_map_apply(map, tp_ones(TP_F64, TP_SHAPE(6))));
    find(found, tp_linear_map_transpose(map, tp_linspace(TP_F64, 1, 2, 6)));
    tp_linear_map_free(map);
}

static void job_higher(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_linspace(TP_F64, 0.5, 1, 2)), *y = tp_prod(x);
    find(found, tp_laplacian(tp_exp(y), x));
    find(found, tp_biharmonic(tp_square(y), x));
    find(found, tp_mixed(y, x, 2, (int64_t[]){0, 1}));
    find(found, tp_vjp(tp_sin(x), x, tp_ones(TP_F64, TP_SHAPE(2))));
}

static void job_sparse(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_linspace(TP_F64, 0.5, 1, 6));
    tp_var *y = tp_mul(tp_slice(x, 0, 0, 5, 1), tp_slice(x, 0, 1, 6, 1));
    tp_sparsity *jacobian = tp_jacobian_sparsity(y, x),
                *hessian = tp_hessian_sparsity(tp_sum(y), x);
    if (jacobian && hessian) {
        tp_var *values = tp_sparse_jacobian(y, x, jacobian);
        find(found, tp_sparse_product(jacobian, values, x));
        find(found, tp_sparse_to_dense(hessian, tp_sparse_hessian(tp_sum(y), x, hessian)));
        find(found, tp_sparsity_starts(hessian));
        find(found, tp_sparsity_column_of(jacobian));
    }
    tp_sparsity_free(jacobian);
    tp_sparsity_free(hessian);
}

static void job_random(findings *found)
{
    TP_SCOPE();
    tp_manual_seed(3);
    tp_var *half = tp_variable(tp_full(TP_F32, TP_SHAPE(6), 0.5));
    find(found, tp_bernoulli(half));
    find(found, tp_gamma(tp_detach(half)));
    find(found, tp_gradient(tp_sum(tp_mul(tp_normal(half, half), tp_uniform(0, half))), half));
    find(found, tp_exponential(half));
    find(found, tp_multinomial(half, 3, true));
    find(found, tp_multinomial(half, 3, false));
    find(found, tp_randperm(7));
    find(found, tp_dropout(half, 0.5, true));
}

static void job_searches(findings *found)
{
    static const tp_method methods[] = {TP_NEWTON, TP_BFGS, TP_LBFGS, TP_NEWTON_CG};
    TP_SCOPE();
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        tp_minimize_result minimum = {0};
        tp_minimize(calls_square, NULL, tp_zeros(TP_F64, TP_SHAPE(5)), &minimum,
                    .method = methods[i]);
        if (minimum.x)
            find(found, minimum.x);
    }
}

static void job_name_scopes(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0), *y = x;
    for (int i = 0; i < 3; i++) {
        size_t outer = tp_name_scope("outer"), inner = tp_name_scope("inner");
        y = tp_sin(tp_mul(y, 2));
        tp_name_scope_end(inner);
        tp_name_scope_end(outer);
    }
    tp_set_name(x, "a name that does not fit into a node, since it is long");
    size_t length;
    find_text(found, tp_draw_graph_to_memory(y, "dot", &length, .scopes = true, .values = true));
    find_text(found, tp_draw_graph_to_memory(y, "dot", &length, .collapse = "outer,inner"));
    find_text(found, tp_draw_graph_to_memory(y, "dot", &length, .repeats = 2, .hide_rules = true,
                                             .orders = true, .fold_constants = true));
    find_text(found, tp_draw_graph_to_memory(y, "dot", &length, .around = x, .steps = 2));
    char *text = tp_draw_graph_to_memory(y, "json", &length);
    if (text)
        find(found, tp_read_graph_json(text));
    free(text);
}

static void job_expression(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(0.5);
    tp_expression *f = tp_expression_new("sum(sin([x, x^2])) + d(exp(2*x), x)", NULL, 0);
    find_text(found, tp_repr(f ? tp_expression_apply(f, &x) : tp_num(0)));
    tp_expression_free(f);
}

FAILURE_TEST(linear_map)
FAILURE_TEST(higher)
FAILURE_TEST(sparse)
FAILURE_TEST(random)
FAILURE_TEST(searches)
FAILURE_TEST(name_scopes)
FAILURE_TEST(expression)
