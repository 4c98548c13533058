/* SPDX-License-Identifier: MIT
 * Which examples an epoch has, and in which order: functions of a key alone (data.h). */
#ifndef TP_ORDER_H
#define TP_ORDER_H

#include <stdint.h>

/* The numbers 0 … n − 1 in the order of the key. */
void tp__order_shuffle(int64_t *order, int64_t n, uint64_t key);

/* samples draws from n examples, cumulative[i] being the sum of the weights of examples 0 … i. */
void tp__order_draw(int64_t *order, int64_t samples, const double *cumulative, int64_t n,
                    uint64_t key);

#endif
