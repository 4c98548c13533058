/* SPDX-License-Identifier: MIT
 *
 * Records of rows (kernels/softmax_norm.h): the last axis, or of a norm the last ones, which are
 * the shape of its weight. The operands are x and, of a norm, a weight and perhaps a bias, all of
 * one floating type; the attribute is ε.
 */
#ifndef TP_NETWORK_ROWS_H
#define TP_NETWORK_ROWS_H

#include "graph/op.h"
#include "kernels/softmax_norm.h"

/* The result is as the first operand. */
bool tp__rows_infer(tp__call *call);

bool tp__rows_run(tp__call *call, tp__row_kind kind);

/* The gradient where nothing is recorded. A softmax reads its result, a norm x and the weight. */
void tp__rows_pull(const tp__pull *pull, tp__row_kind kind);

/* ln Σ eˣ of each row of the first operand or, with a class for each in the second one, its
 * cross-entropy; the attribute is the class of rows that have none. */
bool tp__rows_log_sum(tp__call *call);
void tp__rows_log_sum_pull(const tp__pull *pull);

/* The gradient of operand i, if that is wanted: zeros to add to, uninitialised for x; NULL if it is
 * not. */
char *tp__rows_room(const tp__pull *pull, int i);

/* The functions of a record of rows, by its name. */
#define TP__ROWS_OF(name, kind)                                                                    \
    static bool name##_forward(tp__call *call)                                                     \
    {                                                                                              \
        return tp__rows_run(call, kind);                                                           \
    }                                                                                              \
    static void name##_rows(const tp__pull *pull)                                                  \
    {                                                                                              \
        tp__rows_pull(pull, kind);                                                                 \
    }

/* Of a recorded result of batch norm by its own statistics: each channel's mean, then each one's
 * 1 / √(variance + ε). NULL of another one, which was computed in other operations. */
const double *tp__batch_norm_kept(tp_var *y);

#endif
