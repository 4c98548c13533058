/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of optimisers: kernels that update a run of parameters in one pass over
 * parameters, gradients and states. They compute in the elements' own type, in the order of
 * operations that PyTorch has. Each is compiled for the baseline and, on x86-64, for AVX2, which
 * roots and quotients are worth; all give the same bits.
 */
#ifndef TP_STEP_H
#define TP_STEP_H

#include <stdint.h>

#include "tinypytorch/base.h"

/* Each kind by its name in the table, and that of its kernel in step_body.h. */
#define TP__STEP_LIST(_)                                                                           \
    _(SGD, sgd)                                                                                    \
    _(MOMENTUM, momentum)                                                                          \
    _(ADAGRAD, adagrad)                                                                            \
    _(ADADELTA, adadelta)                                                                          \
    _(RMSPROP, rmsprop)                                                                            \
    _(RMSPROP_CENTERED, rmsprop_centered)                                                          \
    _(RMSPROP_MOMENTUM, rmsprop_momentum)                                                          \
    _(RMSPROP_BOTH, rmsprop_both)                                                                  \
    _(ADAM, adam)                                                                                  \
    _(AMSGRAD, amsgrad)                                                                            \
    _(ADAMAX, adamax)                                                                              \
    _(NADAM, nadam)                                                                                \
    _(RADAM, radam)                                                                                \
    _(LION, lion)

#define TP__STEP_ENUM(kind, kernel) TP__##kind,
typedef enum tp__step_kind { TP__STEP_LIST(TP__STEP_ENUM) TP__STEP_KINDS } tp__step_kind;
#undef TP__STEP_ENUM

/* A parameter, its gradient and what is remembered of it. */
enum { TP__STEP_STATES = 3, TP__STEP_ARRAYS = 2 + TP__STEP_STATES };

/* The numbers of a step, computed once for all elements. */
typedef struct tp__step_numbers {
    double rate;            /* of the step */
    double times;           /* g ← times g: −1 to climb, and what undoes the scale of a loss */
    double decay;           /* g ← g + decay p, unless 0 */
    double keep;            /* p ← keep p first */
    double momentum, fresh; /* v ← momentum v + fresh g */
    double look;            /* p ← p − rate (g + look v), or p − rate v if 0 */
    double beta1, fresh1, beta2, fresh2, scale, eps;
    double direct; /* of the gradient itself, beside its mean: NAdam */
    bool adapts;   /* divide by the root of the mean square: RAdam */
} tp__step_numbers;

/* at: the first of n parameters, of their gradients and of each state; where a kind has none, any
 * address. */
typedef void tp__step_kernel(int64_t n, void *const *at, const tp__step_numbers *numbers);

/* By kind and type, TP_F32 or TP_F64. */
typedef tp__step_kernel *const tp__step_table[TP__STEP_KINDS][2];

extern const tp__step_table tp__step_baseline, tp__step_avx2;

/* The table for this processor. */
tp__step_kernel *tp__step_choose(tp__step_kind kind, tp_dtype dtype);

#endif
