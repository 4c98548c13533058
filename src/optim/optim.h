/* SPDX-License-Identifier: MIT
 *
 * What optimisers share: the walk over a list of parameters. Everything is checked, evaluated and
 * made ready for writing before the first element changes. Then the blocks of all parameters are
 * one job that threads share; where they are cut depends on the sizes only.
 */
#ifndef TP_OPTIM_H
#define TP_OPTIM_H

#include "optim/step.h"

enum { TP__STEP_STATES = 2 };

typedef struct tp__step {
    const char *name; /* of the call */
    tp__step_kind kind;
    tp_var *const *params;
    tp_var *const *states[TP__STEP_STATES]; /* a list each, as long as params */
    const char *state_names[TP__STEP_STATES];
    int n, n_states;
    tp__step_numbers numbers;
    double flops; /* of an element */
} tp__step;

/* False, with an error, unless value is at least from and, if to is not 0, less than to. */
bool tp__step_option(const char *call, const char *option, double value, double from, double to);

/* Does the step; nothing, with an error, if it cannot be done to all parameters. */
void tp__step_run(const tp__step *step);

#endif
