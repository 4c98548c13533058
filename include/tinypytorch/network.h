/* SPDX-License-Identifier: MIT
 *
 * What networks are made of besides products, convolutions (conv.h) and sequences (sequence.h):
 * softmax, normalisation, losses. Names and formulas are PyTorch's. All are made of other
 * operations and have derivatives of every order.
 */
#ifndef TINYPYTORCH_NETWORK_H
#define TINYPYTORCH_NETWORK_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Linear layer --- */

/* y = x weightᵀ + bias: (…, in) × (out, in) + (out) → (…, out). bias may be NULL. Element types are
 * those of tp_matmul. */
TP_API tp_var *tp_linear(tp_var *x, tp_var *weight, tp_var *bias);

/* --- Softmax --- */

/* eˣ / Σ eˣ along axis, and its logarithm, without overflow. Elements of −inf have probability 0
 * and gradient 0; along an axis of nothing but −inf the result is NaN, as PyTorch's. The gradient
 * needs only the result, so x may be edited in place meanwhile; a recorded one, and series, need x.
 */
TP_API tp_var *tp_softmax(tp_var *x, int axis);
TP_API tp_var *tp_log_softmax(tp_var *x, int axis);

/* --- Normalization --- */

#define TP__DEFAULTS_tp_normalization_options(_) _ eps = 1e-5,
typedef struct tp_normalization_options {
    TP__OPTIONS(tp_normalization_options)
    double eps; /* ε, added to a variance: 1e-5 */
} TP__BY_NAME tp_normalization_options;

/* (x − mean) / √(variance + ε) · weight + bias over the last n axes (Ba et al. 2016); weight and
 * bias have their shape or are NULL. The variance divides by the number of elements. */
TP_API tp_var *tp_layer_norm(tp_var *x, int n, tp_var *weight, tp_var *bias,
                             const tp_normalization_options *options);

/* x / √(mean of x² + ε) · weight over the last n axes (Zhang & Sennrich 2019). */
TP_API tp_var *tp_rms_norm(tp_var *x, int n, tp_var *weight,
                           const tp_normalization_options *options);

/* The same for each channel of (N, C, …) over all others (Ioffe & Szegedy 2015); weight, bias, mean
 * and variance are (C). With mean and variance NULL those of x are taken, and differentiated;
 * otherwise the ones given: what has been seen in training. */
TP_API tp_var *tp_batch_norm(tp_var *x, tp_var *mean, tp_var *variance, tp_var *weight,
                             tp_var *bias, const tp_normalization_options *options);

/* For each row and each of `groups` groups of neighbouring channels (Wu & He 2018). */
TP_API tp_var *tp_group_norm(tp_var *x, int64_t groups, tp_var *weight, tp_var *bias,
                             const tp_normalization_options *options);

/* --- Losses ---
 *
 *     tp_mse_loss(x, target)    tp_cross_entropy(x, target, .label_smoothing = 0.1)
 *
 * Operands broadcast where classes are not picked; where that makes more losses than either has
 * elements, as of a column beside a line, a line in the log says so once. The result is the losses'
 * mean, or as asked. */
typedef enum tp_reduction { TP_MEAN, TP_SUM, TP_NO_REDUCTION } tp_reduction;

#define TP__DEFAULTS_tp_loss_options(_)
typedef struct tp_loss_options {
    TP__OPTIONS(tp_loss_options)
    tp_reduction reduction;
} TP__BY_NAME tp_loss_options;

TP_API tp_var *tp_mse_loss(tp_var *x, tp_var *target, const tp_loss_options *options); /* d² */
TP_API tp_var *tp_l1_loss(tp_var *x, tp_var *target, const tp_loss_options *options);  /* |d| */

/* d² / 2 for |d| < δ, else δ (|d| − δ / 2), of d = x − target (Huber 1964); the same divided by
 * β = δ. Both are more than 0. */
TP_API tp_var *tp_huber_loss(tp_var *x, tp_var *target, double delta,
                             const tp_loss_options *options);
TP_API tp_var *tp_smooth_l1_loss(tp_var *x, tp_var *target, double beta,
                                 const tp_loss_options *options);

/* −target ln x − (1 − target) ln(1 − x) of probabilities x, an error outside of [0, 1]; logarithms
 * are at least −100, where their derivative is 0. The other takes logits, sigmoid⁻¹ of x, and is
 * exact for large ones. */
TP_API tp_var *tp_binary_cross_entropy(tp_var *x, tp_var *target, const tp_loss_options *options);
TP_API tp_var *tp_binary_cross_entropy_with_logits(tp_var *x, tp_var *target,
                                                   const tp_loss_options *options);

/* target (ln target − x), of logarithms of probabilities x and probabilities target (Kullback &
 * Leibler 1951); 0 where target is 0. */
TP_API tp_var *tp_kl_div(tp_var *x, tp_var *target, const tp_loss_options *options);

#define TP__DEFAULTS_tp_class_options(_) _ ignore_index = -100,
typedef struct tp_class_options {
    TP__OPTIONS(tp_class_options)
    tp_reduction reduction; /* a mean is weighted by the targets' weights */
    tp_var *weight;         /* (C), of each class, taken as x's type; NULL: 1 */
    int64_t ignore_index;   /* targets that do not count: −100 */
    double label_smoothing; /* ε: the target's probability is 1 − ε, and ε is spread over all */
} TP__BY_NAME tp_class_options;

/* −weight[target] x[target] of logarithms of probabilities x (N, C, …) and classes target (N, …),
 * or (C) and (); the same of log_softmax x. A class out of range is an error. */
TP_API tp_var *tp_nll_loss(tp_var *x, tp_var *target, const tp_class_options *options);
TP_API tp_var *tp_cross_entropy(tp_var *x, tp_var *target, const tp_class_options *options);

/* Σ a b / (|a| |b|) along axis; the divisor is at least 1e-8. */
TP_API tp_var *tp_cosine_similarity(tp_var *a, tp_var *b, int axis);

/* Where target is 1: 1 − cosine of a and b (along the last axis), or x; where it is −1: what
 * cosine − margin or margin − x is above 0, whose slope at 0 is 1. */
TP_API tp_var *tp_cosine_embedding_loss(tp_var *a, tp_var *b, tp_var *target, double margin,
                                        const tp_loss_options *options);
TP_API tp_var *tp_hinge_embedding_loss(tp_var *x, tp_var *target, double margin,
                                       const tp_loss_options *options);

#define TP__DEFAULTS_tp_ctc_options(_)
typedef struct tp_ctc_options {
    TP__OPTIONS(tp_ctc_options)
    int64_t blank;          /* the class of no output */
    tp_reduction reduction; /* a mean is of the rows' losses divided by their targets' lengths */
    bool zero_infinity;     /* targets that do not fit the steps have loss 0 */
} TP__BY_NAME tp_ctc_options;

/* Connectionist temporal classification (Graves et al. 2006): −ln of the probability that the
 * steps' classes, repetitions and then blanks removed, are the target. log_probs (T, N, C) are
 * logarithms of probabilities, as of tp_log_softmax; targets are classes, (N, S) or one after the
 * other in one row; input_lengths (N), 1 to T, and target_lengths (N) say how much of a row counts.
 * A target that does not fit its steps has loss ∞ and gradient 0, and so has one whose loss is
 * above 5e29. The gradient is that of log_probs as they are; PyTorch's is one that only a
 * log_softmax before it makes right. Differentiable to any order; memory for sweeps grows with T N
 * S. Errors: lengths or classes out of range, the blank in a target. */
TP_API tp_var *tp_ctc_loss(tp_var *log_probs, tp_var *targets, tp_var *input_lengths,
                           tp_var *target_lengths, const tp_ctc_options *options);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__LAYER_NORM(function, x, n, weight, bias, ...)                                          \
    TP__WITH(tp_normalization_options, function, (TP__V(x), n, TP__V(weight), TP__V(bias), ),      \
             __VA_ARGS__)
#define tp_layer_norm(...) TP__LAYER_NORM(tp_layer_norm, __VA_ARGS__, )
#define TP__RMS_NORM(function, x, n, weight, ...)                                                  \
    TP__WITH(tp_normalization_options, function, (TP__V(x), n, TP__V(weight), ), __VA_ARGS__)
#define tp_rms_norm(...) TP__RMS_NORM(tp_rms_norm, __VA_ARGS__, )
#define TP__BATCH_NORM(function, x, mean, variance, weight, bias, ...)                             \
    TP__WITH(tp_normalization_options, function,                                                   \
             (TP__V(x), TP__V(mean), TP__V(variance), TP__V(weight), TP__V(bias), ), __VA_ARGS__)
#define tp_batch_norm(...) TP__BATCH_NORM(tp_batch_norm, __VA_ARGS__, )
#define TP__GROUP_NORM(function, x, groups, weight, bias, ...)                                     \
    TP__WITH(tp_normalization_options, function, (TP__V(x), groups, TP__V(weight), TP__V(bias), ), \
             __VA_ARGS__)
#define tp_group_norm(...) TP__GROUP_NORM(tp_group_norm, __VA_ARGS__, )
#define TP__LOSS(function, x, target, ...)                                                         \
    TP__WITH(tp_loss_options, function, (TP__V(x), TP__V(target), ), __VA_ARGS__)
#define tp_mse_loss(...) TP__LOSS(tp_mse_loss, __VA_ARGS__, )
#define tp_l1_loss(...) TP__LOSS(tp_l1_loss, __VA_ARGS__, )
#define tp_binary_cross_entropy(...) TP__LOSS(tp_binary_cross_entropy, __VA_ARGS__, )
#define tp_binary_cross_entropy_with_logits(...)                                                   \
    TP__LOSS(tp_binary_cross_entropy_with_logits, __VA_ARGS__, )
#define tp_kl_div(...) TP__LOSS(tp_kl_div, __VA_ARGS__, )
#define TP__LOSS_BY(function, x, target, by, ...)                                                  \
    TP__WITH(tp_loss_options, function, (TP__V(x), TP__V(target), by, ), __VA_ARGS__)
#define tp_huber_loss(...) TP__LOSS_BY(tp_huber_loss, __VA_ARGS__, )
#define tp_smooth_l1_loss(...) TP__LOSS_BY(tp_smooth_l1_loss, __VA_ARGS__, )
#define tp_hinge_embedding_loss(...) TP__LOSS_BY(tp_hinge_embedding_loss, __VA_ARGS__, )
#define TP__COSINE_EMBEDDING_LOSS(function, a, b, target, margin, ...)                             \
    TP__WITH(tp_loss_options, function, (TP__V(a), TP__V(b), TP__V(target), margin, ), __VA_ARGS__)
#define tp_cosine_embedding_loss(...)                                                              \
    TP__COSINE_EMBEDDING_LOSS(tp_cosine_embedding_loss, __VA_ARGS__, )
#define TP__CTC_LOSS(function, x, targets, steps, lengths, ...)                                    \
    TP__WITH(tp_ctc_options, function, (TP__V(x), TP__V(targets), TP__V(steps), TP__V(lengths), ), \
             __VA_ARGS__)
#define tp_ctc_loss(...) TP__CTC_LOSS(tp_ctc_loss, __VA_ARGS__, )
#define TP__CLASS(function, x, target, ...)                                                        \
    TP__WITH(tp_class_options, function, (TP__V(x), TP__V(target), ), __VA_ARGS__)
#define tp_nll_loss(...) TP__CLASS(tp_nll_loss, __VA_ARGS__, )
#define tp_cross_entropy(...) TP__CLASS(tp_cross_entropy, __VA_ARGS__, )
#endif

#endif
