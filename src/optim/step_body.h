/* SPDX-License-Identifier: MIT
 *
 * Included once for each element type and set of instructions, with STEP_REAL the type, STEP_ROOT
 * its square root, STEP_SIZE its absolute value, STEP(name) the function's name and STEP_TARGET the
 * attribute for the instructions. Compilers make vectors of loops whose length is a constant, so
 * elements are taken STEP_LANES at a time; what is left over takes the same operations one by one.
 *
 * STEP_RUN(name) begins what a kernel does to n elements: of parameters p, gradients g, and states
 * a, b and c, of which it uses what it needs. STEP_KERNEL(name) makes the kernel of it.
 *
 * A term that a step is without has 0 in place of its elements: the loop needs no branch, and no
 * infinity meets a factor of 0.
 */

#define STEP_RUN(name)                                                                             \
    STEP_TARGET static inline __attribute__((always_inline)) void STEP(name##_run)(                \
        int64_t n, STEP_REAL *restrict p, const STEP_REAL *restrict g, STEP_REAL *restrict a,      \
        STEP_REAL *restrict b, STEP_REAL *restrict c, const tp__step_numbers *numbers)

#define STEP_KERNEL(name)                                                                          \
    STEP_TARGET static void STEP(name)(int64_t n, void *const *at,                                 \
                                       const tp__step_numbers *numbers)                            \
    {                                                                                              \
        const tp__step_numbers k = *numbers;                                                       \
        STEP_REAL *p = at[0], *a = at[2], *b = at[3], *c = at[4];                                  \
        const STEP_REAL *g = at[1];                                                                \
        int64_t i = 0;                                                                             \
        for (; i + STEP_LANES <= n; i += STEP_LANES)                                               \
            STEP(name##_run)(STEP_LANES, p + i, g + i, a + i, b + i, c + i, &k);                   \
        STEP(name##_run)(n - i, p + i, g + i, a + i, b + i, c + i, &k);                            \
    }

/* A number of the step in the elements' type. */
#define STEP_NUMBER(name) const STEP_REAL name = (STEP_REAL)numbers->name

/* The gradient, with the part of the parameter that weight decay adds. */
#define STEP_SLOPE(i, old) (times * g[i] + decay * (decay != 0 ? (old) : 0))

#define STEP_UNUSED(what) (void)what

STEP_RUN(sgd)
{
    STEP_NUMBER(rate);
    STEP_NUMBER(times);
    STEP_NUMBER(decay);
    STEP_UNUSED(a), STEP_UNUSED(b), STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i];
        p[i] = old - rate * STEP_SLOPE(i, old);
    }
}
STEP_KERNEL(sgd)

STEP_RUN(momentum)
{
    STEP_NUMBER(rate);
    STEP_NUMBER(times);
    STEP_NUMBER(decay);
    STEP_NUMBER(momentum);
    STEP_NUMBER(fresh);
    STEP_NUMBER(look);
    const STEP_REAL ahead = look != 0 ? look : 1;
    STEP_UNUSED(b), STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], last = a[i], d = STEP_SLOPE(i, old);
        STEP_REAL velocity = momentum * (momentum != 0 ? last : 0) + fresh * d;
        a[i] = velocity;
        p[i] = old - rate * ((look != 0 ? d : 0) + ahead * velocity);
    }
}
STEP_KERNEL(momentum)

STEP_RUN(adagrad)
{
    STEP_NUMBER(rate);
    STEP_NUMBER(times);
    STEP_NUMBER(decay);
    STEP_NUMBER(eps);
    STEP_UNUSED(b), STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old);
        STEP_REAL sum = a[i] + d * d;
        a[i] = sum;
        p[i] = old - rate * d / (STEP_ROOT(sum) + eps);
    }
}
STEP_KERNEL(adagrad)

STEP_RUN(adadelta)
{
    STEP_NUMBER(rate);
    STEP_NUMBER(times);
    STEP_NUMBER(decay);
    STEP_NUMBER(beta2);
    STEP_NUMBER(fresh2);
    STEP_NUMBER(eps);
    STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old), moved = b[i];
        STEP_REAL square = beta2 * a[i] + fresh2 * d * d;
        STEP_REAL move = STEP_ROOT(moved + eps) / STEP_ROOT(square + eps) * d;
        a[i] = square;
        b[i] = beta2 * moved + fresh2 * move * move;
        p[i] = old - rate * move;
    }
}
STEP_KERNEL(adadelta)

STEP_TARGET static inline __attribute__((always_inline)) void
STEP(rmsprop_any)(int64_t n, STEP_REAL *restrict p, const STEP_REAL *restrict g,
                  STEP_REAL *restrict a, STEP_REAL *restrict b, STEP_REAL *restrict c,
                  const tp__step_numbers *numbers, bool centered, bool moves)
{
    STEP_NUMBER(rate);
    STEP_NUMBER(times);
    STEP_NUMBER(decay);
    STEP_NUMBER(momentum);
    STEP_NUMBER(beta2);
    STEP_NUMBER(fresh2);
    STEP_NUMBER(eps);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old);
        STEP_REAL square = beta2 * a[i] + fresh2 * d * d, spread = square;
        a[i] = square;
        if (centered) {
            STEP_REAL mean = beta2 * b[i] + fresh2 * d;
            b[i] = mean;
            spread = square - mean * mean;
        }
        STEP_REAL move = d / (STEP_ROOT(spread) + eps);
        if (moves)
            c[i] = move = momentum * c[i] + move;
        p[i] = old - rate * move;
    }
}

STEP_RUN(rmsprop)
{
    STEP(rmsprop_any)(n, p, g, a, b, c, numbers, false, false);
}
STEP_KERNEL(rmsprop)

STEP_RUN(rmsprop_centered)
{
    STEP(rmsprop_any)(n, p, g, a, b, c, numbers, true, false);
}
STEP_KERNEL(rmsprop_centered)

STEP_RUN(rmsprop_momentum)
{
    STEP(rmsprop_any)(n, p, g, a, b, c, numbers, false, true);
}
STEP_KERNEL(rmsprop_momentum)

STEP_RUN(rmsprop_both)
{
    STEP(rmsprop_any)(n, p, g, a, b, c, numbers, true, true);
}
STEP_KERNEL(rmsprop_both)

/* What Adam and its kin have in common: means of the gradient and of its square. */
#define STEP_ADAM_NUMBERS                                                                          \
    STEP_NUMBER(rate);                                                                             \
    STEP_NUMBER(times);                                                                            \
    STEP_NUMBER(decay);                                                                            \
    STEP_NUMBER(beta1);                                                                            \
    STEP_NUMBER(fresh1);                                                                           \
    STEP_NUMBER(beta2);                                                                            \
    STEP_NUMBER(fresh2);                                                                           \
    STEP_NUMBER(eps)

STEP_RUN(adam)
{
    STEP_ADAM_NUMBERS;
    STEP_NUMBER(keep);
    STEP_NUMBER(scale);
    STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old);
        STEP_REAL mean = beta1 * a[i] + fresh1 * d;
        STEP_REAL square = beta2 * b[i] + fresh2 * d * d;
        a[i] = mean;
        b[i] = square;
        p[i] = keep * old - rate * mean / (STEP_ROOT(square) * scale + eps);
    }
}
STEP_KERNEL(adam)

/* The largest mean square so far; a NaN stays. */
STEP_RUN(amsgrad)
{
    STEP_ADAM_NUMBERS;
    STEP_NUMBER(keep);
    STEP_NUMBER(scale);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old), most = c[i];
        STEP_REAL mean = beta1 * a[i] + fresh1 * d;
        STEP_REAL square = beta2 * b[i] + fresh2 * d * d;
        a[i] = mean;
        b[i] = square;
        most = most >= square || most != most ? most : square;
        c[i] = most;
        p[i] = keep * old - rate * mean / (STEP_ROOT(most) * scale + eps);
    }
}
STEP_KERNEL(amsgrad)

STEP_RUN(adamax)
{
    STEP_ADAM_NUMBERS;
    STEP_UNUSED(fresh2), STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old);
        STEP_REAL mean = beta1 * a[i] + fresh1 * d;
        STEP_REAL faded = beta2 * b[i], size = STEP_SIZE(d) + eps;
        STEP_REAL most = faded >= size || faded != faded ? faded : size;
        a[i] = mean;
        b[i] = most;
        p[i] = old - rate * mean / most;
    }
}
STEP_KERNEL(adamax)

STEP_RUN(nadam)
{
    STEP_ADAM_NUMBERS;
    STEP_NUMBER(keep);
    STEP_NUMBER(scale);
    STEP_NUMBER(direct);
    STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old);
        STEP_REAL mean = beta1 * a[i] + fresh1 * d;
        STEP_REAL square = beta2 * b[i] + fresh2 * d * d;
        STEP_REAL root = STEP_ROOT(square) * scale + eps;
        a[i] = mean;
        b[i] = square;
        p[i] = keep * old - direct * d / root - rate * mean / root;
    }
}
STEP_KERNEL(nadam)

STEP_RUN(radam)
{
    STEP_ADAM_NUMBERS;
    STEP_NUMBER(keep);
    const bool adapts = numbers->adapts;
    STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL old = p[i], d = STEP_SLOPE(i, old);
        STEP_REAL mean = beta1 * a[i] + fresh1 * d;
        STEP_REAL square = beta2 * b[i] + fresh2 * d * d;
        STEP_REAL root = STEP_ROOT(square) + eps;
        a[i] = mean;
        b[i] = square;
        p[i] = keep * old - rate * mean / (adapts ? root : 1);
    }
}
STEP_KERNEL(radam)

/* The sign of a NaN is NaN. */
STEP_RUN(lion)
{
    STEP_NUMBER(rate);
    STEP_NUMBER(times);
    STEP_NUMBER(keep);
    STEP_NUMBER(beta1);
    STEP_NUMBER(fresh1);
    STEP_NUMBER(beta2);
    STEP_NUMBER(fresh2);
    STEP_UNUSED(b), STEP_UNUSED(c);
    for (int64_t i = 0; i < n; i++) {
        STEP_REAL d = times * g[i], last = a[i];
        STEP_REAL way = beta1 * last + fresh1 * d;
        STEP_REAL sign = way > 0 ? 1 : way < 0 ? -1 : way;
        a[i] = beta2 * last + fresh2 * d;
        p[i] = keep * p[i] - rate * sign;
    }
}
STEP_KERNEL(lion)

#undef STEP_ADAM_NUMBERS
#undef STEP_UNUSED
#undef STEP_SLOPE
#undef STEP_NUMBER
#undef STEP_KERNEL
#undef STEP_RUN
#undef STEP
#undef STEP_REAL
#undef STEP_ROOT
#undef STEP_SIZE
