/* SPDX-License-Identifier: MIT
 *
 * Factorisations of many matrices, one after the other, by the kernel for one matrix
 * that the record names (kernels/lapack.h). Threads take groups of them. What the groups are
 * depends on the shapes only, and a kernel uses one thread, so the bits are the same for any number
 * of threads.
 */
#ifndef TP_LAPACK_BATCH_H
#define TP_LAPACK_BATCH_H

#include "graph/op.h"
#include "kernels/lapack.h"

/* Fills call->out by the record's kernel from in[0] and, if there is one, in[1]. `why` says what a
 * positive number means: "is singular". cost is one matrix's time in nanoseconds. */
bool tp__lapack_run(tp__call *call, int64_t mode, double cost, const char *why);

/* True if the library was built with LAPACK; or an error in call's name that says how to get it. */
bool tp__lapack_needed(const char *call);

#endif
