/* SPDX-License-Identifier: MIT
 *
 * e^x, e^x − 1 and tanh of a register of float32, for kernels that keep it in one. Part of
 * vector_body.h where a file defines
 *     VECTOR_FMA_float(a, b, c)        a b + c, rounded once
 *     VECTOR_LEAST_float, VECTOR_MOST_float(a, b) the smaller and the larger; b if one is NaN
 *     VECTOR_SCALE_float(v, n)         v 2ⁿ, n a whole number of either sign, with one rounding
 *
 * x = n ln 2 + r with |r| at most half of ln 2, whose multiple is taken off in two parts, the first
 * of few digits. The polynomial is Chebyshev's for (e^r − 1 − r) / r².
 */
#define EXP_ALL(number) ((number) - (VECTOR_OF_float){0})

/* e^r − 1, and n; x is held to where e^x is neither 0 nor infinite. */
TP_INLINE VECTOR_OF_float VECTOR(exp_parts_float)(VECTOR_OF_float x, VECTOR_OF_float *n)
{
    const VECTOR_OF_float whole = EXP_ALL(0x1.8p23F); /* a sum with it has no fraction */
    x = VECTOR_LEAST_float(EXP_ALL(89.0F), VECTOR_MOST_float(EXP_ALL(-105.0F), x));
    *n = VECTOR_FMA_float(x, EXP_ALL(0x1.715476p0F), whole) - whole;
    VECTOR_OF_float r = VECTOR_FMA_float(*n, EXP_ALL(-0x1.63p-1F), x);
    r = VECTOR_FMA_float(*n, EXP_ALL(0x1.bd0106p-13F), r);
    VECTOR_OF_float q = VECTOR_FMA_float(r, EXP_ALL(0x1.6d1606p-10F), EXP_ALL(0x1.12106cp-7F));
    q = VECTOR_FMA_float(q, r, EXP_ALL(0x1.555516p-5F));
    q = VECTOR_FMA_float(q, r, EXP_ALL(0x1.5554d8p-3F));
    q = VECTOR_FMA_float(q, r, EXP_ALL(0.5F));
    return VECTOR_FMA_float(q, r * r, r);
}

/* About 1 ulp, over the whole range, with infinities, NaN and subnormal results. */
TP_INLINE VECTOR_OF_float VECTOR(exp_of_float)(VECTOR_OF_float x)
{
    VECTOR_OF_float n, q = VECTOR(exp_parts_float)(x, &n) + 1;
    return VECTOR_SCALE_float(q, n);
}

/* e^x − 1 for x from 0 to 88, within 2 ulp, or NaN. */
TP_INLINE VECTOR_OF_float VECTOR(expm1_of_float)(VECTOR_OF_float x)
{
    VECTOR_OF_float n, q = VECTOR(exp_parts_float)(x, &n);
    return VECTOR_SCALE_float(q, n) + (VECTOR_SCALE_float(EXP_ALL(1), n) - 1);
}

/* e / (e + 2) with e = e^2|x| − 1, and the sign of x: within 4 ulp. |x| is held to 30, where tanh
 * is 1 and e far from overflow. */
TP_INLINE VECTOR_OF_float VECTOR(tanh_of_float)(VECTOR_OF_float x)
{
    const VECTOR(words) sign = (VECTOR(words))x & 0x80000000u;
    VECTOR_OF_float size = (VECTOR_OF_float)((VECTOR(words))x ^ sign);
    VECTOR_OF_float e = VECTOR(expm1_of_float)(2 * VECTOR_LEAST_float(EXP_ALL(30.0F), size));
    return (VECTOR_OF_float)((VECTOR(words))(e / (e + 2)) | sign);
}

#undef EXP_ALL
