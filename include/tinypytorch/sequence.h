/* SPDX-License-Identifier: MIT
 *
 * Sequences: attention, positions, recurrent layers. Names, order of arguments, layouts of weights
 * and defaults are PyTorch's.
 *
 *     tp_scaled_dot_product_attention(q, k, v, .causal = true)
 *     tp_multi_head_attention(q, k, v, 8, .causal = true)
 *     y = tp_lstm(x, NULL, NULL, w_ih, w_hh, b_ih, b_hh, NULL);
 *     h = tp_lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh, &c);
 *
 * Attention is one pass of its own forwards and one backwards; its derivatives of higher order and
 * Taylor series go through ordinary operations, and need the memory of these. The bits are the same
 * for any number of threads. Integers are computed in float64, float16 and bfloat16 in float32.
 */
#ifndef TINYPYTORCH_SEQUENCE_H
#define TINYPYTORCH_SEQUENCE_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Attention --- */

#define TP__DEFAULTS_tp_attention_options(_) _ scale = TP_AUTO,
typedef struct tp_attention_options {
    TP__OPTIONS(tp_attention_options)
    tp_var *mask; /* broadcasts to (…, L, S): floating numbers are added to the scores; of bool or
                   * uint8, keys where it is not 0 take part. NULL: none */
    bool causal;  /* query i sees keys 0 … i + offset, beside what the mask says */
    double scale; /* TP_AUTO: 1 / √E */
    int64_t offset;  /* 0: of causal, how many keys there are before the first query's own */
    bool enable_gqa; /* k and v may have fewer heads, each for neighbouring ones of q */
    double dropout; /* 0: the probability p with which a weight counts as 0, and others / (1 − p) */
} TP__BY_NAME tp_attention_options;

/* softmax(q kᵀ scale + mask) v (Vaswani et al. 2017): queries (…, L, E), keys (…, S, E), values
 * (…, S, D) → (…, L, D). Leading axes broadcast. A query that sees no key, because its mask is −∞
 * or false everywhere or S is 0, gives 0 and has gradient 0 (as PyTorch from 2.5 on; earlier ones
 * give NaN). An infinite or NaN key or value changes neither value nor gradient of a query that
 * does not see it; under a mask or .causal, a query that sees such a key gives NaN.
 *
 * `.causal` alone aligns queries and keys at their first ones, as PyTorch's is_causal does. Where
 * keys of earlier positions come first (a cache), L = the new ones and S = all, `.offset = S − L`
 * aligns them at their ends: the last query sees all keys.
 *
 * `.enable_gqa`: q (…, H, L, E), k (…, G, S, E), v (…, G, S, D), where G divides H (Ainslie et al.
 * 2023): head h of q goes with head h / (H / G), rounded down, without a copy.
 *
 * `.dropout` (0 to 1; for training: give 0 otherwise) draws one number for each score, those that
 * tp_rand (random.h) of float32 and of the scores' shape (…, L, S) would draw, and takes no memory
 * for them: a weight whose number is less than p is dropped, after the softmax. Sweeps of every
 * order, and checkpoints, have the mask of the call.
 *
 * Computed in tiles (Dao et al. 2022): the memory of a sweep grows with L and S and not with L · S,
 * but for a mask's gradient. Derivatives of higher order keep all scores. In float32, weights of
 * less than e⁻⁸⁰ of the largest count as 0.
 *
 * Errors: an operand of fewer than two dimensions; E, S or leading axes that do not fit; a mask
 * that does not broadcast, or of another integer type; an offset below 0 or without causal. */
TP_API tp_var *tp_scaled_dot_product_attention(tp_var *q, tp_var *k, tp_var *v,
                                               const tp_attention_options *options);

/* The same for `heads` heads whose elements lie side by side: (…, L, heads E), (…, S, heads E),
 * (…, S, heads D) → (…, L, heads D), without a copy. The mask broadcasts to (…, heads, L, S). With
 * .enable_gqa k is (…, S, G E) and v (…, S, G D): their widths tell G. */
TP_API tp_var *tp_multi_head_attention(tp_var *q, tp_var *k, tp_var *v, int64_t heads,
                                       const tp_attention_options *options);

/* --- Positions --- */

#define TP__DEFAULTS_tp_rotary_options(_) _ base = 10000,
typedef struct tp_rotary_options {
    TP__OPTIONS(tp_rotary_options)
    double base;      /* 10000 */
    int64_t offset;   /* the position of the first row */
    bool interleaved; /* pairs are neighbours, 2i and 2i + 1; otherwise i and i + E / 2 */
} TP__BY_NAME tp_rotary_options;

/* Rotary positions (Su et al. 2021): in row p of (…, L, E) pair i is turned by the angle
 * (offset + p) base^(−2i / E), so that products of a query and a key depend on the distance of
 * their positions. (a, b) → (a cos − b sin, a sin + b cos). E is even. Linear in x. */
TP_API tp_var *tp_rotary(tp_var *x, const tp_rotary_options *options);

/* A constant (n, width): sin(p w) in column 2i and cos(p w) in column 2i + 1, with
 * w = 10000^(−2i / width) (Vaswani et al. 2017). */
TP_API tp_var *tp_sinusoidal_positions(tp_dtype dtype, int64_t n, int64_t width);

/* --- Steps of recurrent layers ---
 *
 * x (N, I), states (N, H) → (N, H). Weights are PyTorch's: w_ih (G H, I) and w_hh (G H, H), biases
 * (G H), with G = 4 gates i f g o of an LSTM, 3 gates r z n of a GRU, 1 otherwise. States and
 * biases may be NULL, for zeros. Shapes that do not fit are an error. */

/* LSTM (Hochreiter & Schmidhuber 1997): s = x w_ihᵀ + b_ih + h w_hhᵀ + b_hh; i, f, o = σ(s) and
 * g = tanh(s) of their parts of s; c' = f c + i g; the result is o tanh c'. *c_n, if not NULL, gets
 * c'. */
TP_API tp_var *tp_lstm_cell(tp_var *x, tp_var *h, tp_var *c, tp_var *w_ih, tp_var *w_hh,
                            tp_var *b_ih, tp_var *b_hh, tp_var **c_n);

/* GRU (Cho et al. 2014): r, z = σ of their parts of x w_ihᵀ + b_ih + h w_hhᵀ + b_hh;
 * n = tanh(x w_inᵀ + b_in + r (h w_hnᵀ + b_hn)), where w_in … are the last H rows of w_ih …; the
 * result is (1 − z) n + z h. */
TP_API tp_var *tp_gru_cell(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                           tp_var *b_hh);

/* tanh(x w_ihᵀ + b_ih + h w_hhᵀ + b_hh). */
TP_API tp_var *tp_rnn_tanh_cell(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                                tp_var *b_hh);

/* --- Recurrent layers ---
 *
 * All steps of a sequence: x (T, N, I), states (N, H), NULL for zeros → (T, N, H), the h of every
 * step; the last one is the state to go on from. Weights and formulas are those of the cells. One
 * operation forwards and one backwards; memory for sweeps 6 T N H numbers (LSTM) and 5 T N H
 * (GRU). Derivatives of higher order and Taylor series go through the cells. The bits are the same
 * for any number of threads. Integers are computed in float64, float16 and bfloat16 in float32.
 * Errors: shapes that do not fit, T = 0. */

/* *c_n, if not NULL, gets the last c. */
TP_API tp_var *tp_lstm(tp_var *x, tp_var *h, tp_var *c, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                       tp_var *b_hh, tp_var **c_n);
TP_API tp_var *tp_gru(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih, tp_var *b_hh);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__SCALED_DOT_PRODUCT_ATTENTION(function, q, k, v, ...)                                   \
    TP__WITH(tp_attention_options, function, (TP__V(q), TP__V(k), TP__V(v), ), __VA_ARGS__)
#define tp_scaled_dot_product_attention(...)                                                       \
    TP__SCALED_DOT_PRODUCT_ATTENTION(tp_scaled_dot_product_attention, __VA_ARGS__, )
#define TP__MULTI_HEAD_ATTENTION(function, q, k, v, heads, ...)                                    \
    TP__WITH(tp_attention_options, function, (TP__V(q), TP__V(k), TP__V(v), heads, ), __VA_ARGS__)
#define tp_multi_head_attention(...)                                                               \
    TP__MULTI_HEAD_ATTENTION(tp_multi_head_attention, __VA_ARGS__, )
#define TP__ROTARY(function, x, ...)                                                               \
    TP__WITH(tp_rotary_options, function, (TP__V(x), ), __VA_ARGS__)
#define tp_rotary(...) TP__ROTARY(tp_rotary, __VA_ARGS__, )
#endif

#endif
