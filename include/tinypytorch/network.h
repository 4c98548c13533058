/* SPDX-License-Identifier: MIT
 *
 * What networks are made of besides products, convolutions (conv.h) and sequences (sequence.h):
 * softmax, normalisation, losses. Names and formulas are PyTorch's. All are made of other
 * operations and have derivatives of every order. An ε of 0 stands for 1e-5.
 */
#ifndef TINYPYTORCH_NETWORK_H
#define TINYPYTORCH_NETWORK_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* eˣ / Σ eˣ along axis, and its logarithm, without overflow. Elements of −inf have probability 0
 * and gradient 0; along an axis of nothing but −inf the result is NaN, as PyTorch's. */
TP_API tp_var *tp_softmax(tp_var *x, int axis);
TP_API tp_var *tp_log_softmax(tp_var *x, int axis);

/* (x − mean) / √(variance + ε) · weight + bias over the last n axes (Ba et al. 2016); weight and
 * bias have their shape or are NULL. The variance divides by the number of elements. */
TP_API tp_var *tp_layer_norm(tp_var *x, int n, tp_var *weight, tp_var *bias, double epsilon);

/* x / √(mean of x² + ε) · weight over the last n axes (Zhang & Sennrich 2019). */
TP_API tp_var *tp_rms_norm(tp_var *x, int n, tp_var *weight, double epsilon);

/* The same for each channel of (N, C, …) over all others (Ioffe & Szegedy 2015); weight, bias, mean
 * and variance are (C). With mean and variance NULL those of x are taken, and differentiated;
 * otherwise the ones given: what has been seen in training. */
TP_API tp_var *tp_batch_norm(tp_var *x, tp_var *mean, tp_var *variance, tp_var *weight,
                             tp_var *bias, double epsilon);

/* For each row and each of `groups` groups of neighbouring channels (Wu & He 2018). */
TP_API tp_var *tp_group_norm(tp_var *x, int64_t groups, tp_var *weight, tp_var *bias,
                             double epsilon);

#ifdef __cplusplus
}
#endif

#endif
