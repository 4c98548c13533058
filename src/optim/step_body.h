/* SPDX-License-Identifier: MIT
 *
 * Included once for each element type and set of instructions, with STEP_REAL the type, STEP_ROOT
 * its square root, STEP(name) the function's name and STEP_TARGET the attribute for the
 * instructions. Compilers make vectors of loops whose length is a constant, so elements are taken
 * STEP_LANES at a time; what is left over takes the same operations one by one.
 *
 * A term that a step is without has 0 in place of its elements: the loop needs no branch, and no
 * infinity meets a factor of 0.
 */

STEP_TARGET static inline __attribute__((always_inline)) void
STEP(sgd_run)(int64_t n, STEP_REAL *restrict p, const STEP_REAL *restrict g,
              const tp__step_numbers *numbers)
{
    const STEP_REAL rate = (STEP_REAL)numbers->rate, decay = (STEP_REAL)numbers->decay;
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i];
        p[i] = old - rate * (g[i] + decay * (decay != 0 ? old : 0));
    }
}

STEP_TARGET static void STEP(sgd)(int64_t n, void *const *at, const tp__step_numbers *numbers)
{
    const tp__step_numbers k = *numbers;
    STEP_REAL *p = at[0];
    const STEP_REAL *g = at[1];
    int64_t i = 0;
    for (; i + STEP_LANES <= n; i += STEP_LANES)
        STEP(sgd_run)(STEP_LANES, p + i, g + i, &k);
    STEP(sgd_run)(n - i, p + i, g + i, &k);
}

STEP_TARGET static inline __attribute__((always_inline)) void
STEP(momentum_run)(int64_t n, STEP_REAL *restrict p, const STEP_REAL *restrict g,
                   STEP_REAL *restrict v, const tp__step_numbers *numbers)
{
    const STEP_REAL rate = (STEP_REAL)numbers->rate, decay = (STEP_REAL)numbers->decay;
    const STEP_REAL momentum = (STEP_REAL)numbers->momentum, fresh = (STEP_REAL)numbers->fresh;
    const STEP_REAL look = (STEP_REAL)numbers->look, ahead = look != 0 ? look : 1;
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], last = v[i];
        STEP_REAL d = g[i] + decay * (decay != 0 ? old : 0);
        STEP_REAL velocity = momentum * (momentum != 0 ? last : 0) + fresh * d;
        v[i] = velocity;
        p[i] = old - rate * ((look != 0 ? d : 0) + ahead * velocity);
    }
}

STEP_TARGET static void STEP(momentum)(int64_t n, void *const *at, const tp__step_numbers *numbers)
{
    const tp__step_numbers k = *numbers;
    STEP_REAL *p = at[0], *v = at[2];
    const STEP_REAL *g = at[1];
    int64_t i = 0;
    for (; i + STEP_LANES <= n; i += STEP_LANES)
        STEP(momentum_run)(STEP_LANES, p + i, g + i, v + i, &k);
    STEP(momentum_run)(n - i, p + i, g + i, v + i, &k);
}

STEP_TARGET static inline __attribute__((always_inline)) void
STEP(adam_run)(int64_t n, STEP_REAL *restrict p, const STEP_REAL *restrict g, STEP_REAL *restrict m,
               STEP_REAL *restrict v, const tp__step_numbers *numbers)
{
    const STEP_REAL rate = (STEP_REAL)numbers->rate, decay = (STEP_REAL)numbers->decay;
    const STEP_REAL beta1 = (STEP_REAL)numbers->beta1, fresh1 = (STEP_REAL)numbers->fresh1;
    const STEP_REAL beta2 = (STEP_REAL)numbers->beta2, fresh2 = (STEP_REAL)numbers->fresh2;
    const STEP_REAL keep = (STEP_REAL)numbers->keep, eps = (STEP_REAL)numbers->eps;
    const STEP_REAL scale = (STEP_REAL)numbers->scale;
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i];
        STEP_REAL d = g[i] + decay * (decay != 0 ? old : 0);
        STEP_REAL mean = beta1 * m[i] + fresh1 * d;
        STEP_REAL square = beta2 * v[i] + fresh2 * d * d;
        m[i] = mean;
        v[i] = square;
        p[i] = keep * old - rate * mean / (STEP_ROOT(square) * scale + eps);
    }
}

STEP_TARGET static void STEP(adam)(int64_t n, void *const *at, const tp__step_numbers *numbers)
{
    const tp__step_numbers k = *numbers;
    STEP_REAL *p = at[0], *m = at[2], *v = at[3];
    const STEP_REAL *g = at[1];
    int64_t i = 0;
    for (; i + STEP_LANES <= n; i += STEP_LANES)
        STEP(adam_run)(STEP_LANES, p + i, g + i, m + i, v + i, &k);
    STEP(adam_run)(n - i, p + i, g + i, m + i, v + i, &k);
}

#undef STEP
#undef STEP_REAL
#undef STEP_ROOT
