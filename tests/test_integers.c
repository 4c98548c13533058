/* SPDX-License-Identifier: MIT
 *
 * Every integer that a public function takes, with numbers that nobody means: a result, or an error
 * that names the call. What matters runs under the sanitizers of undefined behaviour and addresses.
 * INTEGERS(function, n, call) is a call with n integers k[0] … k[n − 1]; a test reads the headers
 * and asks for one of every function that takes integers, so new functions take part.
 *
 * A count of the elements behind a pointer cannot be checked and is not among them. Requests for
 * much memory fail, so sizes may be any.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include "base/alloc.h"
#include "prototypes.h"

typedef struct integers_case {
    const char *name;
    int n;
    tp_var *(*call)(const int64_t *k);
    struct integers_case *next;
} integers_case;

static integers_case *integers_first;

#define INTEGERS_NAMED(id, function, n_, ...)                                                      \
    static tp_var *id(const int64_t *k)                                                            \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    __attribute__((constructor)) static void TP__CAT(register_, id)(void)                          \
    {                                                                                              \
        static integers_case c = {#function, n_, id, NULL};                                        \
        c.next = integers_first;                                                                   \
        integers_first = &c;                                                                       \
    }
#define INTEGERS(function, n, ...)                                                                 \
    INTEGERS_NAMED(TP__CAT(TP__CAT(integers_, __LINE__), function), function, n, __VA_ARGS__)

/* --- Operands --- */

static tp_var *x23(void)
{
    return tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3)));
}

static tp_var *x22(void)
{
    return tp_variable(tp_eye(TP_F64, 2));
}

static tp_var *x_of(int ndim)
{
    const int64_t shape[] = {1, 4, 4, 4, 4};
    return tp_variable(tp_ones(TP_F64, ndim, shape));
}

static tp_var *index2(void)
{
    return tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){0, 1}));
}

static tp_var *index12(void)
{
    return tp_zeros(TP_I64, TP_SHAPE(1, 2));
}

/* An integer that other ones tell where to end, as int: what does not fit becomes the nearest. */
static int to_int(int64_t k)
{
    return k > INT32_MAX ? INT32_MAX : k < INT32_MIN ? INT32_MIN : (int)k;
}

/* At most nine sizes behind a pointer. */
static const int64_t *sizes(const int64_t *k)
{
    static int64_t all[TP_MAX_NDIM + 1];
    for (int i = 0; i <= TP_MAX_NDIM; i++)
        all[i] = k[i % 3];
    return all;
}

static tp_var *none(void)
{
    return tp_num(0);
}

/* The sum of 2³¹ elements, more than an int counts, takes a second: others are left out, and it
 * where time is short. */
static tp_var *with_elements(int64_t n)
{
    int64_t many = (int64_t)INT32_MAX + 1;
    bool slow = n == INT32_MAX || n > many || (n == many && test_short());
    return tp_sum(tp_expand(tp_variable(2.0), TP_SHAPE(slow ? 1 : n)));
}

/* A first result of a call that gives several. */
#define FIRST(call) (tp__first = NULL, call, tp__first ? tp__first : none())
static tp_var *tp__first;

/* A call that gives no value. */
#define DONE(call) ((call), none())

/* --- array.h, random.h --- */

/* --- Networks --- */

static tp_var *with_forward(tp_module *m, tp_var *x)
{
    tp_var *y = tp_forward(m, tp_to(x, TP_F32));
    tp_module_free(m);
    return y;
}

static tp_var *with_values(int n_in, int n_out)
{
    tp_module *m = tp_mse_loss_new();
    tp_var *in[2] = {x23(), x23()}, *out[2] = {NULL, NULL};
    tp_forward_n(m, n_in > 2 ? 2 : n_in, in, n_out > 2 ? 2 : n_out, out);
    return DONE(tp_module_free(m));
}

static tp_var *with_part(int64_t i)
{
    tp_module *m = tp_sequential_new(TP_MODULES(tp_identity_new()));
    tp_module_at(m, i < INT32_MIN ? -1 : i > INT32_MAX ? 7 : (int)i);
    return DONE(tp_module_free(m));
}

static tp_var *with_parameters(int n)
{
    tp_var *out[4];
    tp_module *m = tp_linear_new(2, 2);
    tp_parameters(m, n, out);
    return DONE(tp_module_free(m));
}

static tp_var *with_summary(int n_in)
{
    tp_module *m = tp_linear_new(3, 2, .dtype = TP_F64);
    tp_var *in[2] = {x23(), x23()};
    free(tp_module_summary(m, n_in, in));
    return DONE(tp_module_free(m));
}

/* clang-format off */
INTEGERS(tp_num_int, 1, tp_num_int(k[0]))
INTEGERS(tp_array, 1, tp_array((tp_dtype)k[0], TP_SHAPE(1), (double[]){1}))
INTEGERS(tp_array, 1, tp_array(TP_F64, k[0] > 0 && k[0] < 9 ? 0 : to_int(k[0]), (int64_t[]){1}, (double[]){1}))
INTEGERS(tp_zeros, 1, tp_zeros((tp_dtype)k[0], TP_SHAPE(2)))
INTEGERS(tp_zeros, 3, tp_zeros(TP_U8, TP_SHAPE(k[0], k[1], k[2])))
INTEGERS(tp_zeros, 3, tp_zeros(TP_F64, to_int(k[0]), sizes(k)))
INTEGERS(tp_ones, 2, tp_ones(TP_I32, TP_SHAPE(k[0], k[1])))
INTEGERS(tp_full, 2, tp_full(TP_F64, TP_SHAPE(k[0], k[1]), 2))
INTEGERS(tp_eye, 1, tp_eye(TP_U8, k[0]))
INTEGERS(tp_linspace, 1, tp_linspace(TP_F64, 0, 1, k[0]))
INTEGERS(tp_from_memory, 3, tp_from_memory(TP_F64, TP_SHAPE(1, 1), k, (double[]){1, 2, 3}, NULL, NULL))
INTEGERS(tp_from_memory, 2, tp_from_memory(TP_F64, TP_SHAPE(0, k[0]), (int64_t[]){k[1], k[0]}, (double[]){1}, NULL, NULL))
INTEGERS(tp_from_memory, 2, tp_from_memory(TP_F64, TP_SHAPE(k[0] > 0 ? 0 : k[0], k[1]), NULL, (double[]){1}, NULL, NULL))
INTEGERS(tp_to, 1, tp_to(x23(), (tp_dtype)k[0]))
INTEGERS(tp_manual_seed, 1, DONE(tp_manual_seed((uint64_t)k[0])))
INTEGERS(tp_rand, 2, tp_rand(TP_F32, TP_SHAPE(k[0], k[1])))
INTEGERS(tp_randn, 2, tp_randn(TP_F64, TP_SHAPE(k[0], k[1])))
INTEGERS(tp_randint, 2, tp_randint(k[0], k[1], TP_SHAPE(3)))
INTEGERS(tp_randint, 1, tp_randint(0, 2, TP_SHAPE(k[0])))
INTEGERS(tp_randperm, 1, tp_randperm(k[0]))
INTEGERS(tp_multinomial, 1, tp_multinomial(tp_detach(x23()), k[0], true))
INTEGERS(tp_multinomial, 1, tp_multinomial(tp_detach(x23()), k[0], false))

/* --- shape.h --- */

INTEGERS(tp_reshape, 3, tp_reshape(x23(), TP_SHAPE(k[0], k[1], k[2])))
INTEGERS(tp_reshape, 3, tp_reshape(x23(), to_int(k[0]), sizes(k)))
INTEGERS(tp_transpose, 2, tp_transpose(x23(), to_int(k[0]), to_int(k[1])))
INTEGERS(tp_permute, 2, tp_permute(x23(), TP_SHAPE(k[0], k[1])))
INTEGERS(tp_broadcast_to, 3, tp_broadcast_to(x23(), TP_SHAPE(k[0], k[1], k[2])))
INTEGERS(tp_broadcast_to, 3, tp_broadcast_to(tp_ones(TP_F64, TP_SHAPE(1)), TP_SHAPE(k[0], k[1], k[2])))
INTEGERS(tp_expand, 3, tp_expand(x23(), TP_SHAPE(k[0], k[1], k[2])))
INTEGERS(tp_expand, 3, tp_expand(tp_variable(2.0), to_int(k[0]), sizes(k)))
INTEGERS(tp_expand, 1, with_elements(k[0]))
INTEGERS(tp_sum_to, 2, tp_sum_to(x23(), TP_SHAPE(k[0], k[1])))
INTEGERS(tp_squeeze, 1, tp_squeeze(x_of(3), to_int(k[0])))
INTEGERS(tp_unsqueeze, 1, tp_unsqueeze(x23(), to_int(k[0])))
INTEGERS(tp_slice, 3, tp_slice(x23(), 1, k[0], k[1], k[2]))
INTEGERS(tp_slice, 1, tp_slice(x23(), to_int(k[0]), 0, 1, 1))
INTEGERS(tp_select, 2, tp_select(x23(), to_int(k[0]), k[1]))
INTEGERS(tp_slice_scatter, 3, tp_slice_scatter(x23(), tp_ones(TP_F64, TP_SHAPE(2, 1)), 1, k[0], k[1], k[2]))
INTEGERS(tp_slice_scatter, 3, tp_slice_scatter(x23(), tp_ones(TP_F64, TP_SHAPE(2, 0)), 1, k[0], k[1], k[2]))
INTEGERS(tp_concatenate, 1, tp_concatenate((tp_var *[]){x23(), x23()}, 2, to_int(k[0])))
INTEGERS(tp_concatenate, 1, tp_concatenate((tp_var *[]){x23()}, k[0] > 0 ? 1 : to_int(k[0]), 0))
INTEGERS(tp_gather, 1, tp_gather(x23(), to_int(k[0]), index12()))
INTEGERS(tp_scatter_add, 1, tp_scatter_add(x23(), to_int(k[0]), index12(), tp_ones(TP_F64, TP_SHAPE(1, 2))))
INTEGERS(tp_scatter, 1, tp_scatter(x23(), to_int(k[0]), index12(), tp_ones(TP_F64, TP_SHAPE(1, 2))))
INTEGERS(tp_gather, 1, tp_gather(x23(), 0, tp_full(TP_I64, TP_SHAPE(1, 2), (double)k[0])))
INTEGERS(tp_index_select, 1, tp_index_select(x23(), to_int(k[0]), index2()))
INTEGERS(tp_index_add, 1, tp_index_add(x23(), to_int(k[0]), index2(), x23()))
INTEGERS(tp_diagonal, 1, tp_diagonal(x23(), k[0]))
INTEGERS(tp_diag_embed, 1, tp_diag_embed(x23(), k[0]))
INTEGERS(tp_flip, 1, tp_flip(x23(), 1, k))
INTEGERS(tp_roll, 2, tp_roll(x23(), k[0], to_int(k[1])))
INTEGERS(tp_stack, 1, tp_stack((tp_var *[]){x23(), x23()}, 2, to_int(k[0])))
INTEGERS(tp_stack, 1, tp_stack((tp_var *[]){x23()}, k[0] > 0 ? 1 : to_int(k[0]), 0))
INTEGERS(tp_repeat, 3, tp_repeat(x23(), TP_SHAPE(k[0], k[1], k[2])))
INTEGERS(tp_repeat, 3, tp_repeat(x23(), to_int(k[0]), sizes(k)))
INTEGERS(tp_pad, 2, tp_pad(x23(), 1, k[0], k[1], 0))
INTEGERS(tp_pad, 1, tp_pad(x23(), to_int(k[0]), 1, 1, 0))
INTEGERS(tp_pad_by, 2, tp_pad_by(x23(), 1, k[0], k[1], TP_PAD_REFLECT))
INTEGERS(tp_pad_by, 2, tp_pad_by(x23(), 1, k[0], k[1], TP_PAD_REPLICATE))
INTEGERS(tp_pad_by, 2, tp_pad_by(x23(), 1, k[0], k[1], TP_PAD_CIRCULAR))
INTEGERS(tp_pad_by, 2, tp_pad_by(x23(), to_int(k[0]), 1, 1, (tp_pad_mode)k[1]))
INTEGERS(tp_repeat_interleave, 2, tp_repeat_interleave(x23(), k[0], to_int(k[1])))
INTEGERS(tp_split, 3, FIRST(tp_split(x23(), k[0], to_int(k[1]), &tp__first, k[2] > 1 ? 1 : k[2])))
INTEGERS(tp_chunk, 3, FIRST(tp_chunk(x23(), k[0], to_int(k[1]), &tp__first, k[2] > 1 ? 1 : k[2])))
INTEGERS(tp_unbind, 2, FIRST(tp_unbind(x23(), to_int(k[0]), &tp__first, k[1] > 1 ? 1 : k[1])))
INTEGERS(tp_tile, 3, tp_tile(x23(), k[0] > 9 ? 9 : to_int(k[0]), sizes(k)))
INTEGERS(tp_narrow, 3, tp_narrow(x23(), to_int(k[0]), k[1], k[2]))
INTEGERS(tp_triu, 1, tp_triu(x23(), k[0]))
INTEGERS(tp_tril, 1, tp_tril(x23(), k[0]))
INTEGERS(tp_vec_to_tril_matrix, 1, tp_vec_to_tril_matrix(x23(), k[0]))
INTEGERS(tp_tril_matrix_to_vec, 1, tp_tril_matrix_to_vec(x22(), k[0]))
INTEGERS(tp_one_hot, 1, tp_one_hot(index2(), k[0]))

/* --- elementwise.h, reduce.h --- */

INTEGERS(tp_pow_integer, 1, tp_pow_integer(x23(), k[0]))
INTEGERS(tp_pow_integer, 1, tp_pow_integer(tp_full(TP_I64, TP_SHAPE(2), 3), k[0]))
INTEGERS(tp_polygamma, 1, tp_polygamma(to_int(k[0]), x23()))
INTEGERS(tp_add, 2, tp_add(tp_num_int(k[0]), tp_num_int(k[1])))
INTEGERS(tp_mul, 2, tp_mul(tp_num_int(k[0]), index2()))
INTEGERS(tp_sub, 2, tp_sub(index2(), tp_num_int(k[0])))
INTEGERS(tp_remainder, 2, tp_remainder(tp_num_int(k[0]), tp_add(tp_num_int(k[1]), tp_zeros(TP_I64, TP_SHAPE(2)))))
INTEGERS(tp_fmod, 2, tp_fmod(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(2))), tp_num_int(k[1])))
INTEGERS(tp_abs, 1, tp_abs(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(2)))))
INTEGERS(tp_cumprod, 2, tp_cumprod(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(3))), 0))
INTEGERS(tp_cumsum, 2, tp_cumsum(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(3))), 0))
INTEGERS(tp_sum, 2, tp_sum(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(3)))))
INTEGERS(tp_prod, 2, tp_prod(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(3)))))
INTEGERS(tp_matmul, 2, tp_matmul(tp_add(tp_num_int(k[0]), tp_zeros(TP_I64, TP_SHAPE(2, 2))), tp_full(TP_I64, TP_SHAPE(2, 2), 3)))
INTEGERS(tp_sum, 2, tp_sum(x23(), .axes = TP_AXES(k[0], k[1])))
INTEGERS(tp_mean, 1, tp_mean(x23(), .axes = TP_AXES(k[0])))
INTEGERS(tp_norm, 1, tp_norm(x23(), 2, .axes = TP_AXES(k[0])))
INTEGERS(tp_variance, 1, tp_variance(x23(), .axes = TP_AXES(k[0])))
INTEGERS(tp_cumsum, 1, tp_cumsum(x23(), to_int(k[0])))
INTEGERS(tp_cumprod, 1, tp_cumprod(x23(), to_int(k[0])))
INTEGERS(tp_argmax, 1, tp_argmax(x23(), to_int(k[0])))
INTEGERS(tp_argmin, 1, tp_argmin(x23(), to_int(k[0])))
INTEGERS(tp_argsort, 1, tp_argsort(x23(), to_int(k[0]), false))
INTEGERS(tp_sort, 1, tp_sort(x23(), to_int(k[0]), true, NULL))
INTEGERS(tp_topk, 2, tp_topk(x23(), k[0], to_int(k[1]), true, NULL))
INTEGERS(tp_median, 1, tp_median(x23(), to_int(k[0])))

/* --- linalg.h --- */

INTEGERS(tp_einsum, 1, tp_einsum("ij->ji", (tp_var *[]){x23()}, k[0] > 0 ? 1 : to_int(k[0])))
INTEGERS(tp_tensordot, 1, tp_tensordot(x23(), x23(), to_int(k[0]), NULL, NULL))
INTEGERS(tp_tensordot, 2, tp_tensordot(x23(), x23(), 1, &k[0], &k[1]))
INTEGERS(tp_cross, 1, tp_cross(x23(), x23(), to_int(k[0])))
INTEGERS(tp_vander, 1, tp_vander(x23(), k[0]))
INTEGERS(tp_matrix_power, 1, tp_matrix_power(x22(), k[0]))
INTEGERS(tp_matrix_power, 1, tp_matrix_power(tp_full(TP_I64, TP_SHAPE(2, 2), 3), k[0]))

/* --- conv.h --- */

#define SIZES(a, b) TP_SIZES(a, b)
INTEGERS(tp_conv1d, 3, tp_conv1d(x_of(3), tp_ones(TP_F64, TP_SHAPE(4, 4, 3)), NULL, .stride = TP_SIZES(k[0]), .padding = TP_SIZES(k[1]), .dilation = TP_SIZES(k[2])))
INTEGERS(tp_conv2d, 3, tp_conv2d(x_of(4), tp_ones(TP_F64, TP_SHAPE(4, 4, 3, 3)), NULL, .stride = SIZES(1, k[0]), .padding = SIZES(k[1], 1), .dilation = SIZES(k[2], 1)))
INTEGERS(tp_conv2d, 2, tp_conv2d(x_of(4), tp_ones(TP_F64, TP_SHAPE(4, 4, 3, 3)), NULL, .groups = k[0], .padding = SIZES(k[1], k[1])))
INTEGERS(tp_conv3d, 3, tp_conv3d(x_of(5), tp_ones(TP_F64, TP_SHAPE(4, 4, 2, 2, 2)), NULL, .stride = TP_SIZES(k[0]), .padding = TP_SIZES(k[1]), .dilation = TP_SIZES(k[2])))
INTEGERS(tp_conv_transpose1d, 3, tp_conv_transpose1d(x_of(3), tp_ones(TP_F64, TP_SHAPE(4, 4, 3)), NULL, .stride = TP_SIZES(k[0]), .padding = TP_SIZES(k[1]), .output_padding = TP_SIZES(k[2])))
INTEGERS(tp_conv_transpose2d, 3, tp_conv_transpose2d(x_of(4), tp_ones(TP_F64, TP_SHAPE(4, 4, 3, 3)), NULL, .groups = k[0], .dilation = SIZES(k[1], 1), .output_padding = SIZES(k[2], 0)))
INTEGERS(tp_conv_transpose3d, 2, tp_conv_transpose3d(x_of(5), tp_ones(TP_F64, TP_SHAPE(4, 4, 2, 2, 2)), NULL, .stride = TP_SIZES(k[0]), .padding = TP_SIZES(k[1])))
INTEGERS(tp_unfold, 3, tp_unfold(x_of(4), TP_SHAPE(k[0], k[1]), .stride = TP_SIZES(k[2])))
INTEGERS(tp_unfold, 3, tp_unfold(x_of(4), TP_SHAPE(2), .stride = TP_SIZES(k[0]), .padding = TP_SIZES(k[1]), .dilation = TP_SIZES(k[2])))
INTEGERS(tp_fold, 2, tp_fold(tp_ones(TP_F64, TP_SHAPE(1, 4, 4)), k[0], k[1], TP_SHAPE(2)))
INTEGERS(tp_fold, 3, tp_fold(tp_ones(TP_F64, TP_SHAPE(1, 4, 4)), 3, 3, TP_SHAPE(2), .stride = TP_SIZES(k[0]), .padding = TP_SIZES(k[1]), .dilation = TP_SIZES(k[2])))
INTEGERS(tp_fold, 2, tp_fold(tp_ones(TP_F64, TP_SHAPE(1, 4, 4)), 3, 3, TP_SHAPE(k[0], k[1])))
INTEGERS(tp_max_pool1d, 3, tp_max_pool1d(x_of(3), TP_SHAPE(k[0]), .stride = TP_SIZES(k[1]), .padding = TP_SIZES(k[2])))
INTEGERS(tp_max_pool1d, 3, tp_max_pool1d(x_of(3), TP_SHAPE(k[0]), .stride = TP_SIZES(k[1]), .dilation = TP_SIZES(k[2]), .ceil_mode = true))
INTEGERS(tp_max_pool2d, 3, tp_max_pool2d(x_of(4), TP_SHAPE(k[0], 1), .stride = TP_SIZES(k[1]), .dilation = TP_SIZES(k[2])))
INTEGERS(tp_max_pool3d, 3, tp_max_pool3d(x_of(5), TP_SHAPE(k[0]), .stride = TP_SIZES(k[1]), .padding = TP_SIZES(k[2])))
INTEGERS(tp_avg_pool1d, 3, tp_avg_pool1d(x_of(3), TP_SHAPE(k[0]), .stride = TP_SIZES(k[1]), .padding = TP_SIZES(k[2]), .ceil_mode = true))
INTEGERS(tp_avg_pool2d, 3, tp_avg_pool2d(x_of(4), TP_SHAPE(k[0], 2), .stride = TP_SIZES(k[1]), .padding = TP_SIZES(k[2])))
INTEGERS(tp_avg_pool3d, 3, tp_avg_pool3d(x_of(5), TP_SHAPE(k[0]), .stride = TP_SIZES(k[1]), .padding = TP_SIZES(k[2])))
INTEGERS(tp_adaptive_avg_pool1d, 1, tp_adaptive_avg_pool1d(x_of(3), TP_SHAPE(k[0])))
INTEGERS(tp_adaptive_avg_pool2d, 2, tp_adaptive_avg_pool2d(x_of(4), TP_SHAPE(k[0], k[1])))
INTEGERS(tp_adaptive_max_pool1d, 1, tp_adaptive_max_pool1d(x_of(3), TP_SHAPE(k[0])))
INTEGERS(tp_adaptive_max_pool2d, 2, tp_adaptive_max_pool2d(x_of(4), TP_SHAPE(k[0], k[1])))
INTEGERS(tp_interpolate, 2, tp_interpolate(x_of(4), .to = SIZES(k[0], k[1])))
INTEGERS(tp_interpolate, 2, tp_interpolate(x_of(4), .to = SIZES(k[0], k[1]), .mode = TP_BILINEAR))
INTEGERS(tp_pixel_shuffle, 1, tp_pixel_shuffle(x_of(4), k[0]))
INTEGERS(tp_pixel_unshuffle, 1, tp_pixel_unshuffle(x_of(4), k[0]))

/* --- network.h, sequence.h --- */

INTEGERS(tp_softmax, 1, tp_softmax(x23(), to_int(k[0])))
INTEGERS(tp_log_softmax, 1, tp_log_softmax(x23(), to_int(k[0])))
INTEGERS(tp_layer_norm, 1, tp_layer_norm(x23(), to_int(k[0]), NULL, NULL))
INTEGERS(tp_rms_norm, 1, tp_rms_norm(x23(), to_int(k[0]), NULL))
INTEGERS(tp_group_norm, 1, tp_group_norm(x_of(3), k[0], NULL, NULL))
INTEGERS(tp_softmin, 1, tp_softmin(x23(), to_int(k[0])))
INTEGERS(tp_glu, 1, tp_glu(x22(), to_int(k[0])))
INTEGERS(tp_normalize, 1, tp_normalize(x23(), 2, to_int(k[0])))
INTEGERS(tp_local_response_norm, 1, tp_local_response_norm(x_of(3), k[0]))
INTEGERS(tp_embedding_padded, 1, tp_embedding_padded(index2(), x22(), k[0]))
INTEGERS(tp_embedding_bag, 3, tp_embedding_bag(tp_add(index12(), k[0]), x22(), NULL, .mode = (tp_bag_mode)k[1], .padding_idx = k[2]))
INTEGERS(tp_embedding_bag, 2, tp_embedding_bag(index2(), x22(), tp_array(TP_I64, TP_SHAPE(2), k), .include_last_offset = true))
INTEGERS(tp_multi_margin_loss, 3, tp_multi_margin_loss(x23(), tp_add(k[0], index2()), .p = k[1], .reduction = (tp_reduction)k[2]))
INTEGERS(tp_multilabel_margin_loss, 2, tp_multilabel_margin_loss(x22(), tp_array(TP_I64, TP_SHAPE(2, 2), (int64_t[]){k[0], k[1], 0, 1})))
INTEGERS(tp_cross_entropy, 2, tp_cross_entropy(x23(), index2(), .ignore_index = k[0], .reduction = (tp_reduction)k[1]))
INTEGERS(tp_nll_loss, 1, tp_nll_loss(x23(), tp_full(TP_I64, TP_SHAPE(2), (double)(k[0] / 2048)), .ignore_index = 7))
INTEGERS(tp_cosine_similarity, 1, tp_cosine_similarity(x23(), x23(), to_int(k[0])))
INTEGERS(tp_ctc_loss, 1, tp_ctc_loss(x_of(3), index2(), tp_full(TP_I64, TP_SHAPE(4), 1), tp_full(TP_I64, TP_SHAPE(4), 0), .blank = k[0]))
INTEGERS(tp_multi_head_attention, 1, tp_multi_head_attention(x23(), x23(), x23(), k[0]))
INTEGERS(tp_scaled_dot_product_attention, 1, tp_scaled_dot_product_attention(x23(), x23(), x23(), .causal = true, .offset = k[0]))
INTEGERS(tp_multi_head_attention, 1, tp_multi_head_attention(x23(), x23(), x23(), k[0], .enable_gqa = true))
INTEGERS(tp_recurrent, 3, tp_recurrent((tp_recurrent_kind)k[0], tp_unsqueeze(x23(), 1), NULL, NULL, ((tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_eye(TP_F64, 2)}), k[1] > 2 ? 2 : to_int(k[1]), .layers = k[2]))
INTEGERS(tp_recurrent, 1, tp_recurrent(TP_RNN_TANH, tp_unsqueeze(x23(), 1), NULL, NULL, ((tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_eye(TP_F64, 2)}), 2, .lengths = tp_array(TP_I64, TP_SHAPE(1), k)))
INTEGERS(tp_rotary, 1, tp_rotary(x22(), .offset = k[0]))
INTEGERS(tp_sinusoidal_positions, 2, tp_sinusoidal_positions(TP_F64, k[0], k[1]))

/* --- Derivatives, graphs, plots --- */

static tp_var *square_of(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(x));
}

static tp_var *square_of_first(void *ctx, tp_var *const *x)
{
    return square_of(ctx, x[0]);
}

static tp_var *with_series(int n)
{
    tp_var *x = tp_variable(2.0), *out[200] = {NULL};
    tp_derivatives(tp_exp(x), x, n > 200 ? 200 : n, out);
    return out[0] ? out[0] : none();
}

static tp_var *with_taylor(int n)
{
    tp_var *x = tp_variable(2.0), *out[200] = {NULL};
    tp_taylor(tp_exp(x), x, tp_scalar(1), n > 200 ? 200 : n, out);
    return out[0] ? out[0] : none();
}

static tp_var *with_mixed(int order, const int64_t *index)
{
    tp_var *x = x23();
    return tp_mixed(tp_exp(tp_sum(x)), x, order, index);
}

static tp_var *with_gradients(int n)
{
    tp_var *x = x23(), *out[1] = {NULL};
    tp_gradients(tp_sum(x), &x, n > 1 ? 1 : n, out);
    return out[0] ? out[0] : none();
}

static tp_var *with_sgd(int n)
{
    tp_var *x = x23();
    tp_backward(tp_sum(x));
    return DONE(tp_sgd_step(&x, NULL, n > 1 ? 1 : n, .lr = 0.1));
}

static tp_var *with_adam(int n, int64_t step)
{
    tp_var *x = x23(), *m = tp_zeros(TP_F64, TP_SHAPE(2, 3)), *v = tp_zeros(TP_F64, TP_SHAPE(2, 3));
    tp_backward(tp_sum(x));
    return DONE(tp_adam_step(&x, &m, &v, n > 1 ? 1 : n, step, .lr = 0.1));
}

static tp_var *with_optimizer(tp_optimizer *o)
{
    return DONE(tp_optimizer_free(o));
}

static tp_var *with_group(int group, int n, double lr)
{
    tp_var *x = x23(), *y = x23();
    tp_optimizer *o = tp_sgd_new(&x, 1, lr);
    tp_optimizer_add_group(o, &y, n > 1 ? 1 : n, lr);
    tp_optimizer_set_lr(o, group, tp_optimizer_lr(o, group));
    tp_optimizer_set_option(o, group, "momentum", tp_optimizer_option(o, group, "momentum"));
    return with_optimizer(o);
}

static tp_var *with_schedule(tp_schedule *(*make)(tp_optimizer *o, const int64_t *k),
                             const int64_t *k)
{
    tp_var *x = x23();
    tp_optimizer *o = tp_sgd_new(&x, 1, 0.1, .momentum = 0.5);
    tp_schedule *s = make(o, k);
    for (int i = 0; s && i < 4 && !tp_error(); i++)
        tp_schedule_step_metric(s, 1);
    return DONE((tp_schedule_free(s), tp_optimizer_free(o)));
}

#define SCHEDULE(name, ...)                                                                        \
    static tp_schedule *schedule_##name(tp_optimizer *o, const int64_t *k)                         \
    {                                                                                              \
        return (void)o, (void)k, __VA_ARGS__;                                                      \
    }
SCHEDULE(step, tp_step_lr_new(o, k[0]))
SCHEDULE(multi, tp_multi_step_lr_new(o, ((const int64_t[]){k[0], k[1]}), k[2] > 2 ? 2 : to_int(k[2])))
SCHEDULE(cosine, tp_cosine_annealing_lr_new(o, k[0]))
SCHEDULE(restarts, tp_cosine_annealing_warm_restarts_new(o, k[0], .T_mult = k[1]))
SCHEDULE(cycle, tp_one_cycle_lr_new(o, 0.5, k[0]))
SCHEDULE(chained, tp_chained_scheduler_new((tp_schedule *const[]){NULL}, k[0] > 1 ? 1 : to_int(k[0])))
SCHEDULE(sequential, tp_sequential_lr_new((tp_schedule *const[]){NULL}, k[0] > 1 ? 1 : to_int(k[0]), NULL))

static tp_var *const *param(void)
{
    static tp_var *x;
    return x = x23(), &x;
}

static tp_var *with_ema(int i)
{
    tp_ema *e = tp_swa_new(param(), 1);
    tp_ema_at(e, i);
    return DONE(tp_ema_free(e));
}

static tp_var *with_plot(const int64_t *k)
{
    tp_plot *plot = tp_plot_new(.width = to_int(k[0]), .height = to_int(k[1]));
    if (plot)
        tp_plot_histogram(plot, x23(), .bins = to_int(k[2]));
    tp_plot_free(plot);
    return none();
}

static tp_var *with_dataset(int64_t index, int64_t batch_size, int64_t samples, int64_t rank)
{
    tp_var *v[1];
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_loader *l = tp_loader_new(d, batch_size, .samples = samples, .rank = to_int(rank),
                                 .world_size = to_int(rank) < INT32_MAX ? to_int(rank) + 1 : 1,
                                 .weights = samples ? tp_ones(TP_F64, TP_SHAPE(2)) : NULL);
    if (l && tp_loader_len(l) < 9)
        tp_loader_next(l, v);
    tp_dataset_get(d, index, v);
    tp_loader_free(l);
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_table(int64_t row, int64_t column)
{
    FILE *file = fopen("integers.csv", "wb");
    if (file) {
        fputs("a,b\n1,x\n", file);
        fclose(file);
    }
    tp_table *t = tp_load_csv("integers.csv");
    tp_table_name(t, to_int(column));
    tp_table_text(t, row, to_int(column));
    tp_table_is_numbers(t, to_int(column));
    tp_table_numbers(t, to_int(column));
    tp_table_classes(t, to_int(column), NULL);
    tp_dataset_free(tp_table_dataset_new(t, to_int(column)));
    tp_table_free(t);
    return tp_num(0);
}

static tp_var *with_tokens(int64_t token, int64_t length, int64_t stride)
{
    tp_tokenizer *k = tp_char_tokenizer_new("abc", token > 3 || token < 0 ? 3 : (size_t)token);
    tp_tokenizer_token(k, token, NULL);
    tp_tokenizer_find(k, "a", 1);
    tp_var *tokens = tp_tokenizer_encode(k, "a", 1);
    free(tp_tokenizer_decode(k, tp_full(TP_I64, TP_SHAPE(1), (double)token), NULL));
    tp_dataset_free(tp_token_dataset_new(tokens, length, stride));
    tp_tokenizer_free(k);
    return tp_num(0);
}

static tp_var *with_seek(int64_t epoch, int64_t batch)
{
    tp_var *v[1];
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_loader *l = tp_loader_new(d, 1, .shuffle = true, .seed = (uint64_t)batch);
    tp_loader_seek(l, epoch, batch);
    for (int i = 0; i < 4; i++)
        tp_loader_next(l, v);
    tp_loader_free(l);
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_subset(int64_t n, int64_t index)
{
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_dataset_free(tp_subset_new(d, n > 1 ? 1 : n, &index));
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_split(int64_t n, int64_t length)
{
    const int64_t lengths[] = {length, 2};
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_dataset *part[2] = {NULL, NULL};
    tp_random_split(d, n > 2 ? 2 : to_int(n), lengths, (uint64_t)length, part);
    tp_dataset_free(part[0]);
    tp_dataset_free(part[1]);
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_metric(tp_metric *m)
{
    if (m)
        tp_metric_update(m, tp_zeros(TP_F32, TP_SHAPE(2, 2)), tp_zeros(TP_I64, TP_SHAPE(2)));
    return DONE(tp_metric_free(m));
}

static tp_var *with_events(int64_t first, int64_t step)
{
    tp_event_writer *w = tp_event_writer_new("integers_events", first);
    if (w) {
        tp_event_scalar(w, "a", step, 1);
        tp_event_histogram(w, "b", step, x23());
    }
    return DONE(tp_event_writer_free(w));
}

static tp_var *with_dict(int64_t i)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "x", x23());
    tp_var *v = tp_state_dict_at(d, i);
    if (v)
        CHECK_TEXT(tp_state_dict_name(d, i), "x");
    else
        CHECK(!tp_state_dict_name(d, i));
    tp_state_dict_free(d);
    return none();
}

static tp_var *with_images(const int64_t *k)
{
    tp_plot *plot = tp_plot_new(.legend = (tp_legend)k[1]);
    if (plot)
        tp_plot_images(plot, x23(), .columns = to_int(k[0]), .palette = (tp_palette)k[2]);
    tp_plot_free(plot);
    return none();
}

static tp_var *with_drawing(int repeats, int steps)
{
    tp_var *x = tp_variable(2.0);
    free(tp_draw_graph_to_memory(tp_exp(tp_exp(x)), "dot", NULL, .repeats = repeats, .around = x, .steps = steps));
    return none();
}

INTEGERS(tp_derivatives, 1, with_series(to_int(k[0])))
INTEGERS(tp_taylor, 1, with_taylor(to_int(k[0])))
INTEGERS(tp_mixed, 3, with_mixed(k[2] > 3 && k[2] < 21 ? 3 : to_int(k[2]), sizes(k)))
INTEGERS(tp_gradients, 1, with_gradients(to_int(k[0])))
INTEGERS(tp_leaves, 1, DONE(tp_leaves(tp_sum(x23()), k[0] > 0 ? 0 : (size_t)(k[0] != 0), &(tp_var *){NULL})))
INTEGERS(tp_register_hook, 1, DONE(tp_remove_hook(x23(), (uint32_t)k[0])))
INTEGERS(tp_remove_hook, 1, DONE(tp_remove_hook(x23(), (uint32_t)k[0])))
INTEGERS(tp_checkpoint, 1, tp_checkpoint(square_of_first, NULL, (tp_var *[]){x23()}, k[0] > 1 ? 1 : to_int(k[0])))
INTEGERS(tp_checkpoint_sequence, 1, tp_checkpoint_sequence(NULL, NULL, k[0] > 0 ? 0 : to_int(k[0]), x23()))
INTEGERS(tp_sum_blocks, 2, tp_sum_blocks(square_of_first, NULL, (tp_var *[]){x23()}, k[0] > 1 ? 1 : to_int(k[0]), k[1]))
INTEGERS(tp_gradcheck, 2, DONE(tp_gradcheck(square_of_first, NULL, (tp_var *[]){x23()}, k[0] > 1 ? 1 : to_int(k[0]), .orders = k[1] > 2 ? 2 : to_int(k[1]))))
INTEGERS(tp_gradcheck, 2, DONE(tp_gradcheck(square_of_first, NULL, (tp_var *[]){x23()}, 1, .directions = k[0] > 2 ? 2 : to_int(k[0]), .seed = (uint64_t)k[1])))
INTEGERS(tp_minimize, 2, DONE(tp_minimize(square_of, NULL, tp_ones(TP_F64, TP_SHAPE(2)), &(tp_minimize_result){0}, .iterations = to_int(k[0]), .method = (tp_method)k[1])))
INTEGERS(tp_least_squares, 1, DONE(tp_least_squares(square_of, NULL, tp_ones(TP_F64, TP_SHAPE(2)), &(tp_minimize_result){0}, .iterations = to_int(k[0]))))
INTEGERS(tp_find_root, 1, DONE(tp_find_root(square_of, NULL, tp_ones(TP_F64, TP_SHAPE(1)), &(tp_minimize_result){0}, .iterations = to_int(k[0]))))
INTEGERS(tp_method_name, 1, DONE(tp_method_name((tp_method)k[0])))
INTEGERS(tp_formula, 1, tp_formula("x", (const char *[]){"x"}, (tp_var *[]){x23()}, k[0] > 0 ? 1 : to_int(k[0])))
INTEGERS(tp_expression_new, 1, DONE(tp_expression_free(tp_expression_new("2", (const char *[]){"x"}, k[0] > 0 ? 1 : to_int(k[0])))))
INTEGERS(tp_expression_variable, 1, DONE(tp_expression_variable(NULL, to_int(k[0]))))
INTEGERS(tp_sgd_step, 1, with_sgd(to_int(k[0])))
INTEGERS(tp_adam_step, 2, with_adam(to_int(k[0]), k[1]))
INTEGERS(tp_dataset_get, 1, with_dataset(k[0], 1, 0, 0))
INTEGERS(tp_top_k_accuracy_new, 1, with_metric(tp_top_k_accuracy_new(k[0])))
INTEGERS(tp_confusion_matrix_new, 1, with_metric(tp_confusion_matrix_new(k[0])))
INTEGERS(tp_precision_new, 1, with_metric(tp_precision_new(k[0], TP_MACRO)))
INTEGERS(tp_recall_new, 1, with_metric(tp_recall_new(k[0], TP_WEIGHTED)))
INTEGERS(tp_f1_new, 1, with_metric(tp_f1_new(k[0], TP_MICRO)))
INTEGERS(tp_event_writer_new, 1, with_events(k[0], 0))
INTEGERS(tp_event_scalar, 1, with_events(0, k[0]))
INTEGERS(tp_event_histogram, 1, with_events(1, k[0]))
INTEGERS(tp_loader_new, 3, with_dataset(0, k[0], k[1], k[2]))
INTEGERS(tp_loader_seek, 2, with_seek(k[0], k[1]))
INTEGERS(tp_tensor_dataset_new, 1, DONE(tp_dataset_free(tp_tensor_dataset_new(k[0] > 0 ? 1 : to_int(k[0]), (tp_var *[]){x23()}))))
INTEGERS(tp_subset_new, 2, with_subset(k[0], k[1]))
INTEGERS(tp_random_split, 2, with_split(k[0], k[1]))
INTEGERS(tp_concat_dataset_new, 1, DONE(tp_dataset_free(tp_concat_dataset_new(k[0] > 0 ? 1 : to_int(k[0]), (tp_dataset *[]){NULL}))))
INTEGERS(tp_sgd_new, 1, with_optimizer(tp_sgd_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adagrad_new, 1, with_optimizer(tp_adagrad_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adadelta_new, 1, with_optimizer(tp_adadelta_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_rmsprop_new, 1, with_optimizer(tp_rmsprop_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adam_new, 1, with_optimizer(tp_adam_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adamw_new, 1, with_optimizer(tp_adamw_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adamax_new, 1, with_optimizer(tp_adamax_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_nadam_new, 1, with_optimizer(tp_nadam_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_radam_new, 1, with_optimizer(tp_radam_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_lion_new, 1, with_optimizer(tp_lion_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_step_lr_new, 1, with_schedule(schedule_step, k))
INTEGERS(tp_multi_step_lr_new, 3, with_schedule(schedule_multi, k))
INTEGERS(tp_cosine_annealing_lr_new, 1, with_schedule(schedule_cosine, k))
INTEGERS(tp_cosine_annealing_warm_restarts_new, 2, with_schedule(schedule_restarts, k))
INTEGERS(tp_one_cycle_lr_new, 1, with_schedule(schedule_cycle, k))
INTEGERS(tp_chained_scheduler_new, 1, with_schedule(schedule_chained, k))
INTEGERS(tp_sequential_lr_new, 1, with_schedule(schedule_sequential, k))
INTEGERS(tp_clip_grad_norm_, 1, DONE(tp_clip_grad_norm_(param(), k[0] > 1 ? 1 : to_int(k[0]), 1)))
INTEGERS(tp_clip_grad_value_, 1, DONE(tp_clip_grad_value_(param(), k[0] > 1 ? 1 : to_int(k[0]), 1)))
INTEGERS(tp_ema_new, 1, DONE(tp_ema_free(tp_ema_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.5))))
INTEGERS(tp_swa_new, 1, DONE(tp_ema_free(tp_swa_new(param(), k[0] > 1 ? 1 : to_int(k[0])))))
INTEGERS(tp_ema_at, 1, with_ema(to_int(k[0])))
INTEGERS(tp_lbfgs_new, 1, with_optimizer(tp_lbfgs_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_gauss_newton_new, 1, with_optimizer(tp_gauss_newton_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_optimizer_add_group, 1, with_group(0, to_int(k[0]), 0.1))
INTEGERS(tp_optimizer_lr, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_optimizer_set_lr, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_optimizer_option, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_optimizer_set_option, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_load_csv, 1, DONE(tp_table_free(tp_load_csv("/dev/null", .skip = k[0]))))
INTEGERS(tp_table_name, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_text, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_is_numbers, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_numbers, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_classes, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_dataset_new, 2, with_table(k[0], k[1]))
INTEGERS(tp_char_tokenizer_new, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_bpe_tokenizer_train, 1, DONE(tp_tokenizer_free(tp_bpe_tokenizer_train("aaaa", 4, k[0]))))
INTEGERS(tp_tokenizer_token, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_tokenizer_find, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_tokenizer_encode, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_tokenizer_decode, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_token_dataset_new, 2, with_tokens(0, k[0], k[1]))
INTEGERS(tp_token_file_dataset_new, 2, DONE(tp_dataset_free(tp_token_file_dataset_new("/dev/null", false, k[0], k[1]))))
INTEGERS(tp_state_dict_name, 1, with_dict(k[0]))
INTEGERS(tp_state_dict_at, 1, with_dict(k[0]))
INTEGERS(tp_sparkline, 1, DONE(free(tp_sparkline(x23(), to_int(k[0])))))
INTEGERS(tp_plot_new, 3, with_plot(k))
INTEGERS(tp_plot_images, 3, with_images(k))
INTEGERS(tp_draw_graph_to_memory, 2, with_drawing(to_int(k[0]), to_int(k[1])))
INTEGERS(tp_scope_end, 1, DONE(tp_scope_end(tp_scope_begin() + (size_t)(k[0] < 0 ? 0 : k[0]))))
INTEGERS(tp_name_scope_end, 1, DONE(tp_name_scope_end((size_t)k[0])))
INTEGERS(tp_dtype_name, 1, DONE(tp_dtype_name((tp_dtype)k[0])))
INTEGERS(tp_set_num_threads, 1, DONE((tp_set_num_threads(k[0] > 4 ? 4 : to_int(k[0])), tp_set_num_threads(1))))
/* --- Networks --- */
INTEGERS(tp_linear_new, 3, DONE(tp_module_free(tp_linear_new(k[0], k[1], .dtype = (tp_dtype)k[2]))))
INTEGERS(tp_unflatten_new, 2, DONE(tp_module_free(tp_unflatten_new(TP_SHAPE(k[0], k[1])))))
INTEGERS(tp_embedding_new, 2, DONE(tp_module_free(tp_embedding_new(k[0], k[1]))))
INTEGERS(tp_conv1d_new, 3, DONE(tp_module_free(tp_conv1d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv2d_new, 3, DONE(tp_module_free(tp_conv2d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv2d_new, 3, with_forward(tp_conv2d_new(1, 2, 3, .stride.one = k[0], .padding.one = k[1], .dilation.one = k[2]), x_of(4)))
INTEGERS(tp_conv2d_new, 1, DONE(tp_module_free(tp_conv2d_new(2, 2, 3, .groups = k[0]))))
INTEGERS(tp_conv3d_new, 3, DONE(tp_module_free(tp_conv3d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv_transpose1d_new, 3, DONE(tp_module_free(tp_conv_transpose1d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv_transpose2d_new, 3, DONE(tp_module_free(tp_conv_transpose2d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv_transpose3d_new, 3, DONE(tp_module_free(tp_conv_transpose3d_new(k[0], k[1], k[2]))))
INTEGERS(tp_max_pool1d_new, 1, with_forward(tp_max_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_max_pool2d_new, 2, with_forward(tp_max_pool2d_new(k[0], .stride.one = k[1]), x_of(4)))
INTEGERS(tp_max_pool3d_new, 1, with_forward(tp_max_pool3d_new(k[0]), x_of(5)))
INTEGERS(tp_avg_pool1d_new, 1, with_forward(tp_avg_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_avg_pool2d_new, 2, with_forward(tp_avg_pool2d_new(k[0], .padding.one = k[1]), x_of(4)))
INTEGERS(tp_avg_pool3d_new, 1, with_forward(tp_avg_pool3d_new(k[0]), x_of(5)))
INTEGERS(tp_adaptive_avg_pool1d_new, 1, with_forward(tp_adaptive_avg_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_adaptive_avg_pool2d_new, 1, with_forward(tp_adaptive_avg_pool2d_new(k[0]), x_of(4)))
INTEGERS(tp_adaptive_max_pool1d_new, 1, with_forward(tp_adaptive_max_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_adaptive_max_pool2d_new, 1, with_forward(tp_adaptive_max_pool2d_new(k[0]), x_of(4)))
INTEGERS(tp_layer_norm_new, 2, with_forward(tp_layer_norm_new(TP_SHAPE(k[0], k[1])), x_of(4)))
INTEGERS(tp_rms_norm_new, 1, with_forward(tp_rms_norm_new(TP_SHAPE(k[0])), x_of(4)))
INTEGERS(tp_batch_norm_new, 2, with_forward(tp_batch_norm_new(k[0], .dtype = (tp_dtype)k[1]), x_of(4)))
INTEGERS(tp_group_norm_new, 2, with_forward(tp_group_norm_new(k[0], k[1]), x_of(4)))
INTEGERS(tp_instance_norm_new, 1, with_forward(tp_instance_norm_new(k[0]), x_of(4)))
INTEGERS(tp_rnn_new, 3, DONE(tp_module_free(tp_rnn_new(k[0], k[1], .layers = k[2] > 9 ? 2 : to_int(k[2])))))
INTEGERS(tp_lstm_new, 2, DONE(tp_module_free(tp_lstm_new(k[0], k[1]))))
INTEGERS(tp_gru_new, 2, DONE(tp_module_free(tp_gru_new(k[0], k[1]))))
INTEGERS(tp_multihead_attention_new, 2, DONE(tp_module_free(tp_multihead_attention_new(k[0], k[1]))))
INTEGERS(tp_transformer_encoder_layer_new, 3, DONE(tp_module_free(tp_transformer_encoder_layer_new(k[0], k[1], k[2]))))
INTEGERS(tp_softmax_new, 1, with_forward(tp_softmax_new(to_int(k[0])), x_of(3)))
INTEGERS(tp_log_softmax_new, 1, with_forward(tp_log_softmax_new(to_int(k[0])), x_of(3)))
INTEGERS(tp_forward_n, 2, with_values(to_int(k[0]), to_int(k[1])))
INTEGERS(tp_module_at, 1, with_part(k[0]))
INTEGERS(tp_parameters, 1, with_parameters(k[0] > 4 ? 4 : to_int(k[0])))
INTEGERS(tp_module_summary, 1, with_summary(k[0] > 2 ? 2 : to_int(k[0])))
INTEGERS(tp_sequential_new, 1, DONE(tp_module_free(tp_sequential_new(k[0] > 0 ? 0 : to_int(k[0]), NULL))))
/* clang-format on */

/* --- Running them --- */

static const int64_t hostile[] = {0,
                                  1,
                                  -1,
                                  2,
                                  3,
                                  5,
                                  -2,
                                  INT32_MAX,
                                  INT32_MIN,
                                  (int64_t)INT32_MAX + 1,
                                  INT64_C(1) << 53,
                                  (INT64_C(1) << 62) + 1,
                                  INT64_MAX - 1,
                                  INT64_MAX,
                                  INT64_MIN + 1,
                                  INT64_MIN};
enum { HOSTILE = sizeof hostile / sizeof *hostile };

static void run_case(const integers_case *c, const int64_t *k)
{
    TP_SCOPE();
    tp_var *y = c->call(k);
    const char *message = tp_error();
    test_check(!message || tp_status() == TP_ERROR_MEMORY || strchr(message, ':'), __FILE__,
               __LINE__, "%s of %lld, %lld, %lld: the error names no call: %s", c->name,
               (long long)k[0], (long long)k[1], (long long)k[2], message ? message : "");
    test_check(y && (message || !tp_is_poison(y)), __FILE__, __LINE__,
               "%s of %lld, %lld, %lld: poison, and no error", c->name, (long long)k[0],
               (long long)k[1], (long long)k[2]);
    if (!message && tp_requires_grad(y) && tp_size(y) < 1 << 24)
        tp_backward(tp_sum(y));
    tp_clear_error();
}

TEST(hostile_integers_give_results_or_errors)
{
    free(tp_draw_graph_to_memory(tp_variable(1.0), "dot", NULL));
    tp__alloc_fail_above((size_t)64 << 20);
    for (const integers_case *c = integers_first; c; c = c->next) {
        int64_t n = c->n == 1   ? HOSTILE
                    : c->n == 2 ? HOSTILE * HOSTILE
                                : HOSTILE * HOSTILE * HOSTILE;
        int64_t step = c->n == 1 ? 1 : (c->n == 2 ? 1 : 7) * (test_short() ? 5 : 1);
        for (int64_t i = 0; i < n; i += step) {
            const int64_t k[4] = {hostile[i % HOSTILE], hostile[i / HOSTILE % HOSTILE],
                                  hostile[i / HOSTILE / HOSTILE % HOSTILE], 0};
            run_case(c, k);
        }
    }
    tp__alloc_fail_above(0);
}

TEST(every_function_that_takes_integers_is_among_them)
{
    char *headers = prototypes_read(TEST_HEADERS), *at = headers, name[64], parameters[600];
    int n = 0;
    CHECK(headers != NULL);
    while (headers && prototypes_next(&at, name, parameters)) {
        const integers_case *c = integers_first;
        if (!prototypes_takes(parameters, "int int64_t size_t uint32_t uint64_t"))
            continue;
        while (c && strcmp(c->name, name))
            c = c->next;
        test_check(c != NULL, __FILE__, __LINE__, "%s takes integers: add INTEGERS(%s, …)", name,
                   name);
        n++;
    }
    CHECK(n > 80);
    free(headers);
}
