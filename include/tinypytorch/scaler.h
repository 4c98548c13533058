/* SPDX-License-Identifier: MIT
 *
 * Training in half types: the loss is multiplied by a scale, so that gradients do not underflow,
 * and the optimiser divides by it. Where a gradient is infinite or NaN the step is left out and the
 * scale falls; after some steps without that it rises (torch.cuda.amp.GradScaler).
 *
 *     tp_optimizer_zero_grad(o);
 *     tp_backward(tp_grad_scaler_scale(s, loss));
 *     tp_grad_scaler_step(s, o);
 *     tp_grad_scaler_update(s);
 */
#ifndef TINYPYTORCH_SCALER_H
#define TINYPYTORCH_SCALER_H

#include "optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_grad_scaler tp_grad_scaler;

#define TP__DEFAULTS_tp_grad_scaler_new_options(_)                                                 \
    _ init_scale = 65536, _ growth_factor = 2, _ backoff_factor = 0.5, _ growth_interval = 2000,
typedef struct tp_grad_scaler_new_options {
    TP__OPTIONS(tp_grad_scaler_new_options)
    double init_scale;       /* 65,536 */
    double growth_factor;    /* 2, more than 1 */
    double backoff_factor;   /* 0.5, less than 1 */
    int64_t growth_interval; /* steps without an infinity or NaN: 2000 */
} TP__BY_NAME tp_grad_scaler_new_options;

/* It is the caller's, to be freed; NULL with an error. */
TP_API tp_grad_scaler *tp_grad_scaler_new(const tp_grad_scaler_new_options *options);
TP_API void tp_grad_scaler_free(tp_grad_scaler *s);

/* The scale as it is; NaN with an error. */
TP_API double tp_grad_scaler_get_scale(const tp_grad_scaler *s);

/* The loss times the scale, recorded. */
TP_API tp_var *tp_grad_scaler_scale(tp_grad_scaler *s, tp_var *loss);

/* Divides the gradients of o's parameters by the scale, in place, before they are looked at or
 * clipped; once between steps. In float16 what is small underflows then. */
TP_API void tp_grad_scaler_unscale_(tp_grad_scaler *s, tp_optimizer *o);

/* A step of o by its gradients over the scale, unless they are divided already; they are not
 * edited, and those of half types are divided in float32. True if it was made, false if a gradient
 * is infinite or NaN, or with an error. */
TP_API bool tp_grad_scaler_step(tp_grad_scaler *s, tp_optimizer *o);

/* The scale for what comes next, behind the steps of all optimisers. */
TP_API void tp_grad_scaler_update(tp_grad_scaler *s);

/* As of an optimiser, by the names of PyTorch's. */
TP_API tp_state_dict *tp_grad_scaler_state(const tp_grad_scaler *s);
TP_API void tp_grad_scaler_load_state(tp_grad_scaler *s, const tp_state_dict *d);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define tp_grad_scaler_new(...)                                                                    \
    TP__WITH(tp_grad_scaler_new_options, tp_grad_scaler_new, (), __VA_ARGS__)
#endif

#endif
