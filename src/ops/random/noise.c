/* SPDX-License-Identifier: MIT
 *
 * Uniform and normal numbers, of which all distributions are made. An array takes whole blocks of
 * the thread's stream, four words each, so its numbers depend on the seed and on how many blocks
 * were taken before. Normal numbers come in pairs (Box & Muller 1958).
 */
#include "base/features.h"

#include <math.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/random.h"
#include "tinypytorch.h"

/* Room for the numbers, or poison. */
static tp_var *random_room(const char *call, tp_dtype dtype, int ndim, const int64_t *shape)
{
    if (!tp__is_float(dtype))
        return tp_fail(TP_ERROR_DTYPE, "%s: expected a floating type", call);
    return tp__check_shape(call, ndim, shape) ? tp__empty(dtype, ndim, shape) : tp__poison();
}

/* A double's 53 bits out of the 64 of two words; so it is at most 1 − 2⁻⁵³, and randn's logarithm
 * of 1 minus it is finite. */
static double random_uniform(const uint32_t *words)
{
    uint64_t bits = (uint64_t)words[0] << 32 | words[1];
    return (double)(bits >> 11) * 0x1p-53;
}

/* Takes as many bits as the type's significand has: more would be rounded, some of them up to 1. */
static void random_half_uniform(tp_dtype dtype, void *at, uint32_t word)
{
    int bits = dtype == TP_F16 ? 11 : 8;
    tp__write_element(dtype, at, ldexp(word >> (32 - bits), -bits));
}

tp_var *tp_rand(tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp_var *v = random_room("rand", dtype, ndim, shape);
    if (tp_is_poison(v))
        return v;
    tp__thread *t = tp__here();
    uint32_t words[4];
    int per_block = dtype == TP_F64 ? 2 : 4;
    for (int64_t i = 0; i < v->size; i++) {
        int at = (int)(i % per_block);
        if (at == 0)
            tp__philox(t->random.block++, t->random.seed, words);
        if (dtype == TP_F32)
            ((float *)v->data)[i] = (float)(words[at] >> 8) * 0x1p-24f;
        else if (dtype == TP_F64)
            ((double *)v->data)[i] = random_uniform(words + 2 * at);
        else
            random_half_uniform(dtype, (char *)v->data + 2 * i, words[at]);
    }
    return v;
}

static tp_var *random_like(const char *call, tp_var *v,
                           tp_var *(*noise)(tp_dtype, int, const int64_t *))
{
    if (!tp__check_operand(call, v))
        return tp__poison();
    return noise((tp_dtype)v->dtype, v->ndim, tp__shape(v));
}

tp_var *tp_rand_like(tp_var *v)
{
    TP__CALL("rand_like");
    return random_like("rand_like", v, tp_rand);
}

tp_var *tp_randn_like(tp_var *v)
{
    TP__CALL("randn_like");
    return random_like("randn_like", v, tp_randn);
}

tp_var *tp_randn(tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp_var *v = random_room("randn", dtype, ndim, shape);
    if (tp_is_poison(v))
        return v;
    tp__thread *t = tp__here();
    size_t item = tp__dtype_size(dtype);
    double pair[2] = {0, 0};
    for (int64_t i = 0; i < v->size; i++) {
        if (i % 2 == 0) {
            uint32_t words[4];
            tp__philox(t->random.block++, t->random.seed, words);
            double radius = sqrt(-2 * log(1 - random_uniform(words)));
            double angle = 6.283185307179586 * random_uniform(words + 2);
            pair[0] = radius * cos(angle);
            pair[1] = radius * sin(angle);
        }
        tp__write_element(dtype, (char *)v->data + (size_t)i * item, pair[i % 2]);
    }
    return v;
}
