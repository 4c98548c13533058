/* SPDX-License-Identifier: MIT
 *
 * Threads that make batches ahead. Batch b of an epoch lies in slot b modulo the number of slots,
 * from when a worker begins it until the loader's thread has taken it; workers begin batches in
 * order, at most as many ahead as there are slots. Where there are no threads there are no workers:
 * NULL.
 */
#ifndef TP_WORKERS_H
#define TP_WORKERS_H

#include "data/dataset.h"

typedef struct tp__workers tp__workers;

/* Makes batch b; in any thread. */
typedef bool tp__workers_job(void *arg, int64_t b, tp__batch *batch);

/* False, with an error, if they cannot be had. */
bool tp__workers_start(tp__workers **workers, int n, tp__workers_job *job, void *arg);

/* Calls off what is not begun, and waits for what is. */
void tp__workers_rest(tp__workers *workers);

/* After that: batches from b to end − 1 are wanted. */
void tp__workers_begin(tp__workers *workers, int64_t b, int64_t end);

/* Waits for the next batch and gives it to the current scope. False, with its error, if it or its
 * copy could not be made. */
bool tp__workers_take(tp__workers *workers, tp_var **out);

/* Rests, ends the threads and frees everything. */
void tp__workers_free(tp__workers *workers);

#endif
