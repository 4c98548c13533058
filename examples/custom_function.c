/* SPDX-License-Identifier: MIT
 *
 * A function of one's own, with derivatives of every order.
 *
 * forward computes the value as it likes, here with plain C on the elements. backward is made of
 * operations on what `reads` names, so that under create_graph it is recorded and can be
 * differentiated again. A backward that reads the numbers behind the graph's back would give a
 * second derivative that is wrong: that is an error which names the function.
 */
#include <stdio.h>

#include <tinypytorch.h>

/* x⁴ − 2x² for each element of a float64 array */
static void well_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    const double *x = tp_data(in[0]);
    out[0] = tp_zeros(TP_F64, tp_ndim(in[0]), tp_shape(in[0]));
    double *y = tp_data_(out[0]);
    for (int64_t i = 0; x && y && i < tp_size(in[0]); i++)
        y[i] = x[i] * x[i] * (x[i] * x[i] - 2);
}

/* gy (4x³ − 4x) */
static void well_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                          tp_var **gin)
{
    (void)ctx, (void)out;
    tp_var *slope = tp_mul(4, tp_sub(tp_pow(in[0], 3), in[0]));
    gin[0] = tp_mul(gout[0], slope);
}

/* The same number, but with no graph that leads back to x. */
static void careless_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                              tp_var **gin)
{
    (void)ctx, (void)out;
    double x = tp_item(in[0]);
    gin[0] = tp_mul(gout[0], 4 * (x * x * x - x));
}

static const tp_function well = {
    .size = sizeof(tp_function),
    .name = "Well",
    .n_in = 1,
    .n_out = 1,
    .forward = well_forward,
    .backward = well_backward,
    .reads = TP_READS_INPUTS,
};

static const tp_function careless = {
    .size = sizeof(tp_function),
    .name = "CarelessWell",
    .n_in = 1,
    .n_out = 1,
    .forward = well_forward,
    .backward = careless_backward,
    .reads = TP_READS_INPUTS,
};

static tp_var *apply(const tp_function *f, tp_var *x)
{
    tp_var *y;
    tp_apply(f, NULL, &x, &y);
    return y;
}

int main(void)
{
    tp_var *x = tp_variable(2.0);
    tp_var *y = apply(&well, x);
    tp_var *first = tp_gradient(y, x, .create_graph = true);
    tp_var *second = tp_gradient(first, x, .create_graph = true);
    tp_var *third = tp_gradient(second, x);
    printf("well at 2: y = %.17g, y' = %.17g, y'' = %.17g, y''' = %.17g\n", tp_item(y),
           tp_item(first), tp_item(second), tp_item(third));

    printf("careless, first order: y' = %.17g\n", tp_item(tp_gradient(apply(&careless, x), x)));
    tp_gradient(apply(&careless, x), x, .create_graph = true);
    printf("careless, recorded: %s\n", tp_error() ? tp_error() : "no error");
    tp_clear_error();
    return tp_check();
}
