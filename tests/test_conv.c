/* SPDX-License-Identifier: MIT
 *
 * Convolutions beyond the table's small samples: fast kernels against the loops of the definition
 * over random shapes, the three maps as adjoints of each other, the same bits for any number of
 * threads, what infinity does, messages, failing allocations.
 */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"

static uint64_t conv_state = 1;

static int64_t conv_pick(int64_t low, int64_t high)
{
    conv_state = conv_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (int64_t)((conv_state >> 33) % (uint64_t)(high - low + 1));
}

/* --- The judge: loops over everything, in long double --- */

typedef struct conv_case {
    int ndim;
    int64_t images, groups, rows, channels;
    int64_t in[3], kernel[3], stride[3], padding[3], dilation[3], out[3];
} conv_case;

static int64_t conv_count(const conv_case *c, const int64_t *size)
{
    int64_t n = 1;
    for (int i = 0; i < c->ndim; i++)
        n *= size[i];
    return n;
}

/* The place of an output's tap in the input; −1 outside. All are row-major numbers. */
static int64_t conv_place(const conv_case *c, int64_t out, int64_t tap)
{
    int64_t place = 0, stride = 1;
    for (int i = c->ndim - 1; i >= 0; i--) {
        int64_t at = out % c->out[i] * c->stride[i] + tap % c->kernel[i] * c->dilation[i];
        at -= c->padding[i];
        if (at < 0 || at >= c->in[i])
            return -1;
        place += at * stride;
        stride *= c->in[i];
        out /= c->out[i];
        tap /= c->kernel[i];
    }
    return place;
}

/* All products: sum ← sum + a b for each output, row, channel and tap; which of x, w, y is the sum
 * is the caller's business. bound gets the magnitudes. */
static void conv_judge(const conv_case *c, char what, double *x, double *w, double *y,
                       double *bound)
{
    int64_t in = conv_count(c, c->in), out = conv_count(c, c->out), k = conv_count(c, c->kernel);
    for (int64_t n = 0; n < c->images * c->groups; n++)
        for (int64_t r = 0; r < c->rows; r++)
            for (int64_t ch = 0; ch < c->channels; ch++)
                for (int64_t p = 0; p < out; p++)
                    for (int64_t t = 0; t < k; t++) {
                        int64_t at = conv_place(c, p, t);
                        if (at < 0)
                            continue;
                        int64_t row = n % c->groups * c->rows + r;
                        int64_t i = (n * c->channels + ch) * in + at;
                        int64_t j = (row * c->channels + ch) * k + t,
                                o = (n * c->rows + r) * out + p;
                        double *sum = what == 'x' ? &x[i] : what == 'w' ? &w[j] : &y[o];
                        double term = what == 'x'   ? w[j] * y[o]
                                      : what == 'w' ? x[i] * y[o]
                                                    : x[i] * w[j];
                        *sum += term;
                        bound[sum - (what == 'x' ? x : what == 'w' ? w : y)] += fabs(term);
                    }
}

static double *conv_doubles(tp_var *v)
{
    double *to = calloc((size_t)tp_size(v) + 1, sizeof *to);
    for (int64_t i = 0; to && i < tp_size(v); i++)
        to[i] = at(v, i);
    return to;
}

/* v's elements are the judge's, up to rounding. */
static bool conv_agrees(const conv_case *c, char what, tp_var *x, tp_var *w, tp_var *y)
{
    tp_var *v = what == 'x' ? x : what == 'w' ? w : y;
    double ulp = tp_dtype_of(v) == TP_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    double *a = conv_doubles(x), *b = conv_doubles(w), *d = conv_doubles(y);
    double *sum = what == 'x' ? a : what == 'w' ? b : d;
    double *bound = calloc((size_t)tp_size(v) + 1, sizeof *bound);
    for (int64_t i = 0; i < tp_size(v); i++)
        sum[i] = 0;
    conv_judge(c, what, a, b, d, bound);
    int64_t wrong = -1;
    for (int64_t i = 0; i < tp_size(v) && wrong < 0; i++)
        if (!(fabs(at(v, i) - sum[i]) <= 64 * ulp * (bound[i] + 1e-300)))
            wrong = i;
    bool good =
        test_check(wrong < 0, __FILE__, __LINE__, "%c: element %lld is %.9g, expected %.9g", what,
                   (long long)wrong, wrong < 0 ? 0 : at(v, wrong), wrong < 0 ? 0 : sum[wrong]);
    free(a), free(b), free(d), free(bound);
    return good;
}

/* --- Random cases --- */

static void conv_draw(conv_case *c, int64_t largest)
{
    c->ndim = (int)conv_pick(1, 3);
    c->images = conv_pick(1, 3);
    c->groups = conv_pick(0, 3) ? 1 : conv_pick(2, 3);
    c->rows = conv_pick(1, 10);
    c->channels = conv_pick(1, 10);
    for (int i = 0; i < c->ndim; i++) {
        bool plain = conv_pick(0, 2) == 0;
        c->kernel[i] = conv_pick(1, 4);
        c->stride[i] = plain ? 1 : conv_pick(1, 3);
        c->dilation[i] = plain ? 1 : conv_pick(1, 3);
        c->padding[i] = plain ? c->kernel[i] / 2 : conv_pick(0, 4);
        int64_t reach = c->dilation[i] * (c->kernel[i] - 1) + 1;
        int64_t least = reach - 2 * c->padding[i] > 1 ? reach - 2 * c->padding[i] : 1;
        c->in[i] = conv_pick(least, least + (i == c->ndim - 1 ? largest : largest / 2));
        c->out[i] = (c->in[i] + 2 * c->padding[i] - reach) / c->stride[i] + 1;
    }
}

static tp_sizes conv_sizes_of(const conv_case *c, const int64_t *size)
{
    tp_sizes sizes = {.n = c->ndim};
    memcpy(sizes.at, size, (size_t)c->ndim * sizeof *size);
    return sizes;
}

static tp_var *conv_array(const conv_case *c, tp_dtype dtype, int64_t a, int64_t b,
                          const int64_t *size)
{
    int64_t shape[5] = {a, b};
    memcpy(shape + 2, size, (size_t)c->ndim * sizeof *shape);
    return tp_randn(dtype, c->ndim + 2, shape);
}

static tp_var *conv_do(const conv_case *c, tp_var *x, tp_var *w)
{
    tp_conv_options options = {.stride = conv_sizes_of(c, c->stride),
                               .padding = conv_sizes_of(c, c->padding),
                               .dilation = conv_sizes_of(c, c->dilation),
                               .output_padding = {.one = 0},
                               .groups = c->groups,
                               .size = sizeof options};
    return c->ndim == 1   ? (tp_conv1d)(x, w, NULL, &options)
           : c->ndim == 2 ? (tp_conv2d)(x, w, NULL, &options)
                          : (tp_conv3d)(x, w, NULL, &options);
}

static void conv_explain(const conv_case *c, tp_dtype dtype)
{
    fprintf(stderr, "    %s, images %lld, groups %lld, rows %lld, channels %lld",
            tp_dtype_name(dtype), (long long)c->images, (long long)c->groups, (long long)c->rows,
            (long long)c->channels);
    for (int i = 0; i < c->ndim; i++)
        fprintf(stderr, "; in %lld kernel %lld stride %lld padding %lld dilation %lld",
                (long long)c->in[i], (long long)c->kernel[i], (long long)c->stride[i],
                (long long)c->padding[i], (long long)c->dilation[i]);
    fputc('\n', stderr);
}

/* A convolution and both gradients. */
static bool conv_is_right(const conv_case *c, tp_dtype dtype)
{
    TP_SCOPE();
    int64_t rows = c->groups * c->rows;
    tp_var *x = tp_variable(conv_array(c, dtype, c->images, c->groups * c->channels, c->in));
    tp_var *w = tp_variable(conv_array(c, dtype, rows, c->channels, c->kernel));
    tp_var *y = conv_do(c, x, w), *g = conv_array(c, dtype, c->images, rows, c->out);
    tp_backward(y, .gradient = g);
    bool good = CHECK(!tp_error()) && conv_agrees(c, 'y', x, w, y) &&
                conv_agrees(c, 'x', tp_grad(x), w, g) && conv_agrees(c, 'w', x, tp_grad(w), g);
    if (!good)
        conv_explain(c, dtype);
    return good;
}

TEST(random_shapes)
{
    int n = test_short() ? 60 : 400;
    for (int i = 0; i < n; i++) {
        conv_case c = {0};
        conv_draw(&c, i % 4 ? 9 : 20);
        if (!conv_is_right(&c, i % 3 ? TP_F32 : TP_F64))
            return;
    }
}

TEST(large_shapes)
{
    static const conv_case cases[] = {
        {2, 3, 1, 32, 1, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {28, 28}},
        {2, 5, 2, 8, 2, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {16, 16}},
        {2, 3, 1, 3, 20, {30, 20}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {30, 20}},
        {2, 2, 1, 17, 40, {33, 47}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {33, 47}},
        {2, 1, 1, 9, 150, {40, 41}, {5, 3}, {2, 1}, {2, 0}, {1, 2}, {20, 37}},
        {2, 2, 9, 1, 1, {30, 30}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {30, 30}},
        {1, 2, 1, 5, 3, {9001}, {7}, {1}, {3}, {1}, {9001}},
        {1, 1, 1, 4, 30, {5000}, {3}, {2}, {0}, {4}, {2496}},
        {2, 9, 1, 12, 11, {7, 7}, {1, 1}, {2, 2}, {0, 0}, {1, 1}, {4, 4}},
        {3, 1, 1, 4, 5, {9, 20, 21}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {9, 20, 21}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i += test_short() ? 4 : 1) {
        conv_is_right(&cases[i], TP_F32);
        conv_is_right(&cases[i], TP_F64);
    }
}

/* --- Laws --- */

static double conv_dot(tp_var *a, tp_var *b)
{
    return tp_item(tp_sum(tp_mul(a, b)));
}

TEST(a_transposed_convolution_is_the_adjoint)
{
    for (int i = 0; i < 20; i++) {
        TP_SCOPE();
        int64_t stride = conv_pick(1, 3), padding = conv_pick(0, 1), kernel = conv_pick(3, 4);
        int64_t size = conv_pick(5, 9), out = (size + 2 * padding - kernel) / stride + 1;
        int64_t back = (out - 1) * stride - 2 * padding + kernel;
        tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 3, size, size));
        tp_var *w = tp_randn(TP_F64, TP_SHAPE(4, 3, kernel, kernel));
        tp_var *y = tp_randn(TP_F64, TP_SHAPE(2, 4, out, out));
        tp_var *forward =
            tp_conv2d(x, w, NULL, .stride = TP_SIZES(stride), .padding = TP_SIZES(padding));
        tp_var *adjoint = tp_conv_transpose2d(y, w, NULL, .stride = TP_SIZES(stride),
                                              .padding = TP_SIZES(padding),
                                              .output_padding = TP_SIZES(size - back));
        CHECK_CLOSE(conv_dot(forward, y), conv_dot(x, adjoint), 1e-10);
    }
}

TEST(a_kernel_of_one_is_a_product)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 5, 6, 7)), *w = tp_randn(TP_F64, TP_SHAPE(4, 5, 1, 1));
    tp_var *y = tp_conv2d(x, w, NULL);
    tp_var *product = tp_matmul(tp_reshape(w, TP_SHAPE(4, 5)), tp_reshape(x, TP_SHAPE(2, 5, 42)));
    for (int64_t i = 0; i < tp_size(y); i++)
        CHECK_CLOSE(at(y, i), at(product, i), 1e-13);
}

static tp_var *conv_network(tp_var *x, tp_var *w)
{
    return tp_sum(tp_square(
        tp_tanh(tp_conv2d(x, w, NULL, .stride = TP_SIZES(2, 1), .padding = TP_SIZES(1)))));
}

/* d²/dε² along a direction, by the gradient of the gradient and by differences. */
TEST(second_derivatives_are_differences_of_first_ones)
{
    const double h = 1e-4;
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(2, 3, 5, 6)));
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(4, 3, 3, 3)), *v = tp_randn(TP_F64, TP_SHAPE(4, 3, 3, 3));
    tp_var *moved[2];
    for (int i = 0; i < 2; i++)
        moved[i] = tp_gradient(conv_network(x, tp_add(w, tp_mul(v, i ? h : -h))), x);
    tp_var *e = tp_variable(0.0);
    tp_var *g = tp_gradient(conv_network(x, tp_add(w, tp_mul(v, e))), x, .create_graph = true);
    tp_var *u = tp_randn(TP_F64, TP_SHAPE(2, 3, 5, 6));
    double second = tp_item(tp_gradient(tp_sum(tp_mul(g, u)), e));
    double difference = (conv_dot(moved[1], u) - conv_dot(moved[0], u)) / (2 * h);
    CHECK_CLOSE(second, difference, 1e-5);
}

/* --- Threads --- */

static void conv_bits(tp_var *const *a, tp_var *const *b, int n)
{
    for (int i = 0; i < n; i++)
        CHECK(!memcmp(tp_data(a[i]), tp_data(b[i]), (size_t)tp_size(a[i]) * sizeof(float)));
}

TEST(any_number_of_threads_gives_the_same_bits)
{
    static const conv_case cases[] = {
        {2, 6, 1, 32, 16, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {28, 28}},
        {2, 6, 2, 16, 1, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {28, 28}},
        {2, 5, 2, 12, 16, {21, 20}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {11, 10}},
        {1, 1, 1, 30, 40, {4000}, {5}, {1}, {2}, {1}, {4000}},
    };
    int before = tp_num_threads();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE();
        const conv_case *c = &cases[i];
        int64_t rows = c->groups * c->rows;
        tp_var *x = tp_variable(conv_array(c, TP_F32, c->images, c->groups * c->channels, c->in));
        tp_var *w = tp_variable(conv_array(c, TP_F32, rows, c->channels, c->kernel));
        tp_var *g = conv_array(c, TP_F32, c->images, rows, c->out), *result[3][3];
        for (int j = 0; j < 3; j++) {
            tp_set_num_threads(1 << j);
            tp_cleargrad(x), tp_cleargrad(w);
            result[j][0] = conv_do(c, x, w);
            tp_backward(result[j][0], .gradient = g);
            result[j][1] = tp_grad(x), result[j][2] = tp_grad(w);
        }
        conv_bits(result[0], result[1], 3);
        conv_bits(result[0], result[2], 3);
    }
    tp_set_num_threads(before);
}

/* --- Delicate points --- */

/* An infinite element reaches the weights whose tap meets it, and no others. */
TEST(infinity_stays_where_it_belongs)
{
    for (int i = 0; i < 2; i++) {
        TP_SCOPE();
        tp_dtype dtype = i ? TP_F32 : TP_F64;
        tp_var *x = tp_variable(tp_ones(dtype, TP_SHAPE(1, 1, 5, 7)));
        tp_var *w = tp_variable(tp_ones(dtype, TP_SHAPE(1, 1, 1, 3)));
        tp_copy_(tp_slice(tp_select(tp_detach(x), 3, 6), 2, 2, 3, 1), HUGE_VAL);
        tp_backward(tp_conv2d(x, w, NULL));
        CHECK_ELEMENTS(tp_grad(w), 25, 25, HUGE_VAL);
        tp_var *y = tp_conv2d(x, w, NULL);
        for (int64_t k = 0; k < 25; k++)
            CHECK_BITS(at(y, k), k == 14 ? HUGE_VAL : 3);
    }
}

TEST(half_precision_and_integers)
{
    tp_var *x = counting(TP_I64, TP_SHAPE(1, 1, 2, 3)), *w = tp_ones(TP_I64, TP_SHAPE(1, 1, 2, 2));
    tp_var *y = tp_conv2d(x, w, NULL);
    CHECK_INT(tp_dtype_of(y), TP_F64);
    CHECK_ELEMENTS(y, 12, 16);
    y = tp_conv2d(tp_to(x, TP_BF16), tp_to(w, TP_BF16), NULL);
    CHECK_INT(tp_dtype_of(y), TP_BF16);
    CHECK_ELEMENTS(y, 12, 16);
}

/* --- Messages --- */

TEST(messages_name_the_operation_and_the_axis)
{
    tp_var *x = tp_zeros(TP_F32, TP_SHAPE(2, 3, 5, 6)), *w = tp_zeros(TP_F32, TP_SHAPE(4, 2, 3, 3));
    tp_set_name(w, "kernel");
    tp_conv2d(x, w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE,
                "conv2d: x (2, 3, 5, 6) and weight (4, 2, 3, 3) (kernel) do not fit: "
                "x has 3 channels (axis -3)");
    tp_conv2d(tp_zeros(TP_F32, TP_SHAPE(2, 2, 5, 2)), w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "along axis -1 the kernel reaches over 3 elements, padded x has 2");
    tp_conv2d(tp_zeros(TP_F32, TP_SHAPE(2, 2, 5, 5)), w, tp_zeros(TP_F32, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "conv2d: bias has shape (3,), expected (4,)");
    tp_conv2d(x, w, NULL, .stride = TP_SIZES(1, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: stride is 0 along axis -1, expected 1 or more");
    tp_conv2d(x, w, NULL, .padding = TP_SIZES(1, 1, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: padding has 3 numbers, expected 1 or 2");
    tp_conv2d(x, w, NULL, .groups = 3);
    CHECK_ERROR(TP_ERROR_SHAPE, "weight's axis 0 of size 4 does not make 3 groups");
    tp_conv2d(tp_zeros(TP_F32, TP_SHAPE(2, 2, 5, 5)), w, NULL, .same = true, .stride = TP_SIZES(2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: same wants a stride of 1, not 2");
    tp_conv1d(x, w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "conv1d: x (2, 3, 5, 6) and weight (4, 2, 3, 3)");
    tp_conv_transpose2d(x, w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "conv_transpose2d: x (2, 3, 5, 6)");
    tp_linear(x, w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "linear: x (2, 3, 5, 6) and weight (4, 2, 3, 3) do not fit");
}

/* --- Memory --- */

TEST(options_that_would_do_nothing_are_errors)
{
    tp_var *x = tp_zeros(TP_F32, TP_SHAPE(1, 2, 5, 5)), *w = tp_zeros(TP_F32, TP_SHAPE(2, 2, 3, 3));
    tp_conv2d(x, w, NULL, .same = true, .padding = 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: same decides the padding");
    tp_conv2d(x, w, NULL, .output_padding = 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: output_padding is for transposed");
    tp_conv_transpose2d(x, w, NULL, .same = true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv_transpose2d: same is for convolutions");
    tp_unfold(x, TP_SHAPE(3), .groups = 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "unfold: groups, same and output_padding");
    tp_unfold(x, TP_SHAPE(3), .same = true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "unfold");
    tp_fold(tp_zeros(TP_F32, TP_SHAPE(1, 8, 16)), 5, 5, TP_SHAPE(2), .groups = 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "fold: groups");
    CHECK_INT(tp_size(tp_conv2d(x, w, NULL, .same = true, .padding = 0)), 50);
}

/* Without the axis of images: that of the one image. */
TEST(windows_of_one_image)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 4, 5)), *batch = tp_unsqueeze(x, 0);
    tp_var *columns = tp_unfold(x, TP_SHAPE(2));
    CHECK_INT(tp_ndim(columns), 2);
    CHECK_BITS(tp_item(tp_max(tp_abs(tp_sub(columns, tp_unfold(batch, TP_SHAPE(2)))))), 0);
    tp_var *back = tp_fold(columns, 4, 5, TP_SHAPE(2));
    CHECK_INT(tp_ndim(back), 3);
    CHECK_BITS(
        tp_item(tp_sum(tp_abs(tp_sub(back, tp_fold(tp_unsqueeze(columns, 0), 4, 5, TP_SHAPE(2)))))),
        0);
}

TEST(each_allocation_fails_in_turn)
{
    tp_var *x = tp_variable(tp_randn(TP_F32, TP_SHAPE(6, 8, 20, 20)));
    tp_var *w = tp_variable(tp_randn(TP_F32, TP_SHAPE(16, 8, 3, 3)));
    for (size_t n = 1, requests = 1; requests >= n; n++) {
        TP_SCOPE();
        tp__alloc_fail_at(n);
        tp_backward(tp_conv2d(x, w, NULL, .stride = TP_SIZES(2)));
        requests = tp__alloc_fail_at(0);
        CHECK(tp_status() == TP_OK || (tp_status() == TP_ERROR_MEMORY && requests >= n));
        tp_clear_error();
        tp_cleargrad(x), tp_cleargrad(w);
    }
}

/* PyTorch: F.unfold and F.fold move elements, so ∞ and NaN stay where they are. */
TEST(windows_move_elements_as_they_are)
{
    const double infinite = (double)INFINITY;
    tp_var *x = tp_array(TP_F64, TP_SHAPE(1, 1, 2, 3), ((double[]){1, infinite, 3, 4, 5, 6}));
    tp_var *columns = tp_unfold(x, TP_SHAPE(2));
    const double expected[] = {1, infinite, infinite, 3, 4, 5, 5, 6};
    for (int i = 0; i < 8; i++)
        CHECK_BITS(((const double *)tp_data(columns))[i], expected[i]);
    const double back[] = {1, infinite, 3, 4, 10, 6};
    tp_var *image = tp_fold(columns, 2, 3, TP_SHAPE(2));
    for (int i = 0; i < 6; i++)
        CHECK_BITS(((const double *)tp_data(image))[i], back[i]);
}
