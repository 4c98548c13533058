/* SPDX-License-Identifier: MIT
 *
 * The gates of recurrent layers for one time step of some rows of the batch, apart from nodes. A
 * row has four gates of `size` elements each, one after the other: i f g o of an LSTM (Hochreiter &
 * Schmidhuber 1997), r z n q of a GRU (Cho et al. 2014), where q is the recurrent part of n.
 * Forward turns sums into gates where they lie; backward makes the gradients of the sums from them.
 *
 * A gate near 1 is kept as what it is short of 1, which its slope consists of: a sigmoid from ½ on
 * as itself less 1, at most the least normal number below 0; a tanh t from ±½ on as ±1 / (1 − |t|).
 */
#ifndef TP_GATES_H
#define TP_GATES_H

#include <stdint.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

enum { TP__GATES = 4 };

/* Lines of what is not gates are `size` elements long and lie one after the other. */
typedef struct tp__gate_step {
    int64_t rows, size;
    char *gates;        /* rows of TP__GATES · size */
    const char *bias;   /* forward: added to each row's sums */
    const char *before; /* of the step before: c of an LSTM, h of a GRU */
    char *c, *h;        /* forward: results; backward: c as it was (LSTM) */
    const char *gy;     /* backward: gradient of h from outside … */
    char *gh;           /* … and from the step after; becomes, of a GRU, what goes to the
                         * step before by itself */
    char *gc;           /* likewise of c */
    char *change;       /* backward: gradients of the sums, laid out as gates */
} tp__gate_step;

typedef struct tp__gate_kernels {
    double cost; /* of a row's element, in nanoseconds, about */
    void (*forward)(const tp__gate_step *step);
    void (*backward)(const tp__gate_step *step);
} tp__gate_kernels;

/* Of float32 and float64. */
typedef const tp__gate_kernels tp__gate_table[2];
TP__AT_LEVELS(tp__gate_table, tp__lstm);
TP__AT_LEVELS(tp__gate_table, tp__gru);

const tp__gate_kernels *tp__lstm_kernels_of(tp_dtype dtype), *tp__gru_kernels_of(tp_dtype dtype);

#endif
