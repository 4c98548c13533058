/* SPDX-License-Identifier: MIT
 *
 * What layers of networks compute, beyond network.h and sequence.h: PyTorch's torch.nn.functional,
 * with its names, its order of arguments, its defaults.
 *
 *     tp_glu(x, -1)
 *     tp_dropout2d(x, 0.5, training)
 *     tp_embedding_bag(index, weight, offsets, .mode = TP_BAG_SUM)
 *
 * All are made of other operations: new values, with derivatives of every order. Integers are
 * computed in float64, float16 and bfloat16 in float32 and rounded once.
 */
#ifndef TINYPYTORCH_FUNCTIONAL_H
#define TINYPYTORCH_FUNCTIONAL_H

#include "network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Activations --- */

/* softmax(−x) along axis. */
TP_API tp_var *tp_softmin(tp_var *x, int axis);

/* a sigmoid(b), where a and b are the halves of x along axis, whose size is even (Dauphin et al.
 * 2017). */
TP_API tp_var *tp_glu(tp_var *x, int axis);

/* x where x > threshold or x is NaN, else value, which has derivative 0. */
TP_API tp_var *tp_threshold(tp_var *x, double threshold, double value);

/* Bounds λ ≥ 0: x where |x| > λ, else 0; x − λ where x > λ, x + λ where x < −λ, else 0. Both are
 * flat at ±λ, and NaN at NaN. x − tanh x, whose digits cancel near 0, as PyTorch's do. */
TP_API tp_var *tp_hardshrink(tp_var *x, double lambda);
TP_API tp_var *tp_softshrink(tp_var *x, double lambda);
TP_API tp_var *tp_tanhshrink(tp_var *x);

/* leaky_relu with a slope of each element's own, uniform between lower and upper, lower ≤ upper; of
 * their mean when not training. */
TP_API tp_var *tp_rrelu(tp_var *x, double lower, double upper, bool training);

/* x / max(p-norm of x along axis, 1e-12), p > 0. */
TP_API tp_var *tp_normalize(tp_var *x, double p, int axis);

/* --- Dropout ---
 *
 * With probability p a channel of (N, C, …) is 0, and otherwise x / (1 − p) (Tompson et al. 2015).
 * The number in the name says how many axes follow the channels; without N, (C, …), as PyTorch
 * reads it: but (N, C, L) to tp_dropout2d. All give x itself when not training. Random numbers are
 * those of tp_rand (random.h) of x's floating type, one for each channel, or element. */
TP_API tp_var *tp_dropout1d(tp_var *x, double p, bool training);
TP_API tp_var *tp_dropout2d(tp_var *x, double p, bool training);
TP_API tp_var *tp_dropout3d(tp_var *x, double p, bool training);

/* An element, or a channel of (N, C, …), becomes −λα of tp_selu (−1.7581) with probability p, and
 * all are scaled and shifted so that mean 0 and variance 1 stay (Klambauer et al. 2017). p = 1
 * gives zeros. */
TP_API tp_var *tp_alpha_dropout(tp_var *x, double p, bool training);
TP_API tp_var *tp_feature_alpha_dropout(tp_var *x, double p, bool training);

/* --- Normalization --- */

/* Each channel of each row of (N, C, …) by itself (Ulyanov et al. 2016): tp_group_norm of groups of
 * one channel. weight and bias are (C) or NULL. */
TP_API tp_var *tp_instance_norm(tp_var *x, tp_var *weight, tp_var *bias,
                                const tp_normalization_options *options);

#define TP__DEFAULTS_tp_batch_options(_) _ eps = 1e-5, _ momentum = 0.1,
typedef struct tp_batch_options {
    TP__OPTIONS(tp_batch_options)
    double eps;                  /* 1e-5 */
    double momentum;             /* 0.1, the new statistics' share, 0 to 1 */
    tp_var *num_batches_tracked; /* how many batches there were, one integer; training adds 1 */
    bool cumulative; /* the share is 1 / num_batches_tracked: plain means of all batches */
    bool training;
} TP__BY_NAME tp_batch_options;

/* Batch norm as a layer, tp_batch_norm of (N, C, …) in both its modes. Training, x is normalised by
 * its own statistics, which are differentiated, and the buffers are edited in place:
 *
 *     running ← (1 − momentum) running + momentum new
 *
 * of the mean and of the variance that divides by n − 1, where the normalising one divides by n.
 * Otherwise x is normalised by the buffers, which stay. The buffers are (C), constants of a
 * floating type, or both NULL: then x's own statistics are taken always. What is edited is no part
 * of the graph and has no gradient; while an error is pending, and after one of this call, no
 * buffer is edited. Errors: training with one element a channel; a buffer that is a variable. */
TP_API tp_var *tp_batch_norm_(tp_var *x, tp_var *running_mean, tp_var *running_var, tp_var *weight,
                              tp_var *bias, const tp_batch_options *options);

#define TP__DEFAULTS_tp_response_options(_) _ alpha = 1e-4, _ beta = 0.75, _ k = 1,
typedef struct tp_response_options {
    TP__OPTIONS(tp_response_options)
    double alpha; /* 1e-4 */
    double beta;  /* 0.75 */
    double k;     /* 1 */
} TP__BY_NAME tp_response_options;

/* x / (k + α mean of x²)^β of (N, C, …), where the mean is over `size` neighbouring channels, those
 * beyond the ends being 0 (Krizhevsky et al. 2012): ⌊size / 2⌋ before and ⌊(size − 1) / 2⌋ after.
 */
TP_API tp_var *tp_local_response_norm(tp_var *x, int64_t size, const tp_response_options *options);

/* --- Layers --- */

/* y[…, o] = Σ a[…, i] weight[o, i, j] b[…, j] + bias[o]: (…, I) × (…, J) × (O, I, J) + (O) → (…,
 * O). The leading axes of a and b are the same. bias may be NULL. */
TP_API tp_var *tp_bilinear(tp_var *a, tp_var *b, tp_var *weight, tp_var *bias);

/* tp_embedding (shape.h) whose row padding_idx of the weight gets no gradient; −1 is the last row.
 */
TP_API tp_var *tp_embedding_padded(tp_var *index, tp_var *weight, int64_t padding_idx);

typedef enum tp_bag_mode { TP_BAG_MEAN, TP_BAG_SUM, TP_BAG_MAX } tp_bag_mode;

#define TP__DEFAULTS_tp_bag_options(_) _ padding_idx = INT64_MIN,
typedef struct tp_bag_options {
    TP__OPTIONS(tp_bag_options)
    tp_bag_mode mode;    /* TP_BAG_MEAN */
    tp_var *weights;     /* per_sample_weights, of index's shape: a factor for each row of a sum
                          */
    int64_t padding_idx; /* entries that do not count; negative ones from the end. INT64_MIN:
                          * none */
    bool include_last_offset; /* offsets have one element more, the end of the last bag */
} TP__BY_NAME tp_bag_options;

/* The mean, sum or largest of the rows of weight (classes, width) that a bag of indices names:
 * index (B, L), a bag each row, and offsets NULL, → (B, width); or index (n) and offsets (B) of
 * integers, the first of them 0, where each bag begins. An empty bag gives 0. Of equal largest ones
 * the first gets the gradient; NaN is larger than all. Errors: offsets that are not in order or
 * beyond the index, weights for another mode. */
TP_API tp_var *tp_embedding_bag(tp_var *index, tp_var *weight, tp_var *offsets,
                                const tp_bag_options *options);

/* --- Plain recurrent layers ---
 *
 * All steps of x (T, N, I) → (T, N, H), as tp_lstm and tp_gru (sequence.h): states (N, H), weights
 * w_ih (H, I) and w_hh (H, H), biases (H); h and biases may be NULL. h_t = tanh(x_t w_ihᵀ + b_ih +
 * h_{t−1} w_hhᵀ + b_hh), or what of that is above 0. One operation forwards and one backwards. */
TP_API tp_var *tp_rnn_tanh(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                           tp_var *b_hh);
TP_API tp_var *tp_rnn_relu(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                           tp_var *b_hh);

/* --- Recurrent nets: layers, directions, rows of their own lengths --- */

typedef enum tp_recurrent_kind {
    TP_RNN_TANH,
    TP_RNN_RELU, /* max(x w_ihᵀ + b_ih + h w_hhᵀ + b_hh, 0) */
    TP_LSTM,
    TP_GRU
} tp_recurrent_kind;

#define TP__DEFAULTS_tp_recurrent_options(_) _ layers = 1,
typedef struct tp_recurrent_options {
    TP__OPTIONS(tp_recurrent_options)
    int64_t layers;     /* 1 */
    bool bidirectional; /* each layer once forwards and once backwards, beside each other */
    bool batch_first;   /* x and y are (N, T, …) in place of (T, N, …) */
    bool training;
    double dropout;  /* 0: in training, between layers, not after the last one */
    tp_var *lengths; /* (N) of integers, 1 to T, in any order: how many steps a row has */
    tp_var **h_n;    /* gets the last states (layers directions, N, P) */
    tp_var **c_n;    /* of an LSTM, its last cells (layers directions, N, H) */
} TP__BY_NAME tp_recurrent_options;

/* PyTorch's RNN, LSTM and GRU: x (T, N, I) → (T, N, directions P), the h of the last layer in every
 * step; formulas are those of the cells (sequence.h). h (layers directions, N, P) and c (layers
 * directions, N, H) are the states to begin with, NULL for zeros; layer l's are at l directions,
 * its backward direction's follow. One row may come without its axis: (T, I), states (layers
 * directions, P).
 *
 * weights are n arrays in PyTorch's order: for each layer, for each direction, w_ih (G H, I or,
 * from the second layer on, directions P), w_hh (G H, P), then, all or none, b_ih and b_hh (G H),
 * then, of an LSTM, all or none, w_hr (P, H), which makes the state h = w_hr (o tanh c)
 * (proj_size); otherwise P = H. n tells which there are.
 *
 * With lengths a row ends at its own last step: what x has beyond is not read, y is 0 there, the
 * backward direction begins at that step, and h_n and c_n are the states after it (after step 0
 * backwards): PyTorch's packed sequences. Only steps that rows have are computed.
 *
 * Derivatives of every order, through those of tp_lstm, tp_gru and the cells. Errors: shapes or n
 * that do not fit, T = 0, lengths out of range. */
TP_API tp_var *tp_recurrent(tp_recurrent_kind kind, tp_var *x, tp_var *h, tp_var *c,
                            tp_var *const *weights, int n, const tp_recurrent_options *options);

/* --- Losses, reduced to their mean or as asked (network.h) --- */

/* p-norm of a − b + 1e-6 along the last axis; p > 0. */
TP_API tp_var *tp_pairwise_distance(tp_var *a, tp_var *b, double p);

/* max(0, margin − target (a − b)), whose slope where both are equal is that of the second; target
 * is 1 if a should be the larger one, else −1. */
TP_API tp_var *tp_margin_ranking_loss(tp_var *a, tp_var *b, tp_var *target, double margin,
                                      const tp_loss_options *options);

/* ln(1 + e^(−target x)), target 1 or −1. */
TP_API tp_var *tp_soft_margin_loss(tp_var *x, tp_var *target, const tp_loss_options *options);

#define TP__DEFAULTS_tp_poisson_options(_) _ log_input = true, _ eps = 1e-8,
typedef struct tp_poisson_options {
    TP__OPTIONS(tp_poisson_options)
    tp_reduction reduction;
    bool log_input; /* true: x is the logarithm of the rate */
    bool full; /* adds Stirling's target ln target − target + ln(2π target) / 2 where target > 1 */
    double eps; /* 1e-8, added to a rate before its logarithm */
} TP__BY_NAME tp_poisson_options;

/* eˣ − target x, or x − target ln(x + eps) of a rate x. */
TP_API tp_var *tp_poisson_nll_loss(tp_var *x, tp_var *target, const tp_poisson_options *options);

#define TP__DEFAULTS_tp_gaussian_options(_) _ eps = 1e-6,
typedef struct tp_gaussian_options {
    TP__OPTIONS(tp_gaussian_options)
    tp_reduction reduction;
    bool full;  /* adds ln(2π) / 2 */
    double eps; /* 1e-6: a smaller variance counts as this, and has the derivative of this */
} TP__BY_NAME tp_gaussian_options;

/* (ln variance + (x − target)² / variance) / 2. A variance below 0 is an error. It broadcasts. */
TP_API tp_var *tp_gaussian_nll_loss(tp_var *x, tp_var *target, tp_var *variance,
                                    const tp_gaussian_options *options);

#define TP__DEFAULTS_tp_triplet_options(_) _ margin = 1, _ p = 2,
typedef struct tp_triplet_options {
    TP__OPTIONS(tp_triplet_options)
    tp_reduction reduction;
    double margin; /* 1 */
    double p;      /* 2 */
    bool swap;     /* the smaller of the negative's distances from anchor and from positive */
} TP__BY_NAME tp_triplet_options;

/* max(0, margin + distance(anchor, positive) − distance(anchor, negative)) of pairwise_distance
 * (Schroff et al. 2015); the slope where both are equal is that of the second. */
TP_API tp_var *tp_triplet_margin_loss(tp_var *anchor, tp_var *positive, tp_var *negative,
                                      const tp_triplet_options *options);

#define TP__DEFAULTS_tp_margin_options(_) _ margin = 1, _ p = 1,
typedef struct tp_margin_options {
    TP__OPTIONS(tp_margin_options)
    tp_reduction reduction;
    double margin;  /* 1 */
    int64_t p;      /* 1 or 2 */
    tp_var *weight; /* (C), of each class; NULL: 1 */
} TP__BY_NAME tp_margin_options;

/* weight[target] Σ max(0, margin − x[target] + x[j])ᵖ / C over all classes j but the target: x (N,
 * C) and classes target (N), or (C) and (). */
TP_API tp_var *tp_multi_margin_loss(tp_var *x, tp_var *target, const tp_margin_options *options);

/* Mean over the classes, the last axis, of binary_cross_entropy_with_logits, times weight (C), or
 * NULL. */
TP_API tp_var *tp_multilabel_soft_margin_loss(tp_var *x, tp_var *target, tp_var *weight,
                                              const tp_loss_options *options);

/* Σ of max(0, 1 − x[t] + x[j]) / C over the target's classes t, which are those before its first
 * −1, and all classes j that are not among them: x (N, C) and target (N, C) of integers, or (C) and
 * (C). */
TP_API tp_var *tp_multilabel_margin_loss(tp_var *x, tp_var *target, const tp_loss_options *options);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__INSTANCE_NORM(function, x, weight, bias, ...)                                          \
    TP__WITH(tp_normalization_options, function, (TP__V(x), TP__V(weight), TP__V(bias), ),         \
             __VA_ARGS__)
#define tp_instance_norm(...) TP__INSTANCE_NORM(tp_instance_norm, __VA_ARGS__, )
#define TP__BATCH_NORM_(function, x, mean, variance, weight, bias, ...)                            \
    TP__WITH(tp_batch_options, function,                                                           \
             (TP__V(x), TP__V(mean), TP__V(variance), TP__V(weight), TP__V(bias), ), __VA_ARGS__)
#define tp_batch_norm_(...) TP__BATCH_NORM_(tp_batch_norm_, __VA_ARGS__, )
#define TP__LOCAL_RESPONSE_NORM(function, x, n, ...)                                               \
    TP__WITH(tp_response_options, function, (TP__V(x), n, ), __VA_ARGS__)
#define tp_local_response_norm(...) TP__LOCAL_RESPONSE_NORM(tp_local_response_norm, __VA_ARGS__, )
#define TP__EMBEDDING_BAG(function, index, weight, offsets, ...)                                   \
    TP__WITH(tp_bag_options, function, (TP__V(index), TP__V(weight), TP__V(offsets), ), __VA_ARGS__)
#define tp_embedding_bag(...) TP__EMBEDDING_BAG(tp_embedding_bag, __VA_ARGS__, )
#define TP__RECURRENT(function, kind, x, h, c, weights, n, ...)                                    \
    TP__WITH(tp_recurrent_options, function, (kind, TP__V(x), TP__V(h), TP__V(c), weights, n, ),   \
             __VA_ARGS__)
#define tp_recurrent(...) TP__RECURRENT(tp_recurrent, __VA_ARGS__, )
#define TP__MARGIN_RANKING_LOSS(function, a, b, target, margin, ...)                               \
    TP__WITH(tp_loss_options, function, (TP__V(a), TP__V(b), TP__V(target), margin, ), __VA_ARGS__)
#define tp_margin_ranking_loss(...) TP__MARGIN_RANKING_LOSS(tp_margin_ranking_loss, __VA_ARGS__, )
#define tp_soft_margin_loss(...) TP__LOSS(tp_soft_margin_loss, __VA_ARGS__, )
#define tp_multilabel_margin_loss(...) TP__LOSS(tp_multilabel_margin_loss, __VA_ARGS__, )
#define TP__POISSON_NLL_LOSS(function, x, target, ...)                                             \
    TP__WITH(tp_poisson_options, function, (TP__V(x), TP__V(target), ), __VA_ARGS__)
#define tp_poisson_nll_loss(...) TP__POISSON_NLL_LOSS(tp_poisson_nll_loss, __VA_ARGS__, )
#define TP__GAUSSIAN_NLL_LOSS(function, x, target, variance, ...)                                  \
    TP__WITH(tp_gaussian_options, function, (TP__V(x), TP__V(target), TP__V(variance), ),          \
             __VA_ARGS__)
#define tp_gaussian_nll_loss(...) TP__GAUSSIAN_NLL_LOSS(tp_gaussian_nll_loss, __VA_ARGS__, )
#define TP__TRIPLET_MARGIN_LOSS(function, anchor, positive, negative, ...)                         \
    TP__WITH(tp_triplet_options, function, (TP__V(anchor), TP__V(positive), TP__V(negative), ),    \
             __VA_ARGS__)
#define tp_triplet_margin_loss(...) TP__TRIPLET_MARGIN_LOSS(tp_triplet_margin_loss, __VA_ARGS__, )
#define TP__MULTI_MARGIN_LOSS(function, x, target, ...)                                            \
    TP__WITH(tp_margin_options, function, (TP__V(x), TP__V(target), ), __VA_ARGS__)
#define tp_multi_margin_loss(...) TP__MULTI_MARGIN_LOSS(tp_multi_margin_loss, __VA_ARGS__, )
#define TP__MULTILABEL_SOFT(function, x, target, weight, ...)                                      \
    TP__WITH(tp_loss_options, function, (TP__V(x), TP__V(target), TP__V(weight), ), __VA_ARGS__)
#define tp_multilabel_soft_margin_loss(...)                                                        \
    TP__MULTILABEL_SOFT(tp_multilabel_soft_margin_loss, __VA_ARGS__, )
#endif

#endif
