// SPDX-License-Identifier: MIT
//
// Parts of networks with libtorch's C++ interface, by functions of its own where a version has
// them: an RMS norm from 2.4, attention in one from 2.0.

#include "tensors_torch.hpp"

#include "tensors_layers.h"

#include <memory>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <vector>

namespace
{

using torch::Tensor;

struct state {
    tensors_row row;
    std::vector<Tensor> in;
    Tensor index, later;
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
        bool indices = i == 1 && input[i].content == TENSORS_ONE_HOT;
        if (indices)
            s->index = t.argmax(1);
        s->in.push_back(indices ? Tensor() : t.requires_grad_(input[i].differentiable));
    }
    if (tensors_layer_is(row, "attention"))
        s->later = torch::ones({row->size[1], row->size[1]}, torch::kBool).triu(1);
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

Tensor value(const state &s)
{
    const std::vector<Tensor> &in = s.in;
    if (tensors_layer_is(&s.row, "softmax"))
        return torch::softmax(in[0], 1);
    if (tensors_layer_is(&s.row, "cross_entropy"))
        return torch::nn::functional::cross_entropy(in[0], s.index);
    if (tensors_layer_is(&s.row, "layer_norm"))
        return torch::layer_norm(in[0], {in[0].size(1)}, in[1], in[2]);
#if TENSORS_LIBTORCH >= 204
    if (tensors_layer_is(&s.row, "rms_norm"))
        return torch::rms_norm(in[0], {in[0].size(1)}, in[1], 1e-5);
#endif
    if (tensors_layer_is(&s.row, "rms_norm"))
        return in[0] * (in[0].square().mean(-1, true) + 1e-5).rsqrt() * in[1];
    if (tensors_layer_is(&s.row, "batch_norm"))
        return torch::batch_norm(in[0], in[1], in[2], {}, {}, true, 0.1, 1e-5, false);
    if (tensors_layer_is(&s.row, "embedding"))
        return torch::embedding(in[0], s.index);
    return tensors_torch_attention(in[0].unsqueeze(0), in[1].unsqueeze(0), in[2].unsqueeze(0),
                                   s.later)
        .squeeze(0);
}

void step(void *opened, tensors_results *results)
{
    const state &s = *static_cast<state *>(opened);
    Tensor y = value(s);
    std::vector<Tensor> targets;
    for (size_t i = 0; i < s.in.size(); i++)
        if (s.in[i].defined() && s.in[i].requires_grad() &&
            !(i == 2 && tensors_layer_is(&s.row, "rms_norm")))
            targets.push_back(s.in[i]);
    record(results, "value", y);
    Tensor start = y.numel() > 1 ? s.in.back() : Tensor();
    for (const Tensor &g : torch::autograd::grad({y}, targets, {start}))
        record(results, "gradient", g);
}

} // namespace

const tensors_side *tensors_layer_torch(void (*threads)(int n))
{
    static const tensors_side side = {"libtorch", TORCH_VERSION, threads, open, step, close};
    return &side;
}
