/* SPDX-License-Identifier: MIT
 *
 * Blocks of memory that are taken and put back all the time: elements of arrays and what is needed
 * to compute them. A block put back is kept by the thread, in a list for its size class; classes
 * are powers of two and three steps between. What is kept never exceeds what has been in use by
 * more than a fixed amount. Under memory checkers nothing is kept.
 */
#ifndef TP_RECYCLE_H
#define TP_RECYCLE_H

#include <stddef.h>

#include "base/thread.h"

/* 64-byte aligned; NULL, with an error, when out of memory. */
void *tp__block_take(tp__thread *t, size_t bytes);

/* bytes as it was asked for. */
void tp__block_put(tp__thread *t, void *block, size_t bytes);

/* Gives all that the thread keeps back to the system. */
void tp__block_trim(tp__thread *t);

#endif
