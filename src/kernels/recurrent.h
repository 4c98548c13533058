/* SPDX-License-Identifier: MIT
 *
 * Recurrent layers over whole sequences, apart from nodes. The products of all steps with the
 * input's weights are one product, and so are the gradients of weights; each step is a product with
 * the recurrent weights and one pass over the gates (gates.h). Threads take rows of the batch, each
 * through all steps, so that nobody waits for anybody.
 */
#ifndef TP_RECUR_H
#define TP_RECUR_H

#include <stdbool.h>

#include "kernels/gates.h"
#include "kernels/gemm.h"

/* Arrays are row-major: x (steps, rows, inputs), h and c (rows, size), w_ih (parts · size, inputs),
 * w_hh (parts · size, size), bias (4 size), y (steps, rows, size), gates (steps, rows, 4 size) and,
 * of an LSTM, cells (steps, rows, size). An LSTM has four parts, one for each gate; a GRU has
 * three, and the last of w_ih makes n, that of w_hh makes q. */
typedef struct tp__recur {
    const tp__gemm_backend *gemm;
    const tp__gate_kernels *kernels;
    bool lstm;
    int64_t steps, rows, inputs, size;
    const char *x, *h, *c, *w_ih, *w_hh, *bias;
    char *y, *gates, *cells;

    /* Backward. gh and gc begin as the gradients of what follows the last step and become those of
     * h and c; change has room for as much as gates; ones for a one a row and step. Of the others
     * NULL is not wanted. */
    const char *gy, *ones;
    char *gx, *gh, *gc, *gw_ih, *gw_hh, *g_bias, *change;
} tp__recur;

/* y, gates and cells. turned has room for as much as w_hh. */
void tp__recur_forward(const tp__recur *recur, char *turned);
void tp__recur_backward(const tp__recur *recur);

double tp__recur_flops(const tp__recur *recur);

#endif
