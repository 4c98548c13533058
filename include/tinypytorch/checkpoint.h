/* SPDX-License-Identifier: MIT
 *
 * Gradients in less memory: intermediate values are not kept but computed again when a sweep needs
 * them (Griewank & Walther 2000; Chen et al. 2016).
 *
 *     y = tp_checkpoint(layer, ctx, &x, 1)                           one part of a computation
 *     y = tp_checkpoint_sequence(layer, ctx, 48, x, .budget = 64e6)   a chain, within 64 MB
 *
 * The graph is recorded as always; only the elements of what lies between go, and come back by
 * repeating the recorded operations on the recorded operands. So derivatives of every order have
 * the same bits as without. The function itself is not called again: what it drew at random, such
 * as a dropout's mask, is kept, like all constants it made, and so is what functions of one's own
 * (tp_apply) gave.
 *
 * A sweep computes a part's values when it enters the part and lets go of each as soon as it has
 * passed it. A recorded sweep (create_graph) keeps what it records as always. A value that somebody
 * reads is computed again too. Editing an operand in place since it was recorded is an error then,
 * as in any sweep.
 */
#ifndef TINYPYTORCH_CHECKPOINT_H
#define TINYPYTORCH_CHECKPOINT_H

#include "calculus.h"

#ifdef __cplusplus
extern "C" {
#endif

/* f of n arrays, without its intermediate values. f may use other variables besides. Checkpoints
 * may lie inside one another. While f runs, it has what its scopes hold: open scopes inside it
 * where that is much. Where nothing is recorded this is f. */
TP_API tp_var *tp_checkpoint(tp_array_function *f, void *ctx, tp_var *const *x, int n);

/* Stage number i of a chain, from 0: any operations on x that end in one array. */
typedef tp_var *tp_stage(void *ctx, int i, tp_var *x);

#define TP__DEFAULTS_tp_checkpoint_options(_)
typedef struct tp_checkpoint_options {
    TP__OPTIONS(tp_checkpoint_options)
    size_t budget; /* bytes; 0: as little as single stages allow, the results of all kept */
} TP__BY_NAME tp_checkpoint_options;

/* n stages, each on the result of the one before. What is held for sweeps, intermediate values and
 * results of stages, then and while a sweep passes, stays within the budget: of the last stages as
 * many as fit are kept whole, which costs no time; of others only results are kept; where these are
 * too many, those of every second, fourth … stage, and the stages between are computed again
 * together. Each stage is computed again at most once a sweep. The working memory of the stage that
 * runs, and gradients, come on top. Error: a budget that no such choice meets; the message says
 * what would. */
TP_API tp_var *tp_checkpoint_sequence(tp_stage *f, void *ctx, int n, tp_var *x,
                                      const tp_checkpoint_options *options);

#ifdef __cplusplus
}
#endif

#endif
