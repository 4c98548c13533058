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
 * one takes one word and is (w >> 8) · 2^-24; of float16 (w >> 21) · 2^-11, of bfloat16 (w >> 24) ·
 * 2^-8. Other draws of half types are float32's, rounded at their end. Normals take two float64
 * uniforms u, v (Box & Muller 1958): sqrt(−2 log(1 − u)) cos(2πv), then sin; bits up to libm's
 * accuracy.
 */
#ifndef TINYPYTORCH_RANDOM_H
#define TINYPYTORCH_RANDOM_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Restarts this thread's stream. */
TP_API void tp_manual_seed(uint64_t seed);

/* Where this thread's stream stands, two numbers: the seed, and the block at which the next call
 * starts. Set again, the stream goes on from there. NULL is an error. */
TP_API void tp_random_state(uint64_t *state);
TP_API void tp_set_random_state(const uint64_t *state);

/* Constants, uniform in [0, 1) and standard normal, of a floating type. */
TP_API tp_var *tp_rand(tp_dtype dtype, int ndim, const int64_t *shape);
TP_API tp_var *tp_randn(tp_dtype dtype, int ndim, const int64_t *shape);

/* The same of v's shape and floating type. */
TP_API tp_var *tp_rand_like(tp_var *v);
TP_API tp_var *tp_randn_like(tp_var *v);

/* Constants, float64 uniforms u behind them: integers low ≤ k < high within ±2⁵² (int64),
 * low + ⌊(high − low) u⌋; the numbers 0 … n − 1 in random order (int64). */
TP_API tp_var *tp_randint(int64_t low, int64_t high, int ndim, const int64_t *shape);
TP_API tp_var *tp_randperm(int64_t n);

/* Draws whose parameters broadcast and have derivatives, the noise being constant:
 * mean + std z, low + (high − low) u, −ln(1 − u) / rate. Errors: an element of std below 0, of rate
 * not above 0, of low or high not finite; NaN in any of them. */
TP_API tp_var *tp_normal(tp_var *mean, tp_var *std);
TP_API tp_var *tp_uniform(tp_var *low, tp_var *high);
TP_API tp_var *tp_exponential(tp_var *rate);

/* Draws without derivatives: 1 with probability p in [0, 1], else 0; the gamma distribution of a
 * shape parameter above 0 and scale 1. A shape parameter that needs a gradient is an error. */
TP_API tp_var *tp_bernoulli(tp_var *p);
TP_API tp_var *tp_gamma(tp_var *shape);

/* n classes of each row of weights ≥ 0, (…, classes) → (…, n) of int64, in proportion to weight.
 * Errors: a weight that is negative or not finite, a row of zeros.
 * Without replacement each class at most once; classes of weight 0 then come last. */
TP_API tp_var *tp_multinomial(tp_var *weights, int64_t n, bool replacement);

/* In training a new value: each element is 0 with probability p, and otherwise x / (1 − p), so that
 * the mean is x (Srivastava et al. 2014). Otherwise x itself. */
TP_API tp_var *tp_dropout(tp_var *x, double p, bool training);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define tp_normal(mean, std) tp_normal(TP__V(mean), TP__V(std))
#define tp_uniform(low, high) tp_uniform(TP__V(low), TP__V(high))
#endif

#endif
