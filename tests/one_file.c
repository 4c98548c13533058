/* SPDX-License-Identifier: MIT
 *
 * Prints the bits of what many parts of the library compute, for tests/one_file.sh, which compares
 * what two builds of it say. Sizes are such that arrays wait, are cut into tasks, and end in
 * registers that are not full.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tinypytorch.h>

enum { LAYERS = 2, PARAMS = 2 * LAYERS };

static void show(const char *what, tp_var *v)
{
    const unsigned char *byte = tp_data(v);
    int64_t sizes[] = {[TP_F32] = 4, [TP_F64] = 8, [TP_I64] = 8, [TP_U8] = 1};
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int64_t i = 0; byte && i < tp_size(v) * sizes[tp_dtype_of(v)]; i++)
        hash = (hash ^ byte[i]) * 1099511628211u;
    printf("%-24s %8" PRId64 " %s %016" PRIx64 "\n", what, tp_size(v),
           tp_dtype_name(tp_dtype_of(v)), hash);
}

/* A value, and the gradient and the second derivative of its weighted sum. */
static void show_all(const char *what, tp_var *y, tp_var *x)
{
    TP_SCOPE();
    tp_var *weight = tp_linspace(TP_F64, 0.5, 1.5, tp_size(y));
    tp_var *sum = tp_sum(tp_mul(y, tp_reshape(weight, tp_ndim(y), tp_shape(y))));
    tp_var *g = tp_gradient(sum, x, .create_graph = true);
    show(what, y), show("    gradient", g);
    show("    second", tp_gradient(tp_sum(tp_square(g)), x));
}

static void elementwise(tp_dtype dtype)
{
/* clang-format off */
#define EACH(X)                                                                                    \
    X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(rsqrt) X(sin) X(cos) X(tan) X(tanh) X(sigmoid)       \
    X(softplus) X(gelu) X(erf) X(lgamma) X(asinh) X(atan) X(square) X(reciprocal) X(silu)
/* clang-format on */
#define SHOW(name) show_all(#name, tp_##name(x), x);
    tp_var *x = tp_variable(tp_add(tp_rand(dtype, TP_SHAPE(10007)), 0.25));
    EACH(SHOW)
    show_all("chain", tp_mul(tp_tanh(tp_sin(x)), tp_exp(tp_neg(tp_square(x)))), x);
    show_all("pow", tp_pow(x, 2.5), x);
    show_all("where", tp_where(tp_gt(x, 0.5), tp_atan2(x, 2), tp_hypot(x, 3)), x);
}

static void arrays(tp_dtype dtype)
{
    tp_var *x = tp_variable(tp_randn(dtype, TP_SHAPE(67, 131)));
    tp_var *w = tp_randn(dtype, TP_SHAPE(131, 71)), *image = tp_reshape(x, TP_SHAPE(1, 1, 67, 131));
    show_all("sum", tp_sum(x, .axes = TP_AXES(0)), x);
    show_all("mean", tp_mean(x, .axes = TP_AXES(1)), x);
    show_all("var", tp_variance(x), x);
    show_all("logsumexp", tp_logsumexp(x, .axes = TP_AXES(1)), x);
    show_all("cumsum", tp_cumsum(x, 1), x);
    show_all("sort", tp_sort(x, 1, false, NULL), x);
    show_all("matmul", tp_matmul(x, w), x);
    show_all("matmul, turned", tp_matmul(tp_transpose(w, 0, 1), tp_transpose(x, 0, 1)), x);
    show_all("matmul, row", tp_matmul(tp_select(x, 0, 5), w), x);
    show_all("einsum", tp_einsum("ij,jk->ki", (tp_var *[]){x, w}, 2), x);
    show_all("softmax", tp_softmax(x, 1), x);
    show_all("layer norm", tp_layer_norm(x, 1, NULL, NULL), x);
    show_all("attention", tp_scaled_dot_product_attention(x, x, x), x);
    show_all("conv", tp_conv2d(image, tp_randn(dtype, TP_SHAPE(4, 1, 3, 3)), NULL), x);
    show_all("pool", tp_max_pool2d(image, TP_SHAPE(2, 2)), x);
}

static void training(tp_dtype dtype)
{
    static const int64_t width[] = {33, 65, 10};
    tp_var *param[PARAMS], *mean[PARAMS], *square[PARAMS];
    for (int i = 0; i < PARAMS; i++) {
        tp_var *start = i % 2 ? tp_zeros(dtype, TP_SHAPE(width[i / 2 + 1]))
                              : tp_randn(dtype, TP_SHAPE(width[i / 2], width[i / 2 + 1]));
        param[i] = tp_variable(tp_mul(start, 0.1));
        mean[i] = tp_zeros(dtype, tp_ndim(start), tp_shape(start));
        square[i] = tp_zeros(dtype, tp_ndim(start), tp_shape(start));
    }
    tp_var *x = tp_randn(dtype, TP_SHAPE(128, 33)), *label = tp_randint(0, 10, TP_SHAPE(128));
    for (int step = 1; step <= 20; step++) {
        TP_SCOPE();
        tp_var *h = tp_relu(tp_add(tp_matmul(x, param[0]), param[1]));
        tp_var *loss = tp_cross_entropy(tp_add(tp_matmul(h, param[2]), param[3]), label);
        for (int i = 0; i < PARAMS; i++)
            tp_cleargrad(param[i]);
        tp_backward(loss);
        tp_adam_step(param, mean, square, PARAMS, step, .lr = 0.01);
        show("loss", loss);
    }
    show("weights", param[0]);
}

static void derivatives(void)
{
    tp_var *x = tp_variable(tp_linspace(TP_F64, -1, 1, 20)), *d[9];
    tp_var *a = tp_slice(x, 0, 0, 19, 1), *b = tp_slice(x, 0, 1, 20, 1);
    tp_var *y =
        tp_sum(tp_add(tp_mul(100, tp_square(tp_sub(b, tp_square(a)))), tp_square(tp_sub(1, a))));
    show("Hessian", tp_hessian(y, x));
    tp_var *one = tp_variable(0.75);
    tp_derivatives(tp_tanh(one), one, 9, d);
    for (int i = 0; i < 9; i++)
        tp_print(d[i]);
    tp_print(tp_slice(x, 0, 0, 7, 2));
}

int main(void)
{
    tp_manual_seed(7);
    for (int i = 0; i < 2; i++) {
        const tp_dtype dtype = i ? TP_F64 : TP_F32;
        TP_SCOPE();
        elementwise(dtype), arrays(dtype), training(dtype);
    }
    derivatives();
    return tp_check();
}
