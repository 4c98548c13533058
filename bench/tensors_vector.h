/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TENSORS_VECTOR_H
#define BENCH_TENSORS_VECTOR_H

#include "tensors.h"

/* Calls the C library's vector functions for this processor so often, for numbers that stay in the
 * first cache. False, and does nothing, if there are none. */
bool tensors_call(tensors_type type, const int64_t calls[TENSORS_FUNCTIONS]);

#endif
