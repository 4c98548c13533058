/* SPDX-License-Identifier: MIT
 *
 * Averages of parameters along a training (torch.optim.swa_utils.AveragedModel).
 *
 *     tp_ema *e = tp_ema_new(params, n, 0.999);
 *     ... tp_optimizer_step(o), tp_ema_update(e);
 *     tp_ema_swap(e);       // evaluate with the averages
 *     tp_ema_swap(e);       // and go on with the parameters
 */
#ifndef TINYPYTORCH_AVERAGE_H
#define TINYPYTORCH_AVERAGE_H

#include "io.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_ema tp_ema;

/* Averages that begin as copies of n floating parameters, in their types, of half types in float32;
 * the first update copies them again. tp_ema_new: a ← a + (1 − decay) (p − a), decay from 0 to 1.
 * tp_swa_new: equal weights, a ← a + (p − a) / (k + 1) behind k updates. It is the caller's, to be
 * freed, and holds the parameters; NULL with an error. */
TP_API tp_ema *tp_ema_new(tp_var *const *params, int n, double decay);
TP_API tp_ema *tp_swa_new(tp_var *const *params, int n);
TP_API void tp_ema_free(tp_ema *e);

/* Takes in the parameters as they are. An error while they are swapped. */
TP_API void tp_ema_update(tp_ema *e);

/* Puts the averages into the parameters, and the next time what these were before. */
TP_API void tp_ema_swap(tp_ema *e);

/* Puts the averages into the parameters for good. */
TP_API void tp_ema_copy_to(tp_ema *e);

/* Average i, which is e's own; NULL with an error. */
TP_API tp_var *tp_ema_at(const tp_ema *e, int i);

/* As of an optimiser: n_averaged, and the averages behind "module.". An error while they are
 * swapped. */
TP_API tp_state_dict *tp_ema_state(const tp_ema *e);
TP_API void tp_ema_load_state(tp_ema *e, const tp_state_dict *d);

#ifdef __cplusplus
}
#endif

#endif
