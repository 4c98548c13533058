/* SPDX-License-Identifier: MIT
 *
 * What optimisers share: the walk over lists of parameters. Everything is checked, evaluated and
 * made ready for writing before the first element changes. Then the blocks of all parameters are
 * one job that threads share; where they are cut depends on the sizes only.
 *
 * A parameter of a half type has a master, its elements in float32: that is what the kernel moves,
 * with states of float32, and the parameter becomes what it rounds to.
 */
#ifndef TP_OPTIM_H
#define TP_OPTIM_H

#include "optim/step.h"

/* Parameters that move by the same numbers. */
typedef struct tp__step {
    const char *name; /* of the call */
    tp__step_kind kind;
    tp_var *const *params;
    tp_var *const *masters;                 /* NULL: half types are errors */
    tp_var *const *states[TP__STEP_STATES]; /* a list each, as long as params */
    const char *const *state_names;
    unsigned uses; /* which states, as bits */
    int n;
    int first; /* the number of params[0] in messages */
    tp__step_numbers numbers;
    double flops; /* of an element */
} tp__step;

/* False, with an error, unless value is at least from and, if to is not 0, less than to. */
bool tp__step_option(const char *call, const char *option, double value, double from, double to);

/* Does n steps, whose parameters are total in all; nothing, with an error, if one of them cannot be
 * done to all of its parameters. False then. */
bool tp__step_run(const tp__step *steps, int n, int total);

/* The parameter can be moved at all: a leaf, floating, contiguous; without a list of masters it
 * needs a gradient too. */
bool tp__step_may_move(const tp__step *step, int i);

#endif
