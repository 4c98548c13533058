/* SPDX-License-Identifier: MIT
 *
 * Steps of optimisers: each updates a list of parameters in place from their gradients (tp_grad),
 * in one pass over memory. What an optimiser remembers from step to step lies in arrays of the
 * caller's, of the parameters' shapes and types, zero at the beginning (tp_zeros). A parameter
 * without a gradient stays as it is, and so does its state.
 *
 * Parameters must be leaves of type float32 or float64 that can be edited in place. They and their
 * states are contiguous and share no elements with each other. An error, or one that is pending,
 * changes nothing.
 */
#ifndef TINYPYTORCH_OPTIM_H
#define TINYPYTORCH_OPTIM_H

#include "tinypytorch/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TP__DEFAULTS_tp_sgd_options(_) _ lr = 1e-3,
typedef struct tp_sgd_options {
    TP__OPTIONS(tp_sgd_options)
    double lr; /* 1e-3 */
    double momentum, dampening, weight_decay;
    bool nesterov;
    bool first; /* the first step, in which v ← g: only with dampening does that differ */
} TP__BY_NAME tp_sgd_options;

/* Stochastic gradient descent as torch.optim.SGD: g ← g + weight_decay p; v ← momentum v +
 * (1 − dampening) g (v ← g in the first one); p ← p − lr v, with nesterov p − lr (g + momentum v).
 * velocity may be NULL when momentum is 0. */
TP_API void tp_sgd_step(tp_var *const *params, tp_var *const *velocity, int n,
                        const tp_sgd_options *options);

#define TP__DEFAULTS_tp_adam_options(_) _ lr = 1e-3, _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8,
typedef struct tp_adam_options {
    TP__OPTIONS(tp_adam_options)
    double lr;           /* 1e-3 */
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay;
    bool decoupled; /* AdamW: p ← p − lr weight_decay p, instead of g ← g + weight_decay p */
} TP__BY_NAME tp_adam_options;

/* Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), as torch.optim.Adam and AdamW:
 * m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; p ← p − lr (m / (1 − β₁ᵗ)) /
 * (√(v / (1 − β₂ᵗ)) + eps), where t = step counts from 1. On x86-64 a
 * step takes denormal numbers, which m and v of a vanished gradient would otherwise stay for ever
 * and which are slow to compute with, for 0. */
TP_API void tp_adam_step(tp_var *const *params, tp_var *const *m, tp_var *const *v, int n,
                         int64_t step, const tp_adam_options *options);

#ifdef __cplusplus
}
#endif

#endif
