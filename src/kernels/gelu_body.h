/* SPDX-License-Identifier: MIT
 *
 * The kernels of gelu in float32, whose rows are in the table of vector_body.h. After
 * sequence_body.h, and with what that one needs; VECTOR_FMA_float is a b + c.
 *
 * Below 0 Φ(x) is e^(−x²/2) t p(t) with t = 1 / (1 + 0.3 |x|) and a polynomial p, to 4e−9 of it.
 */
#if defined(TP_WITH_MVEC)

/* a x + b */
TP_INLINE VECTOR(floats) VECTOR(gelu_line)(float a, VECTOR(floats) x, float b)
{
    return VECTOR_FMA_float(SEQUENCE_ALL(float, a), x, SEQUENCE_ALL(float, b));
}

/* Φ(x); e = e^(−x²/2) */
TP_INLINE VECTOR(floats) VECTOR(gelu_below)(VECTOR(floats) x, VECTOR(floats) e)
{
    const VECTOR(floats) size = VECTOR(sequence_choose_float)(x < 0, -x, x);
    const VECTOR(floats) t = 1 / VECTOR(gelu_line)(0.3F, size, 1), t2 = t * t, t4 = t2 * t2;
    VECTOR(floats) p = VECTOR(gelu_line)(-0.0206234693F, t, 0.112435614F);
    VECTOR(floats) q = VECTOR(gelu_line)(-0.0794234938F, t, 0.096156834F);
    q = VECTOR_FMA_float(VECTOR(gelu_line)(-0.228213603F, t, 0.191784538F), t2, q);
    p = VECTOR_FMA_float(p, t4, q);
    q = VECTOR(gelu_line)(0.119571814F, t, 0.11968669F);
    q = VECTOR_FMA_float(VECTOR(gelu_line)(0.078389649F, t, 0.110235425F), t2, q);
    p = e * t * VECTOR_FMA_float(p, t4, q);
    return VECTOR(sequence_choose_float)(x < 0, p, 1 - p);
}

/* x Φ(x) */
TP_INLINE VECTOR(floats) VECTOR(gelu_of)(VECTOR(floats) unused, VECTOR(floats) x)
{
    (void)unused;
    return x * VECTOR(gelu_below)(x, SEQUENCE_EXP_float(x * x * -0.5F));
}

/* gy (Φ(x) + x φ(x)) */
TP_INLINE VECTOR(floats) VECTOR(gelu_slope_of)(VECTOR(floats) gy, VECTOR(floats) x)
{
    const VECTOR(floats) e = SEQUENCE_EXP_float(x * x * -0.5F);
    return gy * VECTOR_FMA_float(x, 0.398942280F * e, VECTOR(gelu_below)(x, e));
}

/* to ← function(a, b); what is left over is padded with zeros. */
#define GELU_KERNEL(name, function, a, b)                                                          \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        VECTOR(floats) x, y;                                                                       \
        int64_t i = 0;                                                                             \
        for (; i + SEQUENCE_LANES(float) <= n; i += SEQUENCE_LANES(float)) {                       \
            x = VECTOR(sequence_load_float)(at[a], i);                                             \
            y = function(x, VECTOR(sequence_load_float)(at[b], i));                                \
            memcpy((float *)(void *)at[0] + i, &y, sizeof y);                                      \
        }                                                                                          \
        if (i == n)                                                                                \
            return;                                                                                \
        x = VECTOR(sequence_some_float)(at[a], i, n - i);                                          \
        y = function(x, VECTOR(sequence_some_float)(at[b], i, n - i));                             \
        memcpy((float *)(void *)at[0] + i, &y, (size_t)(n - i) * sizeof(float));                   \
    }

GELU_KERNEL(gelu_f32, VECTOR(gelu_of), 1, 1)
GELU_KERNEL(gelu_slope_f32, VECTOR(gelu_slope_of), 1, 2)

#endif
