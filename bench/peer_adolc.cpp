// SPDX-License-Identifier: MIT
//
// The tasks with ADOL-C: operations on adouble write a tape, on which its drivers run. Every call
// tapes anew, as a program whose control flow may change has to. First derivatives reverse the
// tape just written (trace_on with keep, then fos_reverse), without a forward run of their own.
// Newton's f' and f'' come from one forward-over-reverse pair, fos_forward and hos_reverse; the
// Taylor series from hos_forward. The chain is y *= x, which its tape holds more cheaply than
// y = y * x. A derivative leaves no tape of its own, so nothing nests.

#include "peers.h"

#include <adolc/adolc.h>

namespace
{

const short tape = 1;

void rosenbrock(int n, double at, double *out)
{
    double x[2] = {at, 2};
    for (int i = 0; i < n; i++) {
        double value, one = 1, g[2];
        {
            adouble x0, x1, y;
            trace_on(tape, 1);
            x0 <<= x[0];
            x1 <<= x[1];
            y = 100 * pow(x1 - pow(x0, 2), 2) + pow(x0 - 1, 2);
            y >>= value;
            trace_off();
        }
        fos_reverse(tape, 1, 2, &one, g);
        x[0] -= 1e-3 * g[0];
        x[1] -= 1e-3 * g[1];
    }
    out[0] = x[0];
    out[1] = x[1];
}

void newton(int n, double at, double *out)
{
    double x = at;
    for (int i = 0; i < n; i++) {
        double value, slope, one = 1, adjoint[2], *rows = adjoint;
        {
            adouble ax, y;
            trace_on(tape);
            ax <<= x;
            y = pow(ax, 4) - 2 * pow(ax, 2);
            y >>= value;
            trace_off();
        }
        fos_forward(tape, 1, 1, 2, &x, &one, &value, &slope);
        hos_reverse(tape, 1, 1, 1, &one, &rows); // f' and f''
        x -= adjoint[0] / adjoint[1];
    }
    out[0] = x;
}

void taylor(int n, double at, double *out)
{
    double value, in[BENCH_MAX_RESULTS] = {1}, *in_row = in, *out_row = out;
    {
        adouble x, y;
        trace_on(tape);
        x <<= at;
        y = tanh(x);
        y >>= value;
        trace_off();
    }
    hos_forward(tape, 1, 1, n, 0, &at, &in_row, &value, &out_row);
    double factorial = 1;
    for (int i = 0; i < n; i++)
        out[i] *= factorial *= i + 1;
}

void chain(int n, double at, double *out)
{
    double value, one = 1;
    {
        adouble x, y;
        trace_on(tape, 1);
        x <<= at;
        y = x;
        for (int i = 0; i < n; i++)
            y *= x;
        y >>= value;
        trace_off();
    }
    fos_reverse(tape, 1, 1, &one, out);
}

} // namespace

const bench_contestant *bench_adolc(void)
{
    static bench_contestant adolc = {"ADOL-C", BENCH_ADOLC_VERSION, 100000, nullptr, {}};
    adolc.work[BENCH_ROSENBROCK] = rosenbrock;
    adolc.work[BENCH_NEWTON] = newton;
    adolc.work[BENCH_TAYLOR] = taylor;
    adolc.work[BENCH_CHAIN] = chain;
    return &adolc;
}
