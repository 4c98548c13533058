/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TENSORS_VECTOR_H
#define BENCH_TENSORS_VECTOR_H

#include "tensors.h"

/* y[i] = sin x[i] + cos x[i] + exp x[i] + tanh x[i] by the C library's vector functions for this
 * processor. False if it has none. */
bool tensors_vector_functions(tensors_type type, const void *x, void *y, int64_t n);

#endif
