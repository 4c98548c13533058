/* SPDX-License-Identifier: MIT
 *
 * Linear layers, convolutions, pooling and resampling: PyTorch's functions of torch.nn.functional,
 * with its names, its order of arguments, its defaults.
 *
 *     tp_conv2d(x, weight, bias, .padding = TP_SIZES(1))
 *     tp_max_pool2d(x, TP_SHAPE(2))
 *     tp_interpolate(x, .scale = 2, .mode = TP_BILINEAR)
 *
 * Data are (images, channels, spatial axes …); one image may come without the first axis. A
 * parameter of each spatial axis is a tp_sizes: one number for all axes, or one for each.
 *
 * Arrays of integers are computed in float64; float16 and bfloat16 in float32.
 */
#ifndef TINYPYTORCH_CONV_H
#define TINYPYTORCH_CONV_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef tp_axes tp_sizes;

/* --- Linear layer --- */

/* y = x weightᵀ + bias: (…, in) × (out, in) + (out) → (…, out). bias may be NULL. */
TP_API tp_var *tp_linear(tp_var *x, tp_var *weight, tp_var *bias);

/* --- Convolution --- */

typedef struct tp_conv_options {
    tp_sizes stride;         /* 1 */
    tp_sizes padding;        /* 0: zeros at both ends */
    tp_sizes dilation;       /* 1: distance between taps */
    tp_sizes output_padding; /* 0: only of transposed ones: added to the size of the result */
    int64_t groups;          /* 1 */
    bool same; /* padding such that sizes stay; stride must be 1. An odd element of padding goes to
                * the end */
    size_t size;
} tp_conv_options;

/* y[n, o, p] = bias[o] + Σ_c Σ_k weight[o, c, k] x[n, c, p stride + k dilation − padding], where x
 * is 0 outside: (N, C, L…) × (O, C / groups, K…) + (O) → (N, O, M…), with
 * M = (L + 2 padding − dilation (K − 1) − 1) / stride + 1, rounded down. Channels of x and of y
 * fall in `groups` groups of neighbours; each group of y is made of its own group of x. bias may be
 * NULL. Errors: channels that are not weight's, a kernel that is larger than the padded x.
 *
 * Gradients of every order are convolutions again. float32 is added up in float32, over channels
 * and kernel in a row: the error grows as for any such sum. The same bits for any number of
 * threads. */
TP_API tp_var *tp_conv1d(tp_var *x, tp_var *weight, tp_var *bias, const tp_conv_options *options);
TP_API tp_var *tp_conv2d(tp_var *x, tp_var *weight, tp_var *bias, const tp_conv_options *options);
TP_API tp_var *tp_conv3d(tp_var *x, tp_var *weight, tp_var *bias, const tp_conv_options *options);

/* The transposed map, a convolution's gradient for x: y[n, o, p stride + k dilation − padding] +=
 * weight[c, o, k] x[n, c, p]. (N, C, L…) × (C, O / groups, K…) + (O) → (N, O, M…), with
 * M = (L − 1) stride − 2 padding + dilation (K − 1) + output_padding + 1. output_padding is less
 * than the stride or the dilation. */
TP_API tp_var *tp_conv_transpose1d(tp_var *x, tp_var *weight, tp_var *bias,
                                   const tp_conv_options *options);
TP_API tp_var *tp_conv_transpose2d(tp_var *x, tp_var *weight, tp_var *bias,
                                   const tp_conv_options *options);
TP_API tp_var *tp_conv_transpose3d(tp_var *x, tp_var *weight, tp_var *bias,
                                   const tp_conv_options *options);

#ifdef __cplusplus
}
#endif

/* TP_SIZES(2) for every axis, TP_SIZES(2, 1) for two of them. */
#define TP_SIZES(...) TP_AXES(__VA_ARGS__)

#ifdef TP__V
#define TP__CONV(function, x, weight, bias, ...)                                                   \
    function(x, weight, bias, &(tp_conv_options){__VA_ARGS__})
#define tp_conv1d(...) TP__CONV(tp_conv1d, __VA_ARGS__, .size = sizeof(tp_conv_options))
#define tp_conv2d(...) TP__CONV(tp_conv2d, __VA_ARGS__, .size = sizeof(tp_conv_options))
#define tp_conv3d(...) TP__CONV(tp_conv3d, __VA_ARGS__, .size = sizeof(tp_conv_options))
#define tp_conv_transpose1d(...)                                                                   \
    TP__CONV(tp_conv_transpose1d, __VA_ARGS__, .size = sizeof(tp_conv_options))
#define tp_conv_transpose2d(...)                                                                   \
    TP__CONV(tp_conv_transpose2d, __VA_ARGS__, .size = sizeof(tp_conv_options))
#define tp_conv_transpose3d(...)                                                                   \
    TP__CONV(tp_conv_transpose3d, __VA_ARGS__, .size = sizeof(tp_conv_options))
#endif

#endif
