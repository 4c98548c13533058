// SPDX-License-Identifier: MIT
//
// What the sides of libtorch share.
#ifndef BENCH_TENSORS_TORCH_HPP
#define BENCH_TENSORS_TORCH_HPP

#include <cmath>
#include <torch/types.h>
#include <torch/version.h>

#define TENSORS_LIBTORCH (TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR)

// Causal, over (batch, heads, length, width). later: true where a key comes after its query.
inline torch::Tensor tensors_torch_attention(const torch::Tensor &q, const torch::Tensor &k,
                                             const torch::Tensor &v, const torch::Tensor &later)
{
#if TENSORS_LIBTORCH >= 200
    (void)later;
    return at::scaled_dot_product_attention(q, k, v, {}, 0.0, true);
#else
    torch::Tensor scores =
        torch::matmul(q, k.transpose(-2, -1)) * (1 / std::sqrt(static_cast<double>(q.size(-1))));
    return torch::matmul(torch::softmax(scores.masked_fill(later, -INFINITY), -1), v);
#endif
}

#endif
