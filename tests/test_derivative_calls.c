/* SPDX-License-Identifier: MIT
 *
 * What all calls that give derivatives have in common: they refuse a value whose derivative is
 * lost, a constant, and a vector that does not fit, whether or not the function is linear; and
 * leave nothing in the caller's scope but their result.
 */
#include "base/thread.h"
#include "elements.h"

typedef tp_var *derivative_call(tp_var *y, tp_var *x, tp_var *v);

static tp_var *call_gradient(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return tp_gradient(y, x);
}

static tp_var *call_jacobian(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return tp_jacobian(y, x);
}

static tp_var *call_hessian(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return tp_hessian(y, x);
}

static tp_var *call_laplacian(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return tp_laplacian(y, x);
}

static tp_var *call_biharmonic(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return tp_biharmonic(y, x);
}

static tp_var *call_mixed(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return tp_mixed(y, x, 2, (const int64_t[]){0, 1});
}

static tp_var *call_derivatives(tp_var *y, tp_var *x, tp_var *v)
{
    tp_var *out;
    (void)v;
    tp_derivatives(y, x, 1, &out);
    return out;
}

static tp_var *call_taylor(tp_var *y, tp_var *x, tp_var *v)
{
    tp_var *out;
    tp_taylor(y, x, v, 1, &out);
    return out;
}

static tp_sparsity *sparsity(bool symmetric)
{
    tp_var *free = tp_variable(tp_zeros(TP_F64, TP_SHAPE(6)));
    tp_var *y = tp_sum(tp_square(free));
    return symmetric ? tp_hessian_sparsity(y, free) : tp_jacobian_sparsity(y, free);
}

static tp_var *call_sparse(tp_var *y, tp_var *x, bool symmetric)
{
    size_t scope = tp_scope_begin();
    tp_sparsity *pattern = sparsity(symmetric);
    tp_scope_end(scope);
    tp_var *values =
        symmetric ? tp_sparse_hessian(y, x, pattern) : tp_sparse_jacobian(y, x, pattern);
    tp_sparsity_free(pattern);
    return values;
}

static tp_var *call_sparse_jacobian(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return call_sparse(y, x, false);
}

static tp_var *call_sparse_hessian(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    return call_sparse(y, x, true);
}

static tp_var *made(bool good)
{
    return good ? tp_num(1) : tp_fail(TP_ERROR_ARGUMENT, "none");
}

static tp_var *call_jacobian_sparsity(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    tp_sparsity *pattern = tp_jacobian_sparsity(y, x);
    tp_sparsity_free(pattern);
    return made(pattern);
}

static tp_var *call_hessian_sparsity(tp_var *y, tp_var *x, tp_var *v)
{
    (void)v;
    tp_sparsity *pattern = tp_hessian_sparsity(y, x);
    tp_sparsity_free(pattern);
    return made(pattern);
}

static tp_var *call_linearize(tp_var *y, tp_var *x, tp_var *v)
{
    tp_linear_map *map = tp_linearize(y, x);
    tp_var *image = map ? tp_linear_map_apply(map, v) : made(false);
    tp_linear_map_free(map);
    return image;
}

static const struct {
    const char *name;
    derivative_call *run;
    bool takes; /* a vector that has to fit */
} calls[] = {
    {"gradient", call_gradient, false},
    {"vjp", tp_vjp, true},
    {"jvp", tp_jvp, true},
    {"hvp", tp_hvp, true},
    {"jacobian", call_jacobian, false},
    {"hessian", call_hessian, false},
    {"laplacian", call_laplacian, false},
    {"biharmonic", call_biharmonic, false},
    {"mixed", call_mixed, false},
    {"derivatives", call_derivatives, false},
    {"taylor", call_taylor, true},
    {"jacobian_sparsity", call_jacobian_sparsity, false},
    {"hessian_sparsity", call_hessian_sparsity, false},
    {"sparse_jacobian", call_sparse_jacobian, false},
    {"sparse_hessian", call_sparse_hessian, false},
    {"linearize", call_linearize, false},
};

enum { CALLS = sizeof calls / sizeof *calls };

/* The call fails with this error, in its own name. */
static void check_refused(size_t k, tp_var *y, tp_var *x, tp_var *v, tp_code code, const char *text)
{
    TP_SCOPE();
    calls[k].run(y, x, v);
    char message[600];
    snprintf(message, sizeof message, "%s", tp_error() ? tp_error() : "none");
    size_t length = strlen(calls[k].name);
    bool own = !strncmp(message, calls[k].name, length) && message[length] == ':';
    test_check(own && test_error(code, text), __FILE__, __LINE__, "%s, %s: %s", calls[k].name, text,
               message);
    tp_clear_error();
}

static tp_var *linear(tp_var *x)
{
    return tp_sum(tp_mul(x, 3));
}

static tp_var *curved(tp_var *x)
{
    return tp_sum(tp_exp(tp_mul(x, x)));
}

TEST(a_derivative_that_is_lost_or_of_a_constant_is_an_error)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 0.5)), *v = tp_ones(TP_F64, TP_SHAPE(6));
    bool mode = tp_set_grad_enabled(false);
    tp_var *lost = curved(x);
    tp_set_grad_enabled(mode);
    tp_var *plain = tp_gradient(curved(x), x);
    for (size_t k = 0; k < CALLS; k++) {
        check_refused(k, lost, x, v, TP_ERROR_GRAPH, "was computed without recording");
        check_refused(k, tp_sum(plain), x, v, TP_ERROR_GRAPH,
                      "pass .create_graph = true to the tp_gradient or tp_backward that made it");
        check_refused(k, curved(x), v, v, TP_ERROR_GRAPH, "x is a constant");
    }
}

TEST(null_and_poison_are_told_by_the_name_of_the_operand)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 0.5)), *v = tp_ones(TP_F64, TP_SHAPE(6));
    tp_var *poison = tp_fail(TP_ERROR_ARGUMENT, "on purpose");
    tp_clear_error();
    for (size_t k = 0; k < CALLS; k++) {
        check_refused(k, NULL, x, v, TP_ERROR_ARGUMENT, ": y is NULL");
        check_refused(k, poison, x, v, TP_ERROR_GRAPH, ": y is poison");
        check_refused(k, curved(x), NULL, v, TP_ERROR_ARGUMENT, ": x is NULL");
        check_refused(k, curved(x), poison, v, TP_ERROR_GRAPH, ": x is poison");
    }
    tp_backward(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "backward: y is NULL");
}

/* What a rule or a series inside meets is told in the name of the call. */
TEST(what_goes_wrong_inside_bears_the_call_s_name)
{
    for (size_t k = 0; k < CALLS; k++) {
        if (strstr(calls[k].name, "_sparsity") || calls[k].run == call_linearize)
            continue;
        tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 0.5)), *y = curved(x);
        tp_var *v = calls[k].run == tp_vjp ? tp_num(1) : tp_ones(TP_F64, TP_SHAPE(6));
        tp_add_(x, 1);
        check_refused(k, y, x, v, TP_ERROR_GRAPH, "edited in place");
    }
}

TEST(a_vector_that_does_not_fit_is_an_error)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 0.5)), *v = tp_ones(TP_F64, TP_SHAPE(4));
    tp_var *single = tp_ones(TP_F32, TP_SHAPE(6));
    for (size_t k = 0; k < CALLS; k++)
        for (int i = 0; i < 4 && calls[k].takes; i++)
            check_refused(k, i % 2 ? linear(x) : curved(x), x, i / 2 ? v : single,
                          i / 2 ? TP_ERROR_SHAPE : TP_ERROR_DTYPE,
                          i / 2 ? "is float64 (4,), expected float64"
                                : "is float32 (6,), expected float64");
}

TEST(a_call_leaves_its_result_and_nothing_else)
{
    const tp__thread *t = tp__here();
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 0.5)), *v = tp_ones(TP_F64, TP_SHAPE(6));
    tp_var *functions[] = {curved(x), linear(x)}, *one = tp_ones(TP_F64, TP_SHAPE());
    for (int f = 0; f < 2; f++)
        for (size_t k = 0; k < CALLS; k++) {
            TP_SCOPE();
            size_t before = t->scopes.n_handles;
            calls[k].run(functions[f], x, calls[k].run == tp_vjp ? one : v);
            size_t left = t->scopes.n_handles - before;
            test_check(left == 1, __FILE__, __LINE__, "%s left %zu values", calls[k].name, left);
        }
    tp_sparsity *pattern = sparsity(true);
    tp_var *values = tp_ones(TP_F64, TP_SHAPE(6));
    size_t before = t->scopes.n_handles;
    tp_sparse_to_dense(pattern, values);
    CHECK_INT(t->scopes.n_handles - before, 1);
    tp_sparse_product(pattern, values, v);
    CHECK_INT(t->scopes.n_handles - before, 2);
    tp_sparsity_free(pattern);
}

/* Nothing is left of a linear function's second derivatives, whatever the axes. */
TEST(second_derivatives_of_linear_functions)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3))), *v = tp_ones(TP_F64, TP_SHAPE(2, 3));
    tp_var *h = tp_hessian(linear(x), x);
    CHECK_INT(tp_ndim(h), 4);
    CHECK_BITS(tp_item(tp_sum(tp_abs(h))), 0);
    tp_var *product = tp_hvp(linear(x), x, v);
    CHECK_INT(tp_ndim(product), 2);
    CHECK_BITS(tp_item(tp_sum(tp_abs(product))), 0);
}
