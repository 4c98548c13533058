// SPDX-License-Identifier: MIT
//
// Derivatives beyond the gradient with libtorch's C++ interface: it has sweeps, so that a matrix is
// made row by row, and a high derivative by nesting.

#include "calculus.h"

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <vector>

namespace
{

using torch::Tensor;

Tensor points(int from, int n)
{
    Tensor t = torch::empty({n}, torch::kFloat64);
    for (int i = 0; i < n; i++)
        t.data_ptr<double>()[i] = calculus_at(from + i);
    return t;
}

Tensor variable(int n)
{
    return points(0, n).requires_grad_(true);
}

Tensor gradient(const Tensor &y, const Tensor &x, bool graph, const Tensor &start = {})
{
    return torch::autograd::grad({y}, {x}, {start}, true, graph)[0];
}

Tensor rosenbrock(const Tensor &x)
{
    Tensor a = x.slice(0, 0, -1), b = x.slice(0, 1);
    return (100 * (b - a.square()).square() + (a - 1).square()).sum();
}

Tensor net(const Tensor &x)
{
    std::vector<Tensor> rows;
    for (int i = 0; i < CALCULUS_ROWS; i++)
        rows.push_back(points(7 * i, static_cast<int>(x.size(0))));
    return torch::matmul(torch::stack(rows), x).tanh();
}

Tensor by_rows(const Tensor &y, const Tensor &x)
{
    std::vector<Tensor> rows;
    Tensor units = torch::eye(y.size(0), torch::kFloat64);
    for (int64_t i = 0; i < y.size(0); i++)
        rows.push_back(gradient(y, x, false, units[i]));
    return torch::stack(rows);
}

void taylor(int n, double at, double *out)
{
    Tensor x = torch::tensor(at, torch::dtype(torch::kFloat64).requires_grad(true)), y = x.tanh();
    for (int i = 0; i < n; i++)
        y = gradient(y, x, i + 1 < n);
    out[0] = y.item<double>();
}

void hessian(int n, double, double *out)
{
    Tensor x = variable(n), matrix = by_rows(gradient(rosenbrock(x), x, true), x);
    out[0] = matrix.sum().item<double>();
    out[1] = matrix[1][2].item<double>();
}

void product(int n, double, double *out)
{
    Tensor x = variable(n), g = gradient(rosenbrock(x), x, true);
    Tensor row = gradient(g, x, false, torch::ones({n}, torch::kFloat64));
    out[0] = row.sum().item<double>();
    out[1] = row[2].item<double>();
}

void jacobian(int n, double, double *out)
{
    Tensor x = variable(n), matrix = by_rows(net(x), x);
    out[0] = matrix.sum().item<double>();
    out[1] = matrix[1][2].item<double>();
}

void laplacian(int n, double, double *out)
{
    Tensor x = variable(n);
    out[0] = by_rows(gradient(net(x).sum(), x, true), x).trace().item<double>();
}

} // namespace

const calculus_side *calculus_torch(void)
{
    static const calculus_side side = {"libtorch", {taylor, hessian, product, jacobian, laplacian}};
    return &side;
}
