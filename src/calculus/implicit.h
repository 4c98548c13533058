/* SPDX-License-Identifier: MIT
 *
 * Results of searches as functions of what the searched function read besides x (implicit.c).
 */
#ifndef TP_IMPLICIT_H
#define TP_IMPLICIT_H

#include "calculus/minimize.h"

/* What is zero at the result: f itself, the gradient of f, or that of Σ f². */
typedef enum tp__implicit_kind {
    TP__IMPLICIT_ROOT,
    TP__IMPLICIT_MINIMUM,
    TP__IMPLICIT_SQUARES
} tp__implicit_kind;

/* True if y depends on variables besides x. */
bool tp__implicit_others(tp_var *y, const tp_var *x);

/* Where the options ask for it, makes minimum->x, which has converged, a recorded function of the
 * variables that f reads besides x. False, with an error and poison, if it cannot be. */
bool tp__implicit_record(const tp__minimize *job, tp__implicit_kind kind,
                         tp_minimize_result *minimum);

#endif
