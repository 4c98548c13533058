/* SPDX-License-Identifier: MIT
 *
 * Random numbers without a state to carry along: the words of block i are a function of i and the
 * seed alone. So a stream is the same on every machine, and only the seed and the number of the
 * next block are kept (thread.h).
 */
#include "base/features.h"

#include "base/random.h"

#include "base/thread.h"
#include "tinypytorch/random.h"

/* Ten rounds. In each, two words are multiplied by constants to 64 bits; the upper halves are mixed
 * with the other two words and the key, and the words change places. The key moves on by two more
 * constants from round to round. */
void tp__philox(uint64_t counter, uint64_t key, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * c0, p1 = UINT64_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void tp_manual_seed(uint64_t seed)
{
    tp__thread *t = tp__here();
    t->random.seed = seed;
    t->random.block = 0;
}

void tp_random_state(uint64_t *state)
{
    const tp__thread *t = tp__here();
    if (!state) {
        tp_fail(TP_ERROR_ARGUMENT, "random_state: the place is NULL");
        return;
    }
    state[0] = t->random.seed;
    state[1] = t->random.block;
}

void tp_set_random_state(const uint64_t *state)
{
    tp__thread *t = tp__here();
    if (!state) {
        tp_fail(TP_ERROR_ARGUMENT, "set_random_state: the state is NULL");
        return;
    }
    t->random.seed = state[0];
    t->random.block = state[1];
}
