/* SPDX-License-Identifier: MIT
 * The thread's random stream: blocks of four 32-bit words, see tinypytorch/random.h. */
#ifndef TP_RANDOM_H
#define TP_RANDOM_H

#include <stdint.h>

/* Philox4x32-10 of a counter under a key (Salmon, Moraes, Dror & Shaw 2011). */
void tp__philox(uint64_t counter, uint64_t key, uint32_t out[4]);

#endif
