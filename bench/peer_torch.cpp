// SPDX-License-Identifier: MIT
//
// The tasks with libtorch's C++ interface: float64 tensors of no dimension that require a
// gradient, on one thread. Gradients are zeroed in place and the step is one fused
// x.sub_(gradient, rate), as its optimisers do it: the quickest of the usual ways.

#include "peers.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

namespace
{

torch::Tensor variable(double value)
{
    return torch::tensor(value, torch::dtype(torch::kFloat64).requires_grad(true));
}

// dy/dx, leaving y's graph whole if it is wanted again.
torch::Tensor gradient(const torch::Tensor &y, const torch::Tensor &x, bool retain_graph,
                       bool create_graph)
{
    return torch::autograd::grad({y}, {x}, {}, retain_graph, create_graph)[0];
}

void rosenbrock(int n, double at, double *out)
{
    torch::Tensor x0 = variable(at), x1 = variable(2);
    for (int i = 0; i < n; i++) {
        if (i > 0) {
            x0.mutable_grad().zero_();
            x1.mutable_grad().zero_();
        }
        torch::Tensor y = 100 * (x1 - x0.pow(2)).pow(2) + (x0 - 1).pow(2);
        y.backward();
        torch::NoGradGuard no_grad;
        x0.sub_(x0.grad(), 1e-3);
        x1.sub_(x1.grad(), 1e-3);
    }
    out[0] = x0.item<double>();
    out[1] = x1.item<double>();
}

void newton(int n, double at, double *out)
{
    torch::Tensor x = variable(at);
    for (int i = 0; i < n; i++) {
        torch::Tensor y = x.pow(4) - 2 * x.pow(2);
        torch::Tensor gx = gradient(y, x, true, true);
        torch::Tensor ggx = gradient(gx, x, false, false);
        torch::NoGradGuard no_grad;
        x.sub_(gx / ggx);
    }
    out[0] = x.item<double>();
}

void nested(int n, double at, double *out)
{
    torch::Tensor x = variable(at);
    torch::Tensor y = x.tanh();
    for (int i = 0; i < n; i++) {
        y = gradient(y, x, true, true);
        out[i] = y.item<double>();
    }
}

struct kept_graph {
    int n;
    double at;
    torch::Tensor x, y;
};

// The graph of derivative n − 1, built when n or the place changes; the last one is kept until
// the process ends.
const kept_graph &kept(int n, double at)
{
    static kept_graph *graph = nullptr;
    if (graph && graph->n == n && graph->at == at)
        return *graph;
    delete graph;
    torch::Tensor x = variable(at);
    torch::Tensor y = x.tanh();
    for (int i = 1; i < n; i++)
        y = gradient(y, x, true, true);
    graph = new kept_graph{n, at, x, y};
    return *graph;
}

void last(int n, double at, double *out)
{
    const kept_graph &graph = kept(n, at);
    out[0] = gradient(graph.y, graph.x, true, false).item<double>();
}

void last_recorded(int n, double at, double *out)
{
    const kept_graph &graph = kept(n, at);
    out[0] = gradient(graph.y, graph.x, true, true).item<double>();
}

void chain(int n, double at, double *out)
{
    torch::Tensor x = variable(at);
    torch::Tensor y = x;
    for (int i = 0; i < n; i++)
        y = y * x;
    y.backward();
    out[0] = x.grad().item<double>();
}

void elements(int n, double at, double *out)
{
    torch::Tensor x = (at - 0.25 * torch::arange(10, torch::kFloat64)).requires_grad_(true);
    for (int i = 0; i < n; i++) {
        x.mutable_grad().reset();
        torch::Tensor bump = (x.sin() * x.square().neg().exp()).tanh();
        torch::Tensor y = (bump + x.square() / 2).sum();
        y.backward();
        out[0] = y.item<double>();
    }
    out[1] = x.grad().sum().item<double>();
}

torch::Tensor weight(int outputs, int inputs)
{
    torch::Tensor w = torch::empty({outputs, inputs});
    for (int k = 0; k < outputs * inputs; k++)
        w.data_ptr<float>()[k] = bench_network_weight(inputs, k);
    return w.requires_grad_(true);
}

void network(int n, double at, double *out)
{
    int units = (int)at;
    torch::Tensor input = torch::arange(4, torch::kFloat32).reshape({1, 4}).cos();
    torch::Tensor target = torch::tensor({{0.5f, -0.5f}});
    torch::Tensor p[] = {weight(units, 4),     torch::zeros({units}).requires_grad_(true),
                         weight(units, units), torch::zeros({units}).requires_grad_(true),
                         weight(2, units),     torch::zeros({2}).requires_grad_(true)};
    for (int i = 0; i < n; i++) {
        for (torch::Tensor &v : p)
            v.mutable_grad().reset();
        torch::Tensor x = at::linear(input, p[0], p[1]).tanh();
        x = at::linear(x, p[2], p[3]).tanh();
        torch::Tensor loss = at::mse_loss(at::linear(x, p[4], p[5]), target);
        loss.backward();
        torch::NoGradGuard no_grad;
        for (torch::Tensor &v : p)
            v.sub_(v.grad(), 0.01);
        out[0] = loss.item<double>();
    }
    out[1] = p[0].sum().item<double>();
    out[2] = p[4].sum().item<double>();
}

void start()
{
    at::set_num_threads(1);
}

} // namespace

const bench_contestant *bench_torch(void)
{
    static bench_contestant torch = {"libtorch", TORCH_VERSION, 1000, start, {}};
    torch.work[BENCH_ROSENBROCK] = rosenbrock;
    torch.work[BENCH_NEWTON] = newton;
    torch.work[BENCH_NESTED] = nested;
    torch.work[BENCH_LAST] = last;
    torch.work[BENCH_LAST_RECORDED] = last_recorded;
    torch.work[BENCH_CHAIN] = chain;
    torch.work[BENCH_ELEMENTS] = elements;
    torch.work[BENCH_NETWORK] = network;
    return &torch;
}
