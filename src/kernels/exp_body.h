/* SPDX-License-Identifier: MIT
 *
 * e^x of a register of float32, for kernels that keep it in one: about 1 ulp, over the whole range,
 * with infinities, NaN and subnormal results. Part of vector_body.h where a file defines
 *     VECTOR_FMA_float(a, b, c)        a b + c, rounded once
 *     VECTOR_LEAST_float, VECTOR_MOST_float(a, b) the smaller and the larger; b if one is NaN
 *     VECTOR_SCALE_float(v, n)         v 2ⁿ, n a whole number of either sign, with one rounding
 *
 * x = n ln 2 + r with |r| at most half of ln 2, whose multiple is taken off in two parts, the first
 * of few digits. The polynomial is Chebyshev's for (e^r − 1 − r) / r².
 */
TP_INLINE VECTOR_OF_float VECTOR(exp_of_float)(VECTOR_OF_float x)
{
#define EXP_ALL(number) ((number) - (VECTOR_OF_float){0})
    const VECTOR_OF_float whole = EXP_ALL(0x1.8p23F); /* a sum with it has no fraction */
    x = VECTOR_LEAST_float(EXP_ALL(89.0F), VECTOR_MOST_float(EXP_ALL(-105.0F), x));
    VECTOR_OF_float n = VECTOR_FMA_float(x, EXP_ALL(0x1.715476p0F), whole) - whole;
    VECTOR_OF_float r = VECTOR_FMA_float(n, EXP_ALL(-0x1.63p-1F), x);
    r = VECTOR_FMA_float(n, EXP_ALL(0x1.bd0106p-13F), r);
    VECTOR_OF_float q = VECTOR_FMA_float(r, EXP_ALL(0x1.6d1606p-10F), EXP_ALL(0x1.12106cp-7F));
    q = VECTOR_FMA_float(q, r, EXP_ALL(0x1.555516p-5F));
    q = VECTOR_FMA_float(q, r, EXP_ALL(0x1.5554d8p-3F));
    q = VECTOR_FMA_float(q, r, EXP_ALL(0.5F));
    q = VECTOR_FMA_float(q, r * r, r) + 1;
    return VECTOR_SCALE_float(q, n);
#undef EXP_ALL
}
