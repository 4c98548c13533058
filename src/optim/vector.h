/* SPDX-License-Identifier: MIT
 *
 * All parameters of an optimiser as one vector of float64, for searches. Their elements go there
 * and back; half types and float32 are rounded on the way back.
 */
#ifndef TP_OPTIM_VECTOR_H
#define TP_OPTIM_VECTOR_H

#include "base/features.h"

#include "optim/optimizer.h"

/* True if all parameters can be written; an error otherwise. */
bool tp__vector_check(const tp_optimizer *o);
int64_t tp__vector_size(const tp_optimizer *o);

/* Each is false with an error. The parameters; their gradients, zeros where there is none; and
 * parameters ← x + t d. */
bool tp__vector_read(const tp_optimizer *o, double *x);
bool tp__vector_gradient(const tp_optimizer *o, double *g);
bool tp__vector_move(const tp_optimizer *o, const double *x, double t, const double *d);

/* Values in the shapes of n parameters, zeros for NULL. */
bool tp__vector_take(tp_var *const *params, tp_var *const *values, int n, double *to);

double tp__vector_dot(int64_t n, const double *a, const double *b);
double tp__vector_largest(int64_t n, const double *a); /* |a[i]|; NaN if one is */
void tp__vector_add(int64_t n, double *to, double factor, const double *a);

#endif
