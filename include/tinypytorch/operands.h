/* SPDX-License-Identifier: MIT
 * Written by scripts/operands.
 *
 * Numbers as operands of the other operations: tp_exp(1), tp_matmul(a, 2), tp_softplus(s.bit). So
 * every operand of every operation may be a number of any arithmetic type. Only tinypytorch.h
 * includes this.
 */
#ifndef TINYPYTORCH_OPERANDS_H
#define TINYPYTORCH_OPERANDS_H

#include "conv.h"
#include "elementwise.h"
#include "linalg.h"
#include "network.h"
#include "random.h"
#include "reduce.h"
#include "sequence.h"
#include "shape.h"

#if defined(TP__V) && !defined(TP__LIBRARY)
/* clang-format off */

/* elementwise.h */
#define tp_neg(x) tp_neg(TP__V(x))
#define tp_pow_number(x, ...) tp_pow_number(TP__V(x), __VA_ARGS__)
#define tp_pow_integer(x, ...) tp_pow_integer(TP__V(x), __VA_ARGS__)
#define tp_square(x) tp_square(TP__V(x))
#define tp_reciprocal(x) tp_reciprocal(TP__V(x))
#define tp_sqrt(x) tp_sqrt(TP__V(x))
#define tp_rsqrt(x) tp_rsqrt(TP__V(x))
#define tp_exp(x) tp_exp(TP__V(x))
#define tp_exp2(x) tp_exp2(TP__V(x))
#define tp_expm1(x) tp_expm1(TP__V(x))
#define tp_log(x) tp_log(TP__V(x))
#define tp_log2(x) tp_log2(TP__V(x))
#define tp_log10(x) tp_log10(TP__V(x))
#define tp_log1p(x) tp_log1p(TP__V(x))
#define tp_sin(x) tp_sin(TP__V(x))
#define tp_cos(x) tp_cos(TP__V(x))
#define tp_tan(x) tp_tan(TP__V(x))
#define tp_asin(x) tp_asin(TP__V(x))
#define tp_acos(x) tp_acos(TP__V(x))
#define tp_atan(x) tp_atan(TP__V(x))
#define tp_sinh(x) tp_sinh(TP__V(x))
#define tp_cosh(x) tp_cosh(TP__V(x))
#define tp_tanh(x) tp_tanh(TP__V(x))
#define tp_asinh(x) tp_asinh(TP__V(x))
#define tp_acosh(x) tp_acosh(TP__V(x))
#define tp_atanh(x) tp_atanh(TP__V(x))
#define tp_sinc(x) tp_sinc(TP__V(x))
#define tp_erf(x) tp_erf(TP__V(x))
#define tp_erfc(x) tp_erfc(TP__V(x))
#define tp_erfinv(x) tp_erfinv(TP__V(x))
#define tp_lgamma(x) tp_lgamma(TP__V(x))
#define tp_digamma(x) tp_digamma(TP__V(x))
#define tp_logit(x) tp_logit(TP__V(x))
#define tp_polygamma(n, x) tp_polygamma(n, TP__V(x))
#define tp_abs(x) tp_abs(TP__V(x))
#define tp_sign(x) tp_sign(TP__V(x))
#define tp_floor(x) tp_floor(TP__V(x))
#define tp_ceil(x) tp_ceil(TP__V(x))
#define tp_round(x) tp_round(TP__V(x))
#define tp_trunc(x) tp_trunc(TP__V(x))
#define tp_frac(x) tp_frac(TP__V(x))
#define tp_relu(x) tp_relu(TP__V(x))
#define tp_sigmoid(x) tp_sigmoid(TP__V(x))
#define tp_logsigmoid(x) tp_logsigmoid(TP__V(x))
#define tp_softplus(x) tp_softplus(TP__V(x))
#define tp_silu(x) tp_silu(TP__V(x))
#define tp_mish(x) tp_mish(TP__V(x))
#define tp_gelu(x) tp_gelu(TP__V(x))
#define tp_gelu_tanh(x) tp_gelu_tanh(TP__V(x))
#define tp_selu(x) tp_selu(TP__V(x))
#define tp_softsign(x) tp_softsign(TP__V(x))
#define tp_hardtanh(x) tp_hardtanh(TP__V(x))
#define tp_relu6(x) tp_relu6(TP__V(x))
#define tp_hardsigmoid(x) tp_hardsigmoid(TP__V(x))
#define tp_hardswish(x) tp_hardswish(TP__V(x))
#define tp_elu(x, ...) tp_elu(TP__V(x), __VA_ARGS__)
#define tp_celu(x, ...) tp_celu(TP__V(x), __VA_ARGS__)
#define tp_leaky_relu(x, ...) tp_leaky_relu(TP__V(x), __VA_ARGS__)
#define tp_isnan(x) tp_isnan(TP__V(x))
#define tp_isinf(x) tp_isinf(TP__V(x))
#define tp_isfinite(x) tp_isfinite(TP__V(x))
#define tp_logical_not(x) tp_logical_not(TP__V(x))

/* reduce.h */
#define tp_cumsum(x, ...) tp_cumsum(TP__V(x), __VA_ARGS__)
#define tp_cumprod(x, ...) tp_cumprod(TP__V(x), __VA_ARGS__)
#define tp_argmax(x, ...) tp_argmax(TP__V(x), __VA_ARGS__)
#define tp_argmin(x, ...) tp_argmin(TP__V(x), __VA_ARGS__)
#define tp_argsort(x, ...) tp_argsort(TP__V(x), __VA_ARGS__)
#define tp_sort(x, ...) tp_sort(TP__V(x), __VA_ARGS__)
#define tp_topk(x, ...) tp_topk(TP__V(x), __VA_ARGS__)
#define tp_median(x, ...) tp_median(TP__V(x), __VA_ARGS__)

/* shape.h */
#define tp_reshape(x, ...) tp_reshape(TP__V(x), __VA_ARGS__)
#define tp_transpose(x, ...) tp_transpose(TP__V(x), __VA_ARGS__)
#define tp_permute(x, ...) tp_permute(TP__V(x), __VA_ARGS__)
#define tp_broadcast_to(x, ...) tp_broadcast_to(TP__V(x), __VA_ARGS__)
#define tp_expand(x, ...) tp_expand(TP__V(x), __VA_ARGS__)
#define tp_sum_to(x, ...) tp_sum_to(TP__V(x), __VA_ARGS__)
#define tp_clone(x) tp_clone(TP__V(x))
#define tp_squeeze(x, ...) tp_squeeze(TP__V(x), __VA_ARGS__)
#define tp_unsqueeze(x, ...) tp_unsqueeze(TP__V(x), __VA_ARGS__)
#define tp_slice(x, ...) tp_slice(TP__V(x), __VA_ARGS__)
#define tp_select(x, ...) tp_select(TP__V(x), __VA_ARGS__)
#define tp_slice_scatter(x, part, ...) tp_slice_scatter(TP__V(x), TP__V(part), __VA_ARGS__)
#define tp_gather(x, axis, index) tp_gather(TP__V(x), axis, TP__V(index))
#define tp_scatter_add(x, axis, index, part) tp_scatter_add(TP__V(x), axis, TP__V(index), TP__V(part))
#define tp_scatter(x, axis, index, part) tp_scatter(TP__V(x), axis, TP__V(index), TP__V(part))
#define tp_index_select(x, axis, index) tp_index_select(TP__V(x), axis, TP__V(index))
#define tp_embedding(index, weight) tp_embedding(TP__V(index), TP__V(weight))
#define tp_take(x, index) tp_take(TP__V(x), TP__V(index))
#define tp_masked_select(x, mask) tp_masked_select(TP__V(x), TP__V(mask))
#define tp_nonzero(x) tp_nonzero(TP__V(x))
#define tp_index_add(x, axis, index, part) tp_index_add(TP__V(x), axis, TP__V(index), TP__V(part))
#define tp_diagonal(x, ...) tp_diagonal(TP__V(x), __VA_ARGS__)
#define tp_diag_embed(x, ...) tp_diag_embed(TP__V(x), __VA_ARGS__)
#define tp_flip(x, ...) tp_flip(TP__V(x), __VA_ARGS__)
#define tp_roll(x, ...) tp_roll(TP__V(x), __VA_ARGS__)
#define tp_repeat(x, ...) tp_repeat(TP__V(x), __VA_ARGS__)
#define tp_pad(x, ...) tp_pad(TP__V(x), __VA_ARGS__)
#define tp_pad_by(x, ...) tp_pad_by(TP__V(x), __VA_ARGS__)
#define tp_repeat_interleave(x, ...) tp_repeat_interleave(TP__V(x), __VA_ARGS__)
#define tp_split(x, ...) tp_split(TP__V(x), __VA_ARGS__)
#define tp_narrow(x, ...) tp_narrow(TP__V(x), __VA_ARGS__)
#define tp_flatten(x) tp_flatten(TP__V(x))
#define tp_triu(x, ...) tp_triu(TP__V(x), __VA_ARGS__)
#define tp_tril(x, ...) tp_tril(TP__V(x), __VA_ARGS__)
#define tp_vec_to_tril_matrix(x, ...) tp_vec_to_tril_matrix(TP__V(x), __VA_ARGS__)
#define tp_tril_matrix_to_vec(x, ...) tp_tril_matrix_to_vec(TP__V(x), __VA_ARGS__)
#define tp_one_hot(index, ...) tp_one_hot(TP__V(index), __VA_ARGS__)

/* linalg.h */
#define tp_matmul(a, b) tp_matmul(TP__V(a), TP__V(b))
#define tp_dot(a, b) tp_dot(TP__V(a), TP__V(b))
#define tp_mv(a, b) tp_mv(TP__V(a), TP__V(b))
#define tp_mm(a, b) tp_mm(TP__V(a), TP__V(b))
#define tp_bmm(a, b) tp_bmm(TP__V(a), TP__V(b))
#define tp_addmm(input, a, b, ...) tp_addmm(TP__V(input), TP__V(a), TP__V(b), __VA_ARGS__)
#define tp_tensordot(a, b, ...) tp_tensordot(TP__V(a), TP__V(b), __VA_ARGS__)
#define tp_outer(a, b) tp_outer(TP__V(a), TP__V(b))
#define tp_inner(a, b) tp_inner(TP__V(a), TP__V(b))
#define tp_kron(a, b) tp_kron(TP__V(a), TP__V(b))
#define tp_trace(x) tp_trace(TP__V(x))
#define tp_cross(a, b, ...) tp_cross(TP__V(a), TP__V(b), __VA_ARGS__)
#define tp_cdist(a, b) tp_cdist(TP__V(a), TP__V(b))
#define tp_cdist_squared(a, b) tp_cdist_squared(TP__V(a), TP__V(b))
#define tp_vander(x, ...) tp_vander(TP__V(x), __VA_ARGS__)
#define tp_matrix_power(a, ...) tp_matrix_power(TP__V(a), __VA_ARGS__)
#define tp_solve(a, b) tp_solve(TP__V(a), TP__V(b))
#define tp_cholesky_solve(b, l) tp_cholesky_solve(TP__V(b), TP__V(l))
#define tp_inverse(a) tp_inverse(TP__V(a))
#define tp_lstsq(a, b) tp_lstsq(TP__V(a), TP__V(b))
#define tp_pinv(a) tp_pinv(TP__V(a))
#define tp_matrix_rank(a) tp_matrix_rank(TP__V(a))
#define tp_det(a) tp_det(TP__V(a))
#define tp_slogdet(a, ...) tp_slogdet(TP__V(a), __VA_ARGS__)
#define tp_logdet(a) tp_logdet(TP__V(a))
#define tp_cholesky(a) tp_cholesky(TP__V(a))
#define tp_qr(a, ...) tp_qr(TP__V(a), __VA_ARGS__)
#define tp_eigh(a, ...) tp_eigh(TP__V(a), __VA_ARGS__)
#define tp_eigvalsh(a) tp_eigvalsh(TP__V(a))
#define tp_svd(a, ...) tp_svd(TP__V(a), __VA_ARGS__)
#define tp_svdvals(a) tp_svdvals(TP__V(a))
#define tp_matrix_exp(a) tp_matrix_exp(TP__V(a))

/* conv.h */
#define tp_adaptive_avg_pool1d(x, ...) tp_adaptive_avg_pool1d(TP__V(x), __VA_ARGS__)
#define tp_adaptive_avg_pool2d(x, ...) tp_adaptive_avg_pool2d(TP__V(x), __VA_ARGS__)
#define tp_adaptive_max_pool1d(x, ...) tp_adaptive_max_pool1d(TP__V(x), __VA_ARGS__)
#define tp_adaptive_max_pool2d(x, ...) tp_adaptive_max_pool2d(TP__V(x), __VA_ARGS__)
#define tp_pixel_shuffle(x, ...) tp_pixel_shuffle(TP__V(x), __VA_ARGS__)
#define tp_pixel_unshuffle(x, ...) tp_pixel_unshuffle(TP__V(x), __VA_ARGS__)

/* network.h */
#define tp_linear(x, weight, bias) tp_linear(TP__V(x), TP__V(weight), TP__V(bias))
#define tp_softmax(x, ...) tp_softmax(TP__V(x), __VA_ARGS__)
#define tp_log_softmax(x, ...) tp_log_softmax(TP__V(x), __VA_ARGS__)
#define tp_cosine_similarity(a, b, ...) tp_cosine_similarity(TP__V(a), TP__V(b), __VA_ARGS__)

/* sequence.h */
#define tp_lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh, ...) tp_lstm_cell(TP__V(x), TP__V(h), TP__V(c), TP__V(w_ih), TP__V(w_hh), TP__V(b_ih), TP__V(b_hh), __VA_ARGS__)
#define tp_gru_cell(x, h, w_ih, w_hh, b_ih, b_hh) tp_gru_cell(TP__V(x), TP__V(h), TP__V(w_ih), TP__V(w_hh), TP__V(b_ih), TP__V(b_hh))
#define tp_rnn_tanh_cell(x, h, w_ih, w_hh, b_ih, b_hh) tp_rnn_tanh_cell(TP__V(x), TP__V(h), TP__V(w_ih), TP__V(w_hh), TP__V(b_ih), TP__V(b_hh))
#define tp_lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, ...) tp_lstm(TP__V(x), TP__V(h), TP__V(c), TP__V(w_ih), TP__V(w_hh), TP__V(b_ih), TP__V(b_hh), __VA_ARGS__)
#define tp_gru(x, h, w_ih, w_hh, b_ih, b_hh) tp_gru(TP__V(x), TP__V(h), TP__V(w_ih), TP__V(w_hh), TP__V(b_ih), TP__V(b_hh))

/* random.h */
#define tp_exponential(rate) tp_exponential(TP__V(rate))
#define tp_bernoulli(p) tp_bernoulli(TP__V(p))
#define tp_gamma(shape) tp_gamma(TP__V(shape))
#define tp_multinomial(weights, ...) tp_multinomial(TP__V(weights), __VA_ARGS__)
#define tp_dropout(x, ...) tp_dropout(TP__V(x), __VA_ARGS__)

/* clang-format on */
#endif

#endif
