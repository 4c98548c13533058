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
#include "integers.h"

#include "base/alloc.h"
#include "prototypes.h"

integers_case *integers_first;

/* --- Operands --- */

static tp_var *x22(void)
{
    return tp_variable(tp_eye(TP_F64, 2));
}

static tp_var *index2(void)
{
    return tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){0, 1}));
}

static tp_var *index12(void)
{
    return tp_zeros(TP_I64, TP_SHAPE(1, 2));
}

/* At most nine sizes behind a pointer. */
static const int64_t *sizes(const int64_t *k)
{
    static int64_t all[TP_MAX_NDIM + 1];
    for (int i = 0; i <= TP_MAX_NDIM; i++)
        all[i] = k[i % 3];
    return all;
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

/* --- array.h, random.h --- */

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

static tp_var *with_plot(const int64_t *k)
{
    tp_plot *plot = tp_plot_new(.width = to_int(k[0]), .height = to_int(k[1]));
    if (plot)
        tp_plot_histogram(plot, x23(), .bins = to_int(k[2]));
    tp_plot_free(plot);
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
INTEGERS(tp_sparkline, 1, DONE(free(tp_sparkline(x23(), to_int(k[0])))))
INTEGERS(tp_plot_new, 3, with_plot(k))
INTEGERS(tp_plot_images, 3, with_images(k))
INTEGERS(tp_draw_graph_to_memory, 2, with_drawing(to_int(k[0]), to_int(k[1])))
INTEGERS(tp_scope_end, 1, DONE(tp_scope_end(tp_scope_begin() + (size_t)(k[0] < 0 ? 0 : k[0]))))
INTEGERS(tp_name_scope_end, 1, DONE(tp_name_scope_end((size_t)k[0])))
INTEGERS(tp_dtype_name, 1, DONE(tp_dtype_name((tp_dtype)k[0])))
INTEGERS(tp_set_num_threads, 1, DONE((tp_set_num_threads(k[0] > 4 ? 4 : to_int(k[0])), tp_set_num_threads(1))))
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
