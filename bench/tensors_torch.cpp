// SPDX-License-Identifier: MIT
//
// The rows with libtorch's C++ interface, in its quickest usual form: gradients are forgotten, not
// zeroed, so that the sweep hands its buffers over; nothing is recorded where nothing is
// differentiated; linear layers and cross-entropy are its fused ones.

#include "tensors_torch.hpp"

#include "tensors_layers.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>
#include <memory>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>
#include <vector>

namespace
{

using torch::Tensor;

struct state {
    tensors_row row;
    std::vector<Tensor> in;    // all inputs
    std::vector<Tensor> param; // weights (out, in) and biases, as its linear layers have them
    Tensor labels;
    std::vector<int64_t> axes;
    std::unique_ptr<torch::optim::Adam> adam;
    int64_t steps = 0;
};

void set_threads_of(int blas, int n)
{
    using set_number = void (*)(int);
    static auto set_blas =
        reinterpret_cast<set_number>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
    if (set_blas)
        set_blas(blas);
    at::set_num_threads(n);
}

// OpenMP's threads are libtorch's own; OpenBLAS's would come on top of them, and cost more than
// they bring.
void set_threads(int n)
{
    set_threads_of(1, n);
}

// Where there is a product and nothing else, only OpenBLAS can use a second thread.
void set_product_threads(int n)
{
    set_threads_of(n, n);
}

Tensor make_input(const tensors_input &input, int i, tensors_type type)
{
    at::IntArrayRef shape(input.shape, static_cast<size_t>(input.ndim));
    Tensor t = torch::empty(shape, type == TENSORS_F32 ? torch::kFloat32 : torch::kFloat64);
    tensors_fill(&input, i, type, t.data_ptr());
    return t;
}

bool trains(const tensors_row &row)
{
    return row.kind == TENSORS_MLP || row.kind == TENSORS_PHYSICS;
}

void *open(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int count = tensors_describe(row, input);
    auto s = std::make_unique<state>();
    s->row = *row;
    for (int i = 0; i < count; i++) {
        Tensor t = make_input(input[i], i, row->type);
        if (trains(*row) && i >= 2) {
            t = t.dim() == 2 ? t.t().contiguous() : t;
            s->param.push_back(t.requires_grad_(true));
        } else {
            s->in.push_back(t.requires_grad_(input[i].differentiable));
        }
    }
    if (row->kind == TENSORS_MLP)
        s->labels = s->in[1].argmax(1);
    if (trains(*row))
        s->adam = std::make_unique<torch::optim::Adam>(s->param, 1e-3);
    for (const char *axis = row->how; tensors_ndim(row) > 1 && '0' <= *axis && *axis <= '9'; axis++)
        s->axes.push_back(*axis - '0');
    return s.release();
}

void close(void *opened)
{
    delete static_cast<state *>(opened);
}

void record(const state &s, tensors_results *results, const char *name, const Tensor &t)
{
    if (results) {
        Tensor row_major = t.detach().contiguous();
        tensors_record(results, name, s.row.type, row_major.numel(), row_major.data_ptr());
    }
}

void chain(state &s, tensors_results *results)
{
    Tensor &x = s.in[0];
    x.mutable_grad().reset();
    Tensor bump = torch::tanh(torch::sin(x) * torch::exp(-torch::square(x)));
    Tensor y = (bump + torch::square(x) / 2).sum();
    y.backward();
    y.item();
    record(s, results, "value", y);
    record(s, results, "gradient", x.grad());
}

Tensor product(const state &s)
{
    const Tensor &a = s.in[0], &b = s.in[1];
    return torch::mm(s.row.how[0] == 'T' ? a.t() : a, s.row.how[1] == 'T' ? b.t() : b);
}

Tensor reduced(const state &s)
{
    if (s.row.kind == TENSORS_MAX)
        return s.axes.empty() ? s.in[0].max() : s.in[0].amax(s.axes);
    return s.axes.empty() ? s.in[0].sum() : s.in[0].sum(s.axes);
}

void row_gradient(state &s, tensors_results *results)
{
    Tensor &b = s.in[1];
    b.mutable_grad().reset();
    Tensor y = s.in[0] + b;
    y.backward(s.in[2]);
    record(s, results, "value", y);
    record(s, results, "gradient", b.grad());
}

Tensor network(const state &s, const Tensor &x)
{
    bool relu = s.row.kind == TENSORS_MLP;
    Tensor h = x;
    for (size_t i = 0; i < TENSORS_LAYERS; i++) {
        if (i > 0)
            h = relu ? h.relu() : h.tanh();
        h = torch::linear(h, s.param[2 * i], s.param[2 * i + 1]);
    }
    return h;
}

// dy/dx with a graph of its own; a gradient of ones is that of the sum.
Tensor derivative(const Tensor &y, const Tensor &x)
{
    return torch::autograd::grad({y}, {x}, {torch::ones_like(y)}, true, true)[0];
}

Tensor loss_of(const state &s)
{
    const Tensor &x = s.in[0];
    Tensor u = network(s, x);
    if (s.row.kind == TENSORS_MLP)
        return torch::nn::functional::cross_entropy(u, s.labels);
    Tensor u2 = derivative(derivative(u, x), x);
    return (u2 + torch::sin(x)).square().mean() + network(s, s.in[1]).square().sum();
}

void train(state &s, tensors_results *results)
{
    for (Tensor &p : s.param)
        p.mutable_grad().reset();
    s.in[0].mutable_grad().reset();
    Tensor loss = loss_of(s);
    loss.backward();
    loss.item();
    record(s, results, "loss", loss);
    if (results)
        for (const Tensor &p : s.param)
            record(s, results, "gradient", p.dim() == 2 ? p.grad().t() : p.grad());
    s.adam->param_groups()[0].options().set_lr(tensors_rate(++s.steps));
    s.adam->step();
}

void step(void *opened, tensors_results *results)
{
    state &s = *static_cast<state *>(opened);
    const Tensor &a = s.in[0], &b = s.in[s.in.size() > 1];
    c10::InferenceMode plain(s.row.kind != TENSORS_CHAIN && s.row.kind != TENSORS_ROW_GRADIENT &&
                             !trains(s.row));
    switch (s.row.kind) {
    case TENSORS_CHAIN:
        chain(s, results);
        break;
    case TENSORS_GEMM:
        record(s, results, "product", product(s));
        break;
    case TENSORS_SUM:
    case TENSORS_MAX:
        record(s, results, "reduced", reduced(s));
        break;
    case TENSORS_ADD_ROW:
        record(s, results, "sum", a + b);
        break;
    case TENSORS_MUL_COLUMN:
        record(s, results, "product", a * b);
        break;
    case TENSORS_ROW_GRADIENT:
        row_gradient(s, results);
        break;
    case TENSORS_MLP:
    case TENSORS_PHYSICS:
        train(s, results);
        break;
    default:
        break;
    }
}

} // namespace

const tensors_side *tensors_torch(const tensors_row *row)
{
    static const tensors_side side = {"libtorch", TORCH_VERSION, set_threads, open, step, close};
    static const tensors_side product = {"libtorch", TORCH_VERSION, set_product_threads,
                                         open,       step,          close};
    if (row && row->kind == TENSORS_GEMM)
        return &product;
    return tensors_is_cnn(row)     ? tensors_cnn_torch(set_threads)
           : tensors_is_text(row)  ? tensors_text_torch(set_threads)
           : tensors_is_layer(row) ? tensors_layer_torch(set_threads)
                                   : &side;
}
