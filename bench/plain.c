/* SPDX-License-Identifier: MIT
 *
 * The tasks with derivatives worked out by hand, as a C programmer would write them: what no
 * library can beat by much, and the reference that the others' results are compared to.
 *
 * Everything computed reaches out, so that the compiler cannot leave it away. Compile without
 * link-time optimisation.
 */
#include "peers.h"
#include "plain_arrays.h"

#include <math.h>
#include <stdlib.h>

/* out[2] is the sum of the values: it forces each of them to be computed. */
static void plain_rosenbrock(int n, double at, double *out)
{
    double x0 = at, x1 = 2, sum = 0;
    for (int i = 0; i < n; i++) {
        double a = x1 - x0 * x0, b = x0 - 1;
        sum += 100 * (a * a) + b * b;
        double g1 = 200 * a, g0 = 2 * b - 2 * x0 * g1;
        x0 -= 1e-3 * g0;
        x1 -= 1e-3 * g1;
    }
    out[0] = x0, out[1] = x1, out[2] = sum;
}

static void plain_newton(int n, double at, double *out)
{
    double x = at, sum = 0;
    for (int i = 0; i < n; i++) {
        double square = x * x;
        sum += square * square - 2 * square;
        x -= (4 * square - 4) * x / (12 * square - 4);
    }
    out[0] = x, out[1] = sum;
}

/* y' = 1 − y² gives each coefficient of y's series from those before it. */
static void plain_taylor(int n, double at, double *out)
{
    double c[BENCH_MAX_RESULTS + 1], factorial = 1;
    c[0] = tanh(at);
    for (int k = 0; k < n; k++) {
        double square = 0;
        for (int i = 0; i <= k; i++)
            square += c[i] * c[k - i];
        c[k + 1] = ((k == 0) - square) / (k + 1);
        factorial *= k + 1;
        out[k] = factorial * c[k + 1];
    }
}

static void plain_last(int n, double at, double *out)
{
    double all[BENCH_MAX_RESULTS];
    plain_taylor(n, at, all);
    out[0] = all[n - 1];
}

/* Stores the values on the way, then sweeps them backwards. */
static void plain_chain(int n, double at, double *out)
{
    double *y = malloc(((size_t)n + 1) * sizeof *y);
    if (!y) {
        out[0] = (double)NAN;
        return;
    }
    y[0] = at;
    for (int i = 0; i < n; i++)
        y[i + 1] = y[i] * at;
    double gy = 1, gx = 0;
    for (int i = n; i > 0; i--) {
        gx += gy * y[i - 1];
        gy *= at;
    }
    out[0] = gx + gy;
    free(y);
}

const bench_contestant *bench_plain(void)
{
    static const bench_contestant plain = {
        .name = "plain C",
        .version = "",
        .chain = 100000,
        .work =
            {
                [BENCH_ROSENBROCK] = plain_rosenbrock,
                [BENCH_NEWTON] = plain_newton,
                [BENCH_NESTED] = plain_taylor,
                [BENCH_LAST] = plain_last,
                [BENCH_LAST_RECORDED] = plain_last,
                [BENCH_TAYLOR] = plain_taylor,
                [BENCH_TAYLOR_RECORDED] = plain_taylor,
                [BENCH_CHAIN] = plain_chain,
                [BENCH_ELEMENTS] = bench_plain_elements,
                [BENCH_NETWORK] = bench_plain_network,
            },
    };
    return &plain;
}
