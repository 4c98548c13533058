/* SPDX-License-Identifier: MIT
 *
 * Convolutions, pooling and resampling: PyTorch's functions of torch.nn.functional,
 * with its names, its order of arguments, its defaults.
 *
 *     tp_conv2d(x, weight, bias, .padding = 1, .stride = TP_SIZES(2, 1))
 *     tp_max_pool2d(x, TP_SHAPE(2))
 *     tp_interpolate(x, .scale = 2, .mode = TP_BILINEAR)
 *
 * Data are (images, channels, spatial axes …); one image may come without the first axis, but not
 * to tp_interpolate, for which (3, 4, 4) are three images of four channels. A parameter of each
 * spatial axis is a tp_sizes: .stride = 2 for all axes, TP_SIZES(2, 1) for each. Options that would
 * have no effect are errors.
 *
 * Arrays of integers are computed in float64, but for tp_pixel_shuffle, which moves elements;
 * float16 and bfloat16 in float32. float32 and float64 operands of a convolution are computed in
 * float64, at twice the cost, and a line in the log says so once.
 */
#ifndef TINYPYTORCH_CONV_H
#define TINYPYTORCH_CONV_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Convolution --- */

#define TP__DEFAULTS_tp_conv_options(_)                                                            \
    _ stride = TP__ONE(1), _ padding = TP__ONE(0), _ dilation = TP__ONE(1),                        \
      _ output_padding = TP__ONE(0), _ groups = 1,
typedef struct tp_conv_options {
    TP__OPTIONS(tp_conv_options)
    tp_sizes stride;         /* 1 */
    tp_sizes padding;        /* 0: zeros at both ends */
    tp_sizes dilation;       /* 1: distance between taps */
    tp_sizes output_padding; /* 0: only of transposed ones: added to the size of the result */
    int64_t groups;          /* 1 */
    bool same; /* padding such that sizes stay; stride must be 1. An odd element of padding goes to
                * the end */
} TP__BY_NAME tp_conv_options;

/* y[n, o, p] = bias[o] + Σ_c Σ_k weight[o, c, k] x[n, c, p stride + k dilation − padding], where x
 * is 0 outside: (N, C, L…) × (O, C / groups, K…) + (O) → (N, O, M…), with
 * M = (L + 2 padding − dilation (K − 1) − 1) / stride + 1, rounded down. Channels of x and of y
 * fall in `groups` groups of neighbours; each group of y is made of its own group of x. bias may be
 * NULL. Errors: channels that are not weight's, a kernel that is larger than the padded x.
 *
 * Gradients of every order are convolutions again. float32 is added up in float32, over channels
 * and kernel in a row: the error grows as for any such sum. The same bits for any number of
 * threads. Zeros around x, which gradients and transposed maps have too, count as numbers: beside
 * a weight that is infinite they give NaN. */
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

/* The windows that a convolution sees, as columns: (N, C, H, W) → (N, C · taps, windows), `kernel`
 * TP_SHAPE(3) or TP_SHAPE(3, 2); stride, padding and dilation of the options count; others
 * are errors. One image may come without the first axis. */
TP_API tp_var *tp_unfold(tp_var *x, int n, const int64_t *kernel, const tp_conv_options *options);

/* The transposed map: columns (N, C · taps, windows) added where their windows are, → (N, C,
 * height, width). */
TP_API tp_var *tp_fold(tp_var *x, int64_t height, int64_t width, int n, const int64_t *kernel,
                       const tp_conv_options *options);

/* --- Pooling ---
 *
 * Windows of `kernel` elements, TP_SHAPE(3, 2) or TP_SHAPE(3) for all axes, `stride` apart, over
 * the last axes of (N, C, L…) → (N, C, M…), with
 * M = (L + 2 padding − dilation (kernel − 1) − 1) / stride + 1, rounded down, or with ceil_mode up,
 * as long as a window begins inside x or its first padding. padding is at most half the kernel.
 */
#define TP__DEFAULTS_tp_pool_options(_)                                                            \
    _ stride = TP__ONE(-1), _ padding = TP__ONE(0), _ dilation = TP__ONE(1), _ divisor = TP_AUTO,
typedef struct tp_pool_options {
    TP__OPTIONS(tp_pool_options)
    tp_sizes stride;   /* default: the kernel */
    tp_sizes padding;  /* 0 */
    tp_sizes dilation; /* 1; of the largest only */
    bool ceil_mode;
    bool exclude_padding; /* averages of what lies in x only: PyTorch's count_include_pad=False */
    double divisor;       /* of averages; TP_AUTO: how many elements there are */
    tp_var **indices;     /* of the largest: where each lies, see below */
} TP__BY_NAME tp_pool_options;

/* The largest of each window; NaN wins, the last of several; padding never does. The gradient goes
 * to that NaN, or to the first of equals. *indices, if asked for, gets their places as int64:
 * row-major in the spatial axes of x.
 */
TP_API tp_var *tp_max_pool1d(tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options);
TP_API tp_var *tp_max_pool2d(tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options);
TP_API tp_var *tp_max_pool3d(tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options);

/* The mean of each window; padding counts as zeros, but for what ceil_mode adds beyond it. */
TP_API tp_var *tp_avg_pool1d(tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options);
TP_API tp_var *tp_avg_pool2d(tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options);
TP_API tp_var *tp_avg_pool3d(tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options);

/* Windows that give a result of this size: place i of M takes elements from i L / M, rounded down,
 * to (i + 1) L / M, rounded up. A size of 1 is global pooling. */
TP_API tp_var *tp_adaptive_avg_pool1d(tp_var *x, int n, const int64_t *size);
TP_API tp_var *tp_adaptive_avg_pool2d(tp_var *x, int n, const int64_t *size);
TP_API tp_var *tp_adaptive_max_pool1d(tp_var *x, int n, const int64_t *size);
TP_API tp_var *tp_adaptive_max_pool2d(tp_var *x, int n, const int64_t *size);

/* --- Resampling --- */

typedef enum tp_interpolation { TP_NEAREST, TP_LINEAR, TP_BILINEAR } tp_interpolation;

#define TP__DEFAULTS_tp_interpolate_options(_) _ to = TP__ONE(-1), _ scale = TP_AUTO,
typedef struct tp_interpolate_options {
    TP__OPTIONS(tp_interpolate_options)
    tp_sizes to;  /* size of the result's spatial axes; or … */
    double scale; /* … how many times the old ones, rounded down. One of the two is needed */
    tp_interpolation mode;
    bool align_corners; /* the first and last elements stay where they are; not for TP_NEAREST */
} TP__BY_NAME tp_interpolate_options;

/* x (N, C, L…) at other places of its spatial axes, one to three of them. TP_NEAREST takes element
 * i L / M, rounded down. TP_LINEAR (one axis) and TP_BILINEAR (two) interpolate between neighbours,
 * at (i + ½) L / M − ½ but not below 0, with align_corners at i (L − 1) / (M − 1); with scale, 1 /
 * scale takes the place of L / M. Places are computed in double; PyTorch's float32 may differ where
 * one falls on an element. */
TP_API tp_var *tp_interpolate(tp_var *x, const tp_interpolate_options *options);

/* (…, C r², H, W) → (…, C, H r, W r): channels become places (Shi et al. 2016), and back. */
TP_API tp_var *tp_pixel_shuffle(tp_var *x, int64_t r);
TP_API tp_var *tp_pixel_unshuffle(tp_var *x, int64_t r);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__CONV(function, x, weight, bias, ...)                                                   \
    TP__WITH(tp_conv_options, function, (TP__V(x), TP__V(weight), TP__V(bias), ), __VA_ARGS__)
#define tp_conv1d(...) TP__CONV(tp_conv1d, __VA_ARGS__, )
#define tp_conv2d(...) TP__CONV(tp_conv2d, __VA_ARGS__, )
#define tp_conv3d(...) TP__CONV(tp_conv3d, __VA_ARGS__, )
#define tp_conv_transpose1d(...) TP__CONV(tp_conv_transpose1d, __VA_ARGS__, )
#define tp_conv_transpose2d(...) TP__CONV(tp_conv_transpose2d, __VA_ARGS__, )
#define tp_conv_transpose3d(...) TP__CONV(tp_conv_transpose3d, __VA_ARGS__, )
#define TP__POOL(function, x, n, kernel, ...)                                                      \
    TP__WITH(tp_pool_options, function, (TP__V(x), n, kernel, ), __VA_ARGS__)
#define tp_max_pool1d(...) TP__POOL(tp_max_pool1d, __VA_ARGS__, )
#define tp_max_pool2d(...) TP__POOL(tp_max_pool2d, __VA_ARGS__, )
#define tp_max_pool3d(...) TP__POOL(tp_max_pool3d, __VA_ARGS__, )
#define tp_avg_pool1d(...) TP__POOL(tp_avg_pool1d, __VA_ARGS__, )
#define tp_avg_pool2d(...) TP__POOL(tp_avg_pool2d, __VA_ARGS__, )
#define tp_avg_pool3d(...) TP__POOL(tp_avg_pool3d, __VA_ARGS__, )
#define TP__INTERPOLATE(function, x, ...)                                                          \
    TP__WITH(tp_interpolate_options, function, (TP__V(x), ), __VA_ARGS__)
#define tp_interpolate(...) TP__INTERPOLATE(tp_interpolate, __VA_ARGS__, )
#define TP__UNFOLD(function, x, n, kernel, ...)                                                    \
    TP__WITH(tp_conv_options, function, (TP__V(x), n, kernel, ), __VA_ARGS__)
#define tp_unfold(...) TP__UNFOLD(tp_unfold, __VA_ARGS__, )
#define TP__FOLD(function, x, height, width, n, kernel, ...)                                       \
    TP__WITH(tp_conv_options, function, (TP__V(x), height, width, n, kernel, ), __VA_ARGS__)
#define tp_fold(...) TP__FOLD(tp_fold, __VA_ARGS__, )
#endif

#endif
