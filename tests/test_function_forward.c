/* SPDX-License-Identifier: MIT
 *
 * Functions of one's own, forwards: jvp against backward and against the same in operations, at all
 * orders; what jvp must not do; and what goes backwards where there is no jvp.
 */
#include <stddef.h>

#include "functions.h"

#define JVP(name)                                                                                  \
    static void name(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *din,         \
                     tp_var **dout)

/* r = √(a² + b²) and θ = atan2(b, a), with derivatives from a, b and the outputs. */
FORWARD(polar_forward)
{
    UNUSED;
    out[0] = tp_hypot(in[0], in[1]);
    out[1] = tp_atan2(in[1], in[0]);
}

static tp_var *over_square(tp_var *x, tp_var *r)
{
    return tp_div(x, tp_square(r));
}

BACKWARD(polar_backward)
{
    UNUSED;
    tp_var *zero = tp_mul(in[0], 0), *r = out[0];
    tp_var *gr = gout[0] ? gout[0] : zero, *gt = gout[1] ? gout[1] : zero;
    gin[0] = tp_sub(tp_mul(gr, tp_div(in[0], r)), tp_mul(gt, over_square(in[1], r)));
    gin[1] = tp_add(tp_mul(gr, tp_div(in[1], r)), tp_mul(gt, over_square(in[0], r)));
}

JVP(polar_jvp)
{
    UNUSED;
    tp_var *zero = tp_mul(in[0], 0), *r = out[0];
    tp_var *da = din[0] ? din[0] : zero, *db = din[1] ? din[1] : zero;
    dout[0] = tp_div(tp_add(tp_mul(in[0], da), tp_mul(in[1], db)), r);
    dout[1] = tp_sub(tp_mul(over_square(in[0], r), db), tp_mul(over_square(in[1], r), da));
}

static tp_function polar_function(void)
{
    tp_function f = function(2, 2, TP_READS_INPUTS | TP_READS_OUTPUTS);
    f.forward = polar_forward;
    f.backward = polar_backward;
    f.jvp = polar_jvp;
    return f;
}

/* sin(r) · θ, by the function or by operations, of arrays that are not leaves. */
static tp_var *spiral(tp_var *x, bool own)
{
    TP_SCOPE();
    tp_var *in[] = {tp_add(x, 1), tp_mul(x, x)}, *out[2];
    tp_function f = polar_function();
    if (own)
        tp_apply(&f, NULL, in, out);
    else
        polar_forward(NULL, in, out);
    return tp_leave(tp_mul(tp_sin(out[0]), out[1]));
}

static tp_var *spread(int64_t n)
{
    return tp_variable(tp_linspace(TP_F64, 0.3, 1.4, n));
}

static void check_equal(tp_var *v, tp_var *expected, double tolerance)
{
    CHECK_INT(tp_size(v), tp_size(expected));
    for (int64_t i = 0; i < tp_size(v) && i < tp_size(expected); i++)
        CHECK_CLOSE(at(v, i), at(expected, i), tolerance);
}

TEST(jvp_is_the_transpose_of_backward)
{
    tp_var *x = spread(6), *y = spiral(x, true);
    tp_var *u = tp_linspace(TP_F64, -1, 2, 6), *v = tp_linspace(TP_F64, 3, -1, 6);
    double forward = tp_item(tp_sum(tp_mul(u, tp_jvp(y, x, v))));
    CHECK_CLOSE(forward, tp_item(tp_sum(tp_mul(tp_vjp(y, x, u), v))), 1e-14);
}

TEST(series_through_a_function_are_those_of_its_operations)
{
    enum { ORDER = 6 };
    tp_var *x = spread(6), *own[ORDER], *plain[ORDER];
    tp_derivatives(spiral(x, true), x, ORDER, own);
    tp_derivatives(spiral(x, false), x, ORDER, plain);
    for (int k = 0; k < ORDER; k++)
        check_equal(own[k], plain[k], 1e-9);
    check_equal(tp_gradient(own[1], x), tp_gradient(plain[1], x), 1e-10);
    tp_var *number = tp_sum(spiral(x, true));
    check_equal(tp_laplacian(number, x), tp_laplacian(tp_sum(spiral(x, false)), x), 1e-11);
}

/* Only one output is used, or only one input changes. */
TEST(outputs_that_were_dropped_and_inputs_that_stay)
{
    for (int way = 0; way < 4; way++) {
        tp_var *x = spread(5), *other = tp_variable(tp_ones(TP_F64, TP_SHAPE(5))), *out[2];
        tp_var *in[] = {way / 2 ? x : other, way / 2 ? other : x}, *y[2], *z[2];
        tp_function f = polar_function();
        for (int own = 0; own < 2; own++) {
            TP_SCOPE();
            if (own)
                tp_apply(&f, NULL, in, out);
            else
                polar_forward(NULL, in, out);
            y[own] = tp_leave(tp_square(out[way % 2]));
        }
        for (int own = 0; own < 2; own++) {
            tp_var *d[2];
            tp_derivatives(y[own], x, 2, d);
            z[own] = tp_add(d[0], d[1]);
        }
        check_equal(z[1], z[0], 1e-12);
    }
}

/* --- Without a jvp --- */

/* r θ for three points of each element of x, by a tp_function of before there was a jvp, or by
 * operations. */
static tp_var *fan(tp_var *x, bool own)
{
    tp_var *grid = tp_mul(tp_unsqueeze(x, 1), tp_arange(TP_F64, 1, 4, 1));
    tp_var *in[] = {tp_add(grid, 1), tp_square(grid)}, *out[2];
    tp_function f = polar_function();
    f.size = offsetof(tp_function, jvp);
    if (own)
        tp_apply(&f, NULL, in, out);
    else
        polar_forward(NULL, in, out);
    return tp_mul(out[0], out[1]);
}

TEST(tall_jacobians_go_backwards)
{
    tp_var *x = spread(2), *j = tp_jacobian(fan(x, true), x);
    CHECK_INT(tp_ndim(j), 3);
    check_equal(j, tp_jacobian(fan(x, false), x), 1e-13);
}

TEST(sparse_and_second_derivatives_go_backwards)
{
    tp_var *x = spread(3), *in[] = {tp_add(x, 1), tp_mul(x, x)}, *out[2];
    tp_function f = polar_function();
    f.jvp = NULL;
    tp_apply(&f, NULL, in, out);
    tp_var *tall = tp_concatenate(((tp_var *[]){out[0], out[1]}), 2, 0), *number = tp_sum(out[1]);
    tp_sparsity *pattern = tp_jacobian_sparsity(tall, x), *second = tp_hessian_sparsity(number, x);
    tp_var *dense = tp_sparse_to_dense(pattern, tp_sparse_jacobian(tall, x, pattern));
    check_equal(dense, tp_jacobian(tall, x), 1e-14);
    tp_var *hessian = tp_sparse_to_dense(second, tp_sparse_hessian(number, x, second));
    check_equal(hessian, tp_hessian(number, x), 1e-14);
    tp_var *v = tp_linspace(TP_F64, 1, 2, 3);
    check_equal(tp_hvp(number, x, v), tp_matmul(hessian, v), 1e-14);
    tp_sparsity_free(pattern);
    tp_sparsity_free(second);
}

TEST(a_series_says_what_it_misses)
{
    tp_var *x = spread(5), *in[] = {x, x}, *out[2];
    tp_function f = polar_function();
    f.jvp = NULL;
    tp_apply(&f, NULL, in, out);
    tp_jvp(out[0], x, tp_ones(TP_F64, TP_SHAPE(5)));
    CHECK_ERROR(TP_ERROR_GRAPH, "Mine: it has no jvp (tp_function), which a series needs");
}

/* --- What jvp must not do --- */

FORWARD(cube_forward)
{
    UNUSED;
    out[0] = tp_mul(in[0], tp_square(in[0]));
}

BACKWARD(cube_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], tp_mul(3, tp_square(in[0])));
}

/* From numbers. */
JVP(cube_numbers)
{
    UNUSED;
    const double *x = tp_data(in[0]), *dx = tp_data(din[0]);
    double *to = x && dx ? tp_data_(dout[0] = tp_zeros(TP_F64, TP_SHAPE(tp_size(in[0])))) : NULL;
    for (int64_t i = 0; to && i < tp_size(in[0]); i++)
        to[i] = 3 * x[i] * x[i] * dx[i];
}

JVP(cube_constant)
{
    UNUSED;
    dout[0] = tp_mul(tp_detach(din[0]), tp_mul(3, tp_square(in[0])));
}

JVP(cube_shape)
{
    UNUSED;
    dout[0] = tp_sum(din[0]);
}

JVP(cube_out)
{
    UNUSED;
    dout[0] = tp_mul(din[0], tp_div(tp_mul(3, out[0]), in[0]));
}

typedef void jvp_function(void *, tp_var *const *, tp_var *const *, tp_var *const *, tp_var **);

/* 3 x², by this jvp. */
static tp_var *cube_along(tp_var *x, jvp_function *jvp, bool recorded)
{
    tp_function f = function(1, 1, TP_READS_INPUTS);
    f.forward = cube_forward;
    f.backward = cube_backward;
    f.jvp = jvp;
    tp_var *y, *ones = tp_ones(TP_F64, TP_SHAPE(tp_size(x)));
    tp_apply(&f, NULL, &x, &y);
    bool mode = tp_set_grad_enabled(recorded);
    tp_var *along = tp_jvp(y, x, ones);
    tp_set_grad_enabled(mode);
    return along;
}

TEST(a_jvp_in_numbers_is_for_unrecorded_derivatives)
{
    tp_var *x = spread(5);
    check_equal(cube_along(x, cube_numbers, false), tp_mul(3, tp_square(x)), 1e-15);
    cube_along(x, cube_numbers, true);
    CHECK_ERROR(TP_ERROR_GRAPH, "takes numbers out of a recorded value by tp_data");
}

TEST(a_jvp_that_would_lose_a_derivative_is_an_error)
{
    tp_var *x = spread(5);
    cube_along(x, cube_constant, true);
    CHECK_ERROR(TP_ERROR_GRAPH, "its jvp's output 0 was not made from din");
    cube_along(x, cube_shape, true);
    CHECK_ERROR(TP_ERROR_SHAPE, "Mine: its jvp's output 0 is float64 (), expected float64 (5,)");
    cube_along(x, cube_out, true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "in the jvp of Mine, which gets only what its reads names");
}
