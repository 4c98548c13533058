// SPDX-License-Identifier: MIT
//
// Convolutions and pooling with libtorch's C++ interface. Gradients of single operations are those
// of a graph that stays.

#include "tensors_cnn.h"

#include <c10/core/InferenceMode.h>
#include <memory>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/functional/pooling.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>
#include <vector>

namespace
{

using torch::Tensor;

struct state {
    tensors_row row;
    std::vector<Tensor> in, param;
    Tensor labels, y;
    std::unique_ptr<torch::optim::SGD> sgd;
    int64_t steps = 0;
};

void *open(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int count = tensors_describe(row, input);
    auto s = std::make_unique<state>();
    s->row = *row;
    for (int i = 0; i < count; i++) {
        at::IntArrayRef shape(input[i].shape, static_cast<size_t>(input[i].ndim));
        Tensor t = torch::empty(shape, torch::kFloat32);
        tensors_fill(&input[i], i, row->type, t.data_ptr());
        t.requires_grad_(input[i].differentiable);
        (row->kind == TENSORS_CNN && i >= 2 ? s->param : s->in).push_back(t);
    }
    if (row->kind == TENSORS_CNN) {
        s->labels = s->in[1].argmax(1);
        s->sgd = std::make_unique<torch::optim::SGD>(s->param,
                                                     torch::optim::SGDOptions(1e-3).momentum(0.9));
    }
    if (row->kind == TENSORS_CONV && row->how[0] != 'f')
        s->y = torch::conv2d(s->in[0], s->in[1], {}, 1, 1);
    return s.release();
}

void close(void *opened)
{
    delete static_cast<state *>(opened);
}

void record(tensors_results *results, const char *name, const Tensor &t)
{
    if (results) {
        Tensor row_major = t.detach().contiguous();
        tensors_record(results, name, TENSORS_F32, row_major.numel(), row_major.data_ptr());
    }
}

Tensor gradient(const Tensor &y, const Tensor &x, const Tensor &g)
{
    return torch::autograd::grad({y}, {x}, {g}, true)[0];
}

void single(const state &s, tensors_results *results)
{
    if (s.row.kind == TENSORS_POOL) {
        Tensor y = torch::max_pool2d(s.in[0], 2);
        record(results, "value", y);
        record(results, "gradient", gradient(y, s.in[0], s.in[1]));
    } else if (s.row.how[0] == 'f') {
        c10::InferenceMode plain;
        record(results, "value", torch::conv2d(s.in[0], s.in[1], {}, 1, 1));
    } else {
        record(results, "gradient", gradient(s.y, s.in[s.row.how[0] == 'd' ? 0 : 1], s.in[2]));
    }
}

Tensor filters(const Tensor &x, const Tensor *param)
{
    return torch::max_pool2d(torch::conv2d(x, param[0], param[1], 1, 1).relu(), 2);
}

void train(state &s, tensors_results *results)
{
    const Tensor *param = s.param.data();
    for (Tensor &p : s.param)
        p.mutable_grad().reset();
    Tensor h = filters(filters(s.in[0], param), param + 2).flatten(1);
    h = torch::linear(torch::linear(h, param[4], param[5]).relu(), param[6], param[7]);
    Tensor loss = torch::nn::functional::cross_entropy(h, s.labels);
    loss.backward();
    loss.item();
    record(results, "loss", loss);
    if (results)
        for (const Tensor &p : s.param)
            record(results, "gradient", p.grad());
    s.sgd->param_groups()[0].options().set_lr(tensors_rate(++s.steps));
    s.sgd->step();
    if (results)
        for (const Tensor &p : s.param)
            record(results, "parameter", p);
}

void step(void *opened, tensors_results *results)
{
    state &s = *static_cast<state *>(opened);
    if (s.row.kind == TENSORS_CNN)
        train(s, results);
    else
        single(s, results);
}

} // namespace

const tensors_side *tensors_cnn_torch(void (*threads)(int n))
{
    static const tensors_side side = {"libtorch", TORCH_VERSION, threads, open, step, close};
    return &side;
}
