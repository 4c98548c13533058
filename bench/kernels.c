/* SPDX-License-Identifier: MIT
 *
 * One line an operation, "name TAB nanoseconds": the fastest of many samples on one thread, arrays
 * in the processor's caches. bench/compilers runs it as several compilers built it and compares: a
 * kernel that a compiler left without vectors stands out. What the machine does at most is said on
 * stderr.
 */
#include "harness.h"
#include "machine.h"

#include <string.h>
#include <tinypytorch.h>

enum { KERNELS_SIDE = 256, KERNELS_SAMPLES = 15 };

/* Inputs of one type: square matrices, the last two variables; images; a sequence's. */
static struct kernels_input {
    tp_var *a, *b, *positive, *row, *column, *mask, *index, *x, *y;
    tp_var *image, *filter, *image_variable, *filter_variable;
    tp_var *query, *lstm_x, *lstm_h, *lstm_w, *lstm_u;
    tp_var *parameter, *m, *v;
} in;

static tp_var *kernels_step_adam(void)
{
    tp_adam_step(&in.parameter, &in.m, &in.v, 1, 10, .lr = 1e-6);
    return in.parameter;
}

static tp_var *kernels_step_sgd(void)
{
    tp_sgd_step(&in.parameter, &in.m, 1, .lr = 1e-6, .momentum = 0.9);
    return in.parameter;
}

static tp_var *kernels_edit(void)
{
    tp_add_(in.m, in.a);
    return in.m;
}

#define KERNELS_GRADIENT(y, x) tp_gradient(tp_sum(y), x)

/* KERNEL(name, what is computed) */
#define KERNELS(KERNEL)                                                                            \
    KERNEL(add, tp_add(in.a, in.b))                                                                \
    KERNEL(add_row, tp_add(in.a, in.row))                                                          \
    KERNEL(add_column, tp_add(in.a, in.column))                                                    \
    KERNEL(add_transposed, tp_add(in.a, tp_transpose(in.b, 0, 1)))                                 \
    KERNEL(div, tp_div(in.a, in.b))                                                                \
    KERNEL(maximum, tp_maximum(in.a, in.b))                                                        \
    KERNEL(minimum, tp_minimum(in.a, in.b))                                                        \
    KERNEL(neg, tp_neg(in.a))                                                                      \
    KERNEL(abs, tp_abs(in.a))                                                                      \
    KERNEL(sign, tp_sign(in.a))                                                                    \
    KERNEL(sqrt, tp_sqrt(in.positive))                                                             \
    KERNEL(rsqrt, tp_rsqrt(in.positive))                                                           \
    KERNEL(reciprocal, tp_reciprocal(in.positive))                                                 \
    KERNEL(square, tp_square(in.a))                                                                \
    KERNEL(floor, tp_floor(in.a))                                                                  \
    KERNEL(round, tp_round(in.a))                                                                  \
    KERNEL(relu, tp_relu(in.a))                                                                    \
    KERNEL(leaky_relu, tp_leaky_relu(in.a, 0.1))                                                   \
    KERNEL(hardtanh, tp_hardtanh(in.a))                                                            \
    KERNEL(clamp, tp_clamp(in.a, tp_num(-0.5), tp_num(0.5)))                                       \
    KERNEL(sigmoid, tp_sigmoid(in.a))                                                              \
    KERNEL(tanh, tp_tanh(in.a))                                                                    \
    KERNEL(gelu, tp_gelu(in.a))                                                                    \
    KERNEL(silu, tp_silu(in.a))                                                                    \
    KERNEL(softplus, tp_softplus(in.a))                                                            \
    KERNEL(exp, tp_exp(in.a))                                                                      \
    KERNEL(log, tp_log(in.positive))                                                               \
    KERNEL(sin, tp_sin(in.a))                                                                      \
    KERNEL(erf, tp_erf(in.a))                                                                      \
    KERNEL(pow, tp_pow(in.positive, in.b))                                                         \
    KERNEL(atan2, tp_atan2(in.a, in.b))                                                            \
    KERNEL(lt, tp_lt(in.a, in.b))                                                                  \
    KERNEL(eq, tp_eq(in.a, in.b))                                                                  \
    KERNEL(isnan, tp_isnan(in.a))                                                                  \
    KERNEL(where, tp_where(in.mask, in.a, in.b))                                                   \
    KERNEL(masked_fill, tp_masked_fill(in.a, in.mask, tp_num(0)))                                  \
    KERNEL(logical_and, tp_logical_and(in.mask, in.mask))                                          \
    KERNEL(to_float64, tp_to(in.a, TP_F64))                                                        \
    KERNEL(to_float32, tp_to(in.a, TP_F32))                                                        \
    KERNEL(to_float16, tp_to(in.a, TP_F16))                                                        \
    KERNEL(to_bfloat16, tp_to(in.a, TP_BF16))                                                      \
    KERNEL(to_int64, tp_to(in.a, TP_I64))                                                          \
    KERNEL(to_bool, tp_to(in.a, TP_BOOL))                                                          \
    KERNEL(of_bool, tp_to(in.mask, tp_dtype_of(in.a)))                                             \
    KERNEL(of_int64, tp_to(in.index, tp_dtype_of(in.a)))                                           \
    KERNEL(add_in_place, kernels_edit())                                                           \
    KERNEL(transpose, tp_reshape(tp_transpose(in.a, 0, 1), TP_SHAPE(-1)))                          \
    KERNEL(concatenate, tp_concatenate((tp_var *[]){in.a, in.b}, 2, 1))                            \
    KERNEL(repeat_interleave, tp_repeat_interleave(in.a, 2, 1))                                    \
    KERNEL(roll, tp_roll(in.a, 3, 1))                                                              \
    KERNEL(tril, tp_tril(in.a, 0))                                                                 \
    KERNEL(sum, tp_sum(in.a))                                                                      \
    KERNEL(sum_rows, tp_sum(in.a, .axes = TP_AXES(0)))                                             \
    KERNEL(sum_along, tp_sum(in.a, .axes = TP_AXES(1)))                                            \
    KERNEL(prod, tp_prod(in.a))                                                                    \
    KERNEL(max, tp_max(in.a))                                                                      \
    KERNEL(max_rows, tp_max(in.a, .axes = TP_AXES(0)))                                             \
    KERNEL(max_along, tp_max(in.a, .axes = TP_AXES(1)))                                            \
    KERNEL(argmax, tp_argmax(in.a, 1))                                                             \
    KERNEL(argmax_rows, tp_argmax(in.a, 0))                                                        \
    KERNEL(any, tp_any(in.mask))                                                                   \
    KERNEL(count_nonzero, tp_count_nonzero(in.a))                                                  \
    KERNEL(logsumexp, tp_logsumexp(in.a, .axes = TP_AXES(1)))                                      \
    KERNEL(norm, tp_norm(in.a, 2))                                                                 \
    KERNEL(std, tp_std(in.a, .axes = TP_AXES(1)))                                                  \
    KERNEL(cumsum, tp_cumsum(in.a, 1))                                                             \
    KERNEL(cumsum_rows, tp_cumsum(in.a, 0))                                                        \
    KERNEL(cumprod, tp_cumprod(in.a, 1))                                                           \
    KERNEL(sort, tp_sort(in.a, 1, false, NULL))                                                    \
    KERNEL(topk, tp_topk(in.a, 8, 1, true, NULL))                                                  \
    KERNEL(median, tp_median(in.a, 1))                                                             \
    KERNEL(gather, tp_gather(in.a, 1, in.index))                                                   \
    KERNEL(scatter_add, tp_scatter_add(in.a, 1, in.index, in.b))                                   \
    KERNEL(index_select, tp_index_select(in.a, 0, tp_select(in.index, 0, 0)))                      \
    KERNEL(index_add, tp_index_add(in.a, 0, tp_select(in.index, 0, 0), in.b))                      \
    KERNEL(masked_select, tp_masked_select(in.a, in.mask))                                         \
    KERNEL(softmax, tp_softmax(in.a, 1))                                                           \
    KERNEL(softmax_rows, tp_softmax(in.a, 0))                                                      \
    KERNEL(log_softmax, tp_log_softmax(in.a, 1))                                                   \
    KERNEL(layer_norm, tp_layer_norm(in.a, 1, in.row, in.row))                                     \
    KERNEL(rms_norm, tp_rms_norm(in.a, 1, in.row))                                                 \
    KERNEL(batch_norm, tp_batch_norm(in.a, NULL, NULL, in.row, in.row))                            \
    KERNEL(group_norm, tp_group_norm(in.image, 4, NULL, NULL))                                     \
    KERNEL(mse_loss, tp_mse_loss(in.a, in.b))                                                      \
    KERNEL(cross_entropy, tp_cross_entropy(in.a, tp_select(in.index, 0, 0)))                       \
    KERNEL(matmul, tp_matmul(in.a, in.b))                                                          \
    KERNEL(matmul_vector, tp_matmul(in.a, in.row))                                                 \
    KERNEL(outer, tp_mul(in.column, in.row))                                                       \
    KERNEL(conv2d, tp_conv2d(in.image, in.filter, NULL))                                           \
    KERNEL(max_pool2d, tp_max_pool2d(in.image, TP_SHAPE(2, 2)))                                    \
    KERNEL(max_pool2d_3, tp_max_pool2d(in.image, TP_SHAPE(3, 3)))                                  \
    KERNEL(avg_pool2d, tp_avg_pool2d(in.image, TP_SHAPE(2, 2)))                                    \
    KERNEL(attention, tp_scaled_dot_product_attention(in.query, in.query, in.query))               \
    KERNEL(lstm, tp_lstm(in.lstm_x, in.lstm_h, in.lstm_h, in.lstm_w, in.lstm_u, NULL, NULL, NULL)) \
    KERNEL(rotary, tp_rotary(in.query))                                                            \
    KERNEL(sgd_step, kernels_step_sgd())                                                           \
    KERNEL(adam_step, kernels_step_adam())                                                         \
    KERNEL(gradient_mul_tanh, KERNELS_GRADIENT(tp_mul(in.x, tp_tanh(in.y)), in.y))                 \
    KERNEL(gradient_div, KERNELS_GRADIENT(tp_div(in.x, in.y), in.y))                               \
    KERNEL(gradient_relu, KERNELS_GRADIENT(tp_relu(in.x), in.x))                                   \
    KERNEL(gradient_gelu, KERNELS_GRADIENT(tp_gelu(in.x), in.x))                                   \
    KERNEL(gradient_max, KERNELS_GRADIENT(tp_max(in.x, .axes = TP_AXES(1)), in.x))                 \
    KERNEL(gradient_softmax, KERNELS_GRADIENT(tp_mul(in.y, tp_softmax(in.x, 1)), in.x))            \
    KERNEL(gradient_layer_norm,                                                                    \
           KERNELS_GRADIENT(tp_mul(in.y, tp_layer_norm(in.x, 1, NULL, NULL)), in.x))               \
    KERNEL(gradient_batch_norm,                                                                    \
           KERNELS_GRADIENT(tp_mul(in.y, tp_batch_norm(in.x, NULL, NULL, NULL, NULL)), in.x))      \
    KERNEL(gradient_gather, KERNELS_GRADIENT(tp_gather(in.x, 1, in.index), in.x))                  \
    KERNEL(gradient_conv2d,                                                                        \
           KERNELS_GRADIENT(tp_square(tp_conv2d(in.image_variable, in.filter_variable, NULL)),     \
                            in.image_variable))                                                    \
    KERNEL(gradient_filter,                                                                        \
           KERNELS_GRADIENT(tp_square(tp_conv2d(in.image_variable, in.filter_variable, NULL)),     \
                            in.filter_variable))                                                   \
    KERNEL(gradient_max_pool2d,                                                                    \
           KERNELS_GRADIENT(tp_max_pool2d(in.image_variable, TP_SHAPE(2, 2)), in.image_variable))  \
    KERNEL(gradient_max_pool2d_3,                                                                  \
           KERNELS_GRADIENT(tp_max_pool2d(in.image_variable, TP_SHAPE(3, 3)), in.image_variable))  \
    KERNEL(gradient_avg_pool2d,                                                                    \
           KERNELS_GRADIENT(tp_avg_pool2d(in.image_variable, TP_SHAPE(2, 2)), in.image_variable))

#define KERNELS_FUNCTION(name, computed)                                                           \
    static void kernels_##name(void *context)                                                      \
    {                                                                                              \
        TP_SCOPE();                                                                                \
        (void)context;                                                                             \
        tp_data(computed);                                                                         \
    }
#define KERNELS_ROW(name, computed) {#name, kernels_##name},

KERNELS(KERNELS_FUNCTION)

static const struct kernels_row {
    const char *name;
    bench_step *step;
} kernels_rows[] = {KERNELS(KERNELS_ROW)};

static tp_var *kernels_random(tp_dtype dtype, int ndim, const int64_t *shape)
{
    return tp_keep(tp_randn(dtype, ndim, shape));
}

static void kernels_open(tp_dtype dtype)
{
    TP_SCOPE();
    enum { N = KERNELS_SIDE };
    const int64_t square[] = {N, N}, images[] = {4, 8, 64, 64}, filters[] = {8, 8, 3, 3};
    in.a = kernels_random(dtype, 2, square), in.b = kernels_random(dtype, 2, square);
    in.positive = tp_keep(tp_add(tp_square(in.a), 0.1));
    in.row = kernels_random(dtype, TP_SHAPE(N)), in.column = kernels_random(dtype, TP_SHAPE(N, 1));
    in.mask = tp_keep(tp_lt(in.a, in.b));
    in.index = tp_keep(tp_randint(0, N, 2, square));
    in.x = tp_keep(tp_variable(in.a)), in.y = tp_keep(tp_variable(in.b));
    in.image = kernels_random(dtype, 4, images), in.filter = kernels_random(dtype, 4, filters);
    in.image_variable = tp_keep(tp_variable(in.image));
    in.filter_variable = tp_keep(tp_variable(in.filter));
    in.query = kernels_random(dtype, 4, (const int64_t[]){2, 4, 64, 32});
    in.lstm_x = kernels_random(dtype, 3, (const int64_t[]){16, 8, 64});
    in.lstm_h = kernels_random(dtype, 2, (const int64_t[]){8, 64});
    in.lstm_w = kernels_random(dtype, 2, (const int64_t[]){256, 64});
    in.lstm_u = kernels_random(dtype, 2, (const int64_t[]){256, 64});
    in.parameter = tp_keep(tp_variable(in.a));
    in.m = tp_keep(tp_zeros(dtype, 2, square)), in.v = tp_keep(tp_zeros(dtype, 2, square));
    tp_backward(tp_sum(tp_square(in.parameter)));
}

static void kernels_measure(const struct kernels_row *row, const char *type)
{
    bench_race race = {.title = "", .unit = ""};
    bench_enter_step(&race, row->name, row->step, NULL, NULL);
    bench_run(&race, &(bench_plan){.rounds = KERNELS_SAMPLES, .sample_ns = 5e5});
    printf("%s_%s\t%.0f\n", row->name, type, race.entry[0].fastest);
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    tp_set_num_threads(1);
    bench_print_rates(stderr);
    for (int type = 0; type < 2; type++) {
        kernels_open(type ? TP_F64 : TP_F32);
        for (size_t k = 0; k < sizeof kernels_rows / sizeof *kernels_rows; k++)
            if (strstr(kernels_rows[k].name, wanted))
                kernels_measure(&kernels_rows[k], type ? "f64" : "f32");
    }
    return tp_check();
}
