// SPDX-License-Identifier: MIT
//
// Networks over characters with libtorch's C++ interface: its own LSTM, layer norm, cross-entropy
// and Adam, and from 2.0 its own attention.

#include "tensors_torch.hpp"

#include "tensors_text.h"

#include <memory>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <vector>

namespace
{

using torch::Tensor;

struct state {
    tensors_row row;
    std::vector<Tensor> param;
    Tensor characters, next, zeros, later;
    std::unique_ptr<torch::optim::Adam> adam;
    int64_t steps = 0;
};

void *open(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int count = tensors_describe(row, input);
    auto s = std::make_unique<state>();
    s->row = *row;
    Tensor data[2];
    for (int i = 0; i < count; i++) {
        at::IntArrayRef shape(input[i].shape, static_cast<size_t>(input[i].ndim));
        Tensor t = torch::empty(shape, torch::kFloat32);
        tensors_fill(&input[i], i, row->type, t.data_ptr());
        if (i < 2)
            data[i] = t;
        else
            s->param.push_back(t.requires_grad_(true));
    }
    const int64_t *size = row->size;
    bool lstm = row->kind == TENSORS_LSTM;
    s->characters = data[0].argmax(1).view({size[lstm ? 0 : 4], size[lstm ? 1 : 3]});
    s->next = data[1].argmax(1);
    if (lstm)
        s->zeros = torch::zeros({1, size[1], size[2]});
    else
        s->later = torch::ones({size[3], size[3]}, torch::kBool).triu(1);
    s->adam = std::make_unique<torch::optim::Adam>(s->param, torch::optim::AdamOptions(1e-3));
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

Tensor loss_of(const Tensor &h, const Tensor *head, const Tensor &next)
{
    Tensor lines = torch::linear(h.reshape({next.size(0), -1}), head[0], head[1]);
    return torch::nn::functional::cross_entropy(lines, next);
}

Tensor lstm(const state &s)
{
    const Tensor *p = s.param.data();
    Tensor x = torch::embedding(p[0], s.characters);
    Tensor h = std::get<0>(torch::lstm(x, {s.zeros, s.zeros}, {p[1], p[2], p[3], p[4]}, true, 1,
                                       0.0, true, false, false));
    return loss_of(h, p + 5, s.next);
}

Tensor norm(const Tensor &x, const Tensor *p)
{
    return torch::layer_norm(x, {x.size(-1)}, p[0], p[1]);
}

Tensor attention(const Tensor &x, const Tensor *p, int64_t heads, const Tensor &later)
{
    int64_t batch = x.size(0), length = x.size(1), width = x.size(2);
    auto qkv = torch::linear(norm(x, p), p[2], p[3]).split(width, 2);
    auto split = [&](const Tensor &t) {
        return t.view({batch, length, heads, width / heads}).transpose(1, 2);
    };
    Tensor q = split(qkv[0]), k = split(qkv[1]), v = split(qkv[2]);
    Tensor y =
        tensors_torch_attention(q, k, v, later).transpose(1, 2).reshape({batch, length, width});
    return x + torch::linear(y, p[4], p[5]);
}

Tensor gpt(const state &s)
{
    const Tensor *p = s.param.data(), *layer = p + 2;
    Tensor x = torch::embedding(p[0], s.characters) + p[1];
    for (int64_t i = 0; i < s.row.size[0]; i++, layer += TENSORS_LAYER) {
        x = attention(x, layer, s.row.size[2], s.later);
        Tensor h = torch::gelu(torch::linear(norm(x, layer + 6), layer[8], layer[9]));
        x = x + torch::linear(h, layer[10], layer[11]);
    }
    return loss_of(norm(x, layer), layer + 2, s.next);
}

void step(void *opened, tensors_results *results)
{
    state &s = *static_cast<state *>(opened);
    for (Tensor &p : s.param)
        p.mutable_grad().reset();
    Tensor loss = s.row.kind == TENSORS_LSTM ? lstm(s) : gpt(s);
    loss.backward();
    loss.item();
    record(results, "loss", loss);
    if (results)
        for (const Tensor &p : s.param)
            record(results, "gradient", p.grad());
    s.adam->param_groups()[0].options().set_lr(tensors_rate(++s.steps));
    s.adam->step();
}

} // namespace

const tensors_side *tensors_text_torch(void (*threads)(int n))
{
    static const tensors_side side = {"libtorch", TORCH_VERSION, threads, open, step, close};
    return &side;
}
