/* SPDX-License-Identifier: MIT
 *
 * Layers: modules (nn.h) with the names, parameters, shapes, initial distributions and defaults of
 * torch.nn's.
 *
 *     tp_module *net = tp_sequential_new(TP_MODULES(
 *         tp_conv2d_new(1, 6, 5, .padding = 2), tp_relu_new(), tp_max_pool2d_new(2),
 *         tp_flatten_new(), tp_linear_new(1176, 10)));
 *
 * Each is computed by the function of the same name (network.h, conv.h, sequence.h …), whose manual
 * tells formulas, shapes and errors. Parameters are float32 unless .dtype says otherwise. Initial
 * values come from this thread's random stream (tp_manual_seed). Unless told otherwise weights and
 * biases are uniform within ±1 / √fan_in.
 */
#ifndef TINYPYTORCH_LAYERS_H
#define TINYPYTORCH_LAYERS_H

#include "conv.h"
#include "functional.h"
#include "network.h"
#include "nn.h"
#include "sequence.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Linear layers --- */

#define TP__DEFAULTS_tp_layer_options(_) _ bias = true,
typedef struct tp_layer_options {
    TP__OPTIONS(tp_layer_options)
    tp_dtype dtype; /* TP_F32 */
    bool bias;      /* true */
} TP__BY_NAME tp_layer_options;

/* x weightᵀ + bias: (…, in) → (…, out); weight (out, in), bias (out). */
TP_API tp_module *tp_linear_new(int64_t in, int64_t out, const tp_layer_options *options);

/* x itself; (N, C, …) → (N, the rest); the last axis split: (…, n · k) → (…, shape). */
TP_API tp_module *tp_identity_new(void);
TP_API tp_module *tp_flatten_new(void);
TP_API tp_module *tp_unflatten_new(int ndim, const int64_t *shape);

/* In training each element is 0 with probability p, and the others are divided by 1 − p. */
TP_API tp_module *tp_dropout_new(double p);

/* Rows of weight (n, width), normal at the beginning: int64 (…) → (…, width). */
TP_API tp_module *tp_embedding_new(int64_t n, int64_t width, const tp_layer_options *options);

/* --- Convolutions --- */

#define TP__DEFAULTS_tp_conv_layer_options(_)                                                      \
    _ kernel = TP__ONE(0), _ stride = TP__ONE(1), _ padding = TP__ONE(0), _ dilation = TP__ONE(1), \
      _ output_padding = TP__ONE(0), _ groups = 1, _ bias = true,
typedef struct tp_conv_layer_options {
    TP__OPTIONS(tp_conv_layer_options)
    tp_sizes kernel;                                    /* of each axis, where the argument is 0 */
    tp_sizes stride, padding, dilation, output_padding; /* as in tp_conv_options */
    int64_t groups;
    bool same;
    tp_dtype dtype; /* TP_F32 */
    bool bias;      /* true */
} TP__BY_NAME tp_conv_layer_options;

/* (N, in, L …) → (N, out, M …); weight (out, in / groups, kernel …), bias (out). */
TP_API tp_module *tp_conv1d_new(int64_t in, int64_t out, int64_t kernel,
                                const tp_conv_layer_options *options);
TP_API tp_module *tp_conv2d_new(int64_t in, int64_t out, int64_t kernel,
                                const tp_conv_layer_options *options);
TP_API tp_module *tp_conv3d_new(int64_t in, int64_t out, int64_t kernel,
                                const tp_conv_layer_options *options);

/* weight (in, out / groups, kernel …). */
TP_API tp_module *tp_conv_transpose1d_new(int64_t in, int64_t out, int64_t kernel,
                                          const tp_conv_layer_options *options);
TP_API tp_module *tp_conv_transpose2d_new(int64_t in, int64_t out, int64_t kernel,
                                          const tp_conv_layer_options *options);
TP_API tp_module *tp_conv_transpose3d_new(int64_t in, int64_t out, int64_t kernel,
                                          const tp_conv_layer_options *options);

/* --- Pooling: the same kernel along all axes; .indices is not taken --- */
TP_API tp_module *tp_max_pool1d_new(int64_t kernel, const tp_pool_options *options);
TP_API tp_module *tp_max_pool2d_new(int64_t kernel, const tp_pool_options *options);
TP_API tp_module *tp_max_pool3d_new(int64_t kernel, const tp_pool_options *options);
TP_API tp_module *tp_avg_pool1d_new(int64_t kernel, const tp_pool_options *options);
TP_API tp_module *tp_avg_pool2d_new(int64_t kernel, const tp_pool_options *options);
TP_API tp_module *tp_avg_pool3d_new(int64_t kernel, const tp_pool_options *options);

/* A result of `size` elements along each axis. */
TP_API tp_module *tp_adaptive_avg_pool1d_new(int64_t size);
TP_API tp_module *tp_adaptive_avg_pool2d_new(int64_t size);
TP_API tp_module *tp_adaptive_max_pool1d_new(int64_t size);
TP_API tp_module *tp_adaptive_max_pool2d_new(int64_t size);

/* --- Normalization --- */

#define TP__DEFAULTS_tp_norm_layer_options(_) _ eps = 1e-5, _ momentum = 0.1, _ affine = true,
typedef struct tp_norm_layer_options {
    TP__OPTIONS(tp_norm_layer_options)
    double eps;      /* 1e-5 */
    double momentum; /* 0.1, of batch norm's running statistics; TP_AUTO: the mean of all batches */
    bool affine;     /* true: weight (ones) and bias (zeros) */
    tp_dtype dtype;  /* TP_F32 */
} TP__BY_NAME tp_norm_layer_options;

/* Over the last axes, which have this shape; RMS norm has no bias. */
TP_API tp_module *tp_layer_norm_new(int ndim, const int64_t *shape,
                                    const tp_norm_layer_options *options);
TP_API tp_module *tp_rms_norm_new(int ndim, const int64_t *shape,
                                  const tp_norm_layer_options *options);

/* Of each channel of (N, C, …), 2 to 5 dimensions. In training by the batch's statistics, which
 * also move the buffers running_mean and running_var (with the unbiased variance) and count
 * num_batches_tracked; in evaluation by these. */
TP_API tp_module *tp_batch_norm_new(int64_t channels, const tp_norm_layer_options *options);

/* Of each row and group of channels; of each row and channel (.affine = false is torch's default
 * there, true here). */
TP_API tp_module *tp_group_norm_new(int64_t groups, int64_t channels,
                                    const tp_norm_layer_options *options);
TP_API tp_module *tp_instance_norm_new(int64_t channels, const tp_norm_layer_options *options);

/* --- Sequences ---
 *
 * Parameters are weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse … of each
 * layer and direction, uniform within ±1 / √hidden at the beginning. */

#define TP__DEFAULTS_tp_recurrent_layer_options(_) _ layers = 1, _ bias = true,
typedef struct tp_recurrent_layer_options {
    TP__OPTIONS(tp_recurrent_layer_options)
    int layers;         /* 1 */
    bool bidirectional; /* and backwards, side by side in the result */
    bool batch_first;   /* (N, T, in) instead of (T, N, in) */
    double dropout;     /* between layers, in training */
    bool bias;          /* true */
    bool relu;          /* of tp_rnn_new: instead of tanh */
    tp_dtype dtype;     /* TP_F32 */
} TP__BY_NAME tp_recurrent_layer_options;

/* (T, N, in) → (T, N, directions · hidden). tp_forward_n takes x, h, (of an LSTM) c, and the rows'
 * lengths, and gives the result, h_n, (of an LSTM) c_n: the last states, (layers · directions, N,
 * hidden). Values at the end may be left out, and others NULL. See tp_recurrent. */
TP_API tp_module *tp_rnn_new(int64_t in, int64_t hidden, const tp_recurrent_layer_options *options);
TP_API tp_module *tp_lstm_new(int64_t in, int64_t hidden,
                              const tp_recurrent_layer_options *options);
TP_API tp_module *tp_gru_new(int64_t in, int64_t hidden, const tp_recurrent_layer_options *options);

#define TP__DEFAULTS_tp_attention_layer_options(_) _ bias = true,
typedef struct tp_attention_layer_options {
    TP__OPTIONS(tp_attention_layer_options)
    bool batch_first; /* (N, L, width) instead of (L, N, width) */
    bool causal;      /* place i sees places 0 … i */
    double dropout;   /* of attention's weights, in training */
    bool bias;        /* true */
    tp_dtype dtype;   /* TP_F32 */
} TP__BY_NAME tp_attention_layer_options;

/* tp_multi_head_attention between projections: in_proj_weight (3 width, width), in_proj_bias,
 * out_proj.weight and .bias. tp_forward_n takes q, k, v and a mask (as of the function), tp_forward
 * an x that is all three. */
TP_API tp_module *tp_multihead_attention_new(int64_t width, int64_t heads,
                                             const tp_attention_layer_options *options);

#define TP__DEFAULTS_tp_transformer_options(_) _ dropout = 0.1, _ eps = 1e-5,
typedef struct tp_transformer_options {
    TP__OPTIONS(tp_transformer_options)
    double dropout;   /* 0.1 */
    bool norm_first;  /* normalise what comes in, as GPT-2 does, not the sums */
    bool gelu;        /* instead of relu */
    bool batch_first; /* (N, L, width) instead of (L, N, width) */
    bool causal;      /* place i sees places 0 … i */
    double eps;       /* of the norms: 1e-5 */
    tp_dtype dtype;   /* TP_F32 */
} TP__BY_NAME tp_transformer_options;

/* x ← norm1(x + self_attn(x)), x ← norm2(x + linear2(relu(linear1(x)))), with `hidden` values in
 * between (Vaswani et al. 2017). tp_forward_n takes x and a mask. */
TP_API tp_module *tp_transformer_encoder_layer_new(int64_t width, int64_t heads, int64_t hidden,
                                                   const tp_transformer_options *options);

/* --- Activations (elementwise.h) --- */
TP_API tp_module *tp_relu_new(void);
TP_API tp_module *tp_leaky_relu_new(double slope);
TP_API tp_module *tp_elu_new(double alpha);
TP_API tp_module *tp_gelu_new(void);
TP_API tp_module *tp_silu_new(void);
TP_API tp_module *tp_tanh_new(void);
TP_API tp_module *tp_sigmoid_new(void);
TP_API tp_module *tp_softplus_new(void);
TP_API tp_module *tp_softmax_new(int axis);
TP_API tp_module *tp_log_softmax_new(int axis);

/* --- Losses: tp_forward_n of (x, target), or tp_loss --- */
TP_API tp_module *tp_mse_loss_new(const tp_loss_options *options);
TP_API tp_module *tp_l1_loss_new(const tp_loss_options *options);
TP_API tp_module *tp_bce_with_logits_loss_new(const tp_loss_options *options);
TP_API tp_module *tp_cross_entropy_loss_new(const tp_class_options *options);
TP_API tp_module *tp_nll_loss_new(const tp_class_options *options);

/* The result of a module of two values. */
TP_API tp_var *tp_loss(tp_module *m, tp_var *x, tp_var *y);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__NEW_1(type, function, a, ...) TP__WITH(type, function, (a, ), __VA_ARGS__)
#define TP__NEW_2(type, function, a, b, ...) TP__WITH(type, function, (a, b, ), __VA_ARGS__)
#define TP__NEW_3(type, function, a, b, c, ...) TP__WITH(type, function, (a, b, c, ), __VA_ARGS__)
#define tp_linear_new(...) TP__NEW_2(tp_layer_options, tp_linear_new, __VA_ARGS__, )
#define tp_embedding_new(...) TP__NEW_2(tp_layer_options, tp_embedding_new, __VA_ARGS__, )
#define tp_conv1d_new(...) TP__NEW_3(tp_conv_layer_options, tp_conv1d_new, __VA_ARGS__, )
#define tp_conv2d_new(...) TP__NEW_3(tp_conv_layer_options, tp_conv2d_new, __VA_ARGS__, )
#define tp_conv3d_new(...) TP__NEW_3(tp_conv_layer_options, tp_conv3d_new, __VA_ARGS__, )
#define tp_conv_transpose1d_new(...)                                                               \
    TP__NEW_3(tp_conv_layer_options, tp_conv_transpose1d_new, __VA_ARGS__, )
#define tp_conv_transpose2d_new(...)                                                               \
    TP__NEW_3(tp_conv_layer_options, tp_conv_transpose2d_new, __VA_ARGS__, )
#define tp_conv_transpose3d_new(...)                                                               \
    TP__NEW_3(tp_conv_layer_options, tp_conv_transpose3d_new, __VA_ARGS__, )
#define tp_max_pool1d_new(...) TP__NEW_1(tp_pool_options, tp_max_pool1d_new, __VA_ARGS__, )
#define tp_max_pool2d_new(...) TP__NEW_1(tp_pool_options, tp_max_pool2d_new, __VA_ARGS__, )
#define tp_max_pool3d_new(...) TP__NEW_1(tp_pool_options, tp_max_pool3d_new, __VA_ARGS__, )
#define tp_avg_pool1d_new(...) TP__NEW_1(tp_pool_options, tp_avg_pool1d_new, __VA_ARGS__, )
#define tp_avg_pool2d_new(...) TP__NEW_1(tp_pool_options, tp_avg_pool2d_new, __VA_ARGS__, )
#define tp_avg_pool3d_new(...) TP__NEW_1(tp_pool_options, tp_avg_pool3d_new, __VA_ARGS__, )
#define tp_layer_norm_new(...) TP__NEW_2(tp_norm_layer_options, tp_layer_norm_new, __VA_ARGS__, )
#define tp_rms_norm_new(...) TP__NEW_2(tp_norm_layer_options, tp_rms_norm_new, __VA_ARGS__, )
#define tp_batch_norm_new(...) TP__NEW_1(tp_norm_layer_options, tp_batch_norm_new, __VA_ARGS__, )
#define tp_group_norm_new(...) TP__NEW_2(tp_norm_layer_options, tp_group_norm_new, __VA_ARGS__, )
#define tp_instance_norm_new(...)                                                                  \
    TP__NEW_1(tp_norm_layer_options, tp_instance_norm_new, __VA_ARGS__, )
#define tp_rnn_new(...) TP__NEW_2(tp_recurrent_layer_options, tp_rnn_new, __VA_ARGS__, )
#define tp_lstm_new(...) TP__NEW_2(tp_recurrent_layer_options, tp_lstm_new, __VA_ARGS__, )
#define tp_gru_new(...) TP__NEW_2(tp_recurrent_layer_options, tp_gru_new, __VA_ARGS__, )
#define tp_multihead_attention_new(...)                                                            \
    TP__NEW_2(tp_attention_layer_options, tp_multihead_attention_new, __VA_ARGS__, )
#define tp_transformer_encoder_layer_new(...)                                                      \
    TP__NEW_3(tp_transformer_options, tp_transformer_encoder_layer_new, __VA_ARGS__, )
#define tp_mse_loss_new(...) TP__WITH(tp_loss_options, tp_mse_loss_new, (), __VA_ARGS__)
#define tp_l1_loss_new(...) TP__WITH(tp_loss_options, tp_l1_loss_new, (), __VA_ARGS__)
#define tp_bce_with_logits_loss_new(...)                                                           \
    TP__WITH(tp_loss_options, tp_bce_with_logits_loss_new, (), __VA_ARGS__)
#define tp_cross_entropy_loss_new(...)                                                             \
    TP__WITH(tp_class_options, tp_cross_entropy_loss_new, (), __VA_ARGS__)
#define tp_nll_loss_new(...) TP__WITH(tp_class_options, tp_nll_loss_new, (), __VA_ARGS__)
#endif

#endif
