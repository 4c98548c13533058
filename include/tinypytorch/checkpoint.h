/* SPDX-License-Identifier: MIT
 *
 * Gradients in less memory: intermediate values are not kept but computed again when a sweep needs
 * them (Griewank & Walther 2000; Chen et al. 2016).
 *
 *     tp_var *part(void *ctx, tp_var *const *x);        // a function of an array of values
 *     tp_var *y = tp_checkpoint(part, ctx, &x, 1);
 *
 *     tp_var *stage(void *ctx, int i, tp_var *x);       // one of a chain: its number, its operand
 *     tp_var *y = tp_checkpoint_sequence(stage, ctx, 48, x, .budget = 64000000);   // within 64 MB
 *
 * The graph is recorded as always. Only the elements of the values inside a part go, and a sweep
 * that needs them repeats the recorded operations on the recorded operands. So derivatives of every
 * order have the same bits as without a checkpoint. The function itself is not called again. What
 * it drew at random, such as a dropout's mask, is kept, as are all constants that it made and the
 * results of functions of one's own (tp_apply).
 *
 * A sweep computes the values of a part when it enters the part, and lets go of each value as soon
 * as it has passed it. What a recorded sweep (create_graph) records is kept. A value that somebody
 * reads is computed again too. After an operand was edited in place its values cannot be computed
 * again: that is an error, as in any sweep.
 */
#ifndef TINYPYTORCH_CHECKPOINT_H
#define TINYPYTORCH_CHECKPOINT_H

#include "calculus.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The result of f for the n arrays x. f may use other variables besides. Checkpoints may lie inside
 * one another. While f runs, all that its open scopes hold is in memory: a long f should open
 * scopes of its own. Where nothing is recorded this only calls f. */
TP_API tp_var *tp_checkpoint(tp_array_function *f, void *ctx, tp_var *const *x, int n);

#define TP__DEFAULTS_tp_blocks_options(_)
typedef struct tp_blocks_options {
    TP__OPTIONS(tp_blocks_options)
    /* called after each block but the last with how many rows are done; false: stop, an error */
    bool (*callback)(void *ctx, int64_t done, int64_t rows);
    void *callback_ctx;
} TP__BY_NAME tp_blocks_options;

/* Σ f over blocks of rows: f gets `block` rows at a time of each of n arrays, which have as many
 * rows (axis 0), the last time perhaps fewer, and gives a result that always has one shape. Blocks
 * are added in pairs, pairs in pairs.
 *
 *     tp_var *loss = tp_sum_blocks(error, &model, data, 2, 2048);
 *     tp_gradients(loss, parameters, n, gradients); // what f uses, and data, are differentiated
 *
 * Each block is a checkpoint: what it computes goes when it is done, and a sweep computes it once
 * more, one block after the other, and adds up one gradient. So memory is that of one block, for
 * values and gradients; derivatives of every order are right, and what a recorded sweep
 * (create_graph) records is kept. To have higher derivatives in the memory of a block, or gradients
 * without computing values twice, let f return them: it may call tp_gradient of its block, and
 * where its result is a constant nothing is kept at all. Error: arrays without rows or with
 * different numbers of them, results of different shapes or types. */
TP_API tp_var *tp_sum_blocks(tp_array_function *f, void *ctx, tp_var *const *x, int n,
                             int64_t block, const tp_blocks_options *options);

/* Stage number i of a chain, from 0: any operations on x that end in one array. */
typedef tp_var *tp_stage(void *ctx, int i, tp_var *x);

#define TP__DEFAULTS_tp_checkpoint_options(_)
typedef struct tp_checkpoint_options {
    TP__OPTIONS(tp_checkpoint_options)
    size_t budget; /* in bytes; 0: all results are kept, and nothing else (2. below) */
} TP__BY_NAME tp_checkpoint_options;

/* The result of n stages, each applied to the result of the one before it.
 *
 * The budget bounds what is held for sweeps: the intermediate values and the results of stages, now
 * and while a sweep passes. The working memory of the stage that runs, and gradients, come on top.
 *
 * 1. The last stages keep everything, as many as fit. They cost no time.
 * 2. The stages before them keep only their results; a sweep computes the rest again.
 * 3. If these results are too many, only every second, fourth, eighth … is kept; a sweep computes
 *    the stages between two of them again together.
 *
 * A sweep computes each stage again at most once. Stages take the same time however many there are.
 * Error: no such choice meets the budget. All stages have run then, and the message names a budget
 * that works. */
TP_API tp_var *tp_checkpoint_sequence(tp_stage *f, void *ctx, int n, tp_var *x,
                                      const tp_checkpoint_options *options);

#ifdef __cplusplus
}
#endif

#endif
