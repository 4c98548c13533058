/* SPDX-License-Identifier: MIT
 *
 * Seeded random arrays. The generator is Philox4x32-10 (Salmon et al. 2011): the seed is its key,
 * a counter its state, so the stream is the same on every machine and for any number of threads.
 * Each thread has a stream of its own that starts as after tp_manual_seed(0); give threads
 * different seeds.
 *
 * The stream: block c of four 32-bit words w0 … w3 is Philox of the counter (low 32 bits of c,
 * high 32 bits of c, 0, 0) under the key (low, high 32 bits of the seed). Each call starts at a
 * fresh block. A float64 uniform takes two words and is ((w0 << 32 | w1) >> 11) · 2^-53, a float32
 * one takes one word and is (w >> 8) · 2^-24. Normals take two float64 uniforms u, v
 * (Box & Muller 1958): sqrt(−2 log(1 − u)) cos(2πv), then sin; bits up to libm's accuracy.
 */
#ifndef TINYPYTORCH_RANDOM_H
#define TINYPYTORCH_RANDOM_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Restarts this thread's stream. */
TP_API void tp_manual_seed(uint64_t seed);

/* Constants, uniform in [0, 1) and standard normal. float32 or float64. */
TP_API tp_var *tp_rand(tp_dtype dtype, int ndim, const int64_t *shape);
TP_API tp_var *tp_randn(tp_dtype dtype, int ndim, const int64_t *shape);

#ifdef __cplusplus
}
#endif

#endif
