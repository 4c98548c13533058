/* SPDX-License-Identifier: MIT
 *
 * Parallelism inside one operation. The work is cut into tasks that depend on the problem only;
 * which thread runs which task changes nothing. The caller's thread takes tasks too, and does them
 * all when the pool is busy, so that waiting costs nothing when there is nobody to wait for. Idle
 * threads sleep.
 */
#ifndef TP_PARALLEL_H
#define TP_PARALLEL_H

#include <stdint.h>

/* Runs task(ctx, i) for each i from 0 to n − 1 and returns when all are done. cost is the estimated
 * time of all of them on one thread, in nanoseconds: cheap work stays on the caller's thread. Tasks
 * call nothing that records errors or makes nodes. */
void tp__parallel(int64_t n, double cost, void (*task)(void *ctx, int64_t i), void *ctx);

#endif
