// SPDX-License-Identifier: MIT
//
// Derivatives beyond the gradient with ADOL-C's drivers, the function taped anew each time.

#include "calculus.h"

#include <adolc/adolc.h>
#include <vector>

namespace
{

const short tape = 2;

std::vector<double> points(int n)
{
    std::vector<double> x;
    for (int i = 0; i < n; i++)
        x.push_back(calculus_at(i));
    return x;
}

void tape_rosenbrock(const std::vector<double> &at)
{
    size_t n = at.size();
    double value;
    std::vector<adouble> x(n);
    trace_on(tape);
    for (size_t i = 0; i < n; i++)
        x[i] <<= at[i];
    adouble y = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        adouble steep = x[i + 1] - x[i] * x[i], flat = x[i] - 1;
        y += 100 * steep * steep + flat * flat;
    }
    y >>= value;
    trace_off();
}

void tape_net(const std::vector<double> &at)
{
    size_t n = at.size();
    double value;
    std::vector<adouble> x(n);
    trace_on(tape);
    for (size_t i = 0; i < n; i++)
        x[i] <<= at[i];
    for (int row = 0; row < CALCULUS_ROWS; row++) {
        adouble sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += calculus_at(7 * row + static_cast<int>(i)) * x[i];
        adouble y = tanh(sum);
        y >>= value;
    }
    trace_off();
}

struct matrix {
    std::vector<double> numbers;
    std::vector<double *> row;
    matrix(int m, int n) : numbers(static_cast<size_t>(m) * n)
    {
        for (int i = 0; i < m; i++)
            row.push_back(&numbers[static_cast<size_t>(i) * n]);
    }
};

void taylor(int n, double at, double *out)
{
    double value, factorial = 1;
    adouble x, y;
    trace_on(tape);
    x <<= at;
    y = tanh(x);
    y >>= value;
    trace_off();
    matrix from(1, n), to(1, n);
    from.row[0][0] = 1;
    hos_forward(tape, 1, 1, n, 0, &at, from.row.data(), &value, to.row.data());
    for (int k = 2; k <= n; k++)
        factorial *= k;
    out[0] = to.row[0][n - 1] * factorial;
}

void hessian(int n, double, double *out)
{
    std::vector<double> x = points(n);
    matrix lower(n, n);
    tape_rosenbrock(x);
    ::hessian(tape, n, x.data(), lower.row.data());
    out[0] = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            out[0] += (i == j ? 1 : 2) * lower.row[i][j];
    out[1] = lower.row[2][1];
}

void product(int n, double, double *out)
{
    std::vector<double> x = points(n), ones(x.size(), 1), result(x.size());
    tape_rosenbrock(x);
    hess_vec(tape, n, x.data(), ones.data(), result.data());
    out[0] = 0;
    for (double v : result)
        out[0] += v;
    out[1] = result[2];
}

void jacobian(int n, double, double *out)
{
    std::vector<double> x = points(n);
    matrix result(CALCULUS_ROWS, n);
    tape_net(x);
    ::jacobian(tape, CALCULUS_ROWS, n, x.data(), result.row.data());
    out[0] = 0;
    for (double v : result.numbers)
        out[0] += v;
    out[1] = result.row[1][2];
}

} // namespace

const calculus_side *calculus_adolc(void)
{
    static const calculus_side side = {"ADOL-C", {taylor, hessian, product, jacobian, nullptr}};
    return &side;
}
