#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Modules of torch.nn: names and shapes of their states, and results, as module_cases.h.

    /usr/bin/python3 tests/reference/make_modules.py >tests/reference/module_cases.h

Element j of value number k of a state is 0.3 sin(0.7 j + k) + 0.1 (0.2 more for what must be above
0), element j of an input cos(0.3 j), in float64.
"""
import torch
from torch import nn


def fill(module):
    for k, (name, v) in enumerate(module.state_dict().items()):
        if v.dtype.is_floating_point:
            j = torch.arange(v.numel(), dtype=torch.float64)
            v.copy_((0.3 * torch.sin(0.7 * j + k) + (0.6 if name.endswith('var') else 0.1)).reshape(v.shape))


def data(*shape):
    n = torch.Size(shape).numel()
    return torch.cos(0.3 * torch.arange(n, dtype=torch.float64)).reshape(shape)


class Residual(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


def encoder(**options):
    return nn.TransformerEncoderLayer(8, 2, 12, **options)


CASES = [
    ('linear', nn.Linear(3, 2), (4, 3)),
    ('embedding', nn.Embedding(5, 3), None),
    ('conv', nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), nn.ReLU(),
                           nn.ConvTranspose2d(4, 2, 3, bias=False)), (1, 2, 5, 5)),
    ('pool', nn.Sequential(nn.MaxPool2d(2, stride=1), nn.AvgPool2d(2), nn.Flatten()), (2, 1, 5, 5)),
    ('norms', nn.Sequential(nn.Conv1d(4, 4, 1), nn.BatchNorm1d(4), nn.GroupNorm(2, 4), nn.LayerNorm(6)),
     (2, 4, 6)),
    ('residual', Residual(nn.Sequential(nn.Linear(3, 3), nn.GELU())), (2, 3)),
    ('rnn', nn.RNN(3, 2), (4, 2, 3)),
    ('rnn_relu', nn.RNN(3, 2, nonlinearity='relu', bias=False), (4, 2, 3)),
    ('lstm', nn.LSTM(3, 2, num_layers=2, bidirectional=True), (4, 2, 3)),
    ('gru', nn.GRU(3, 2, batch_first=True), (2, 4, 3)),
    ('attention', nn.MultiheadAttention(8, 2), (3, 2, 8)),
    ('encoder', encoder(), (3, 2, 8)),
    ('encoder_first', encoder(norm_first=True, activation='gelu', batch_first=True), (2, 3, 8)),
]


def result(module, x):
    y = module(x, x, x)[0] if isinstance(module, nn.MultiheadAttention) else module(x)
    return y[0] if isinstance(y, tuple) else y


def main():
    print('/* SPDX-License-Identifier: MIT')
    print(f' * Written by make_modules.py with PyTorch {torch.__version__.split("+")[0]}. */')
    print('/* clang-format off */\nstatic const module_case module_cases[] = {')
    torch.set_grad_enabled(False)
    for name, module, shape in CASES:
        module = module.double().eval()
        fill(module)
        x = torch.tensor([[4, 0], [1, 1]]) if shape is None else data(*shape)
        y = result(module, x).reshape(-1)
        state = ' '.join(f'{key}{list(v.shape)}'.replace(', ', ',') for key, v in module.state_dict().items())
        print(f'    {{"{name}", "{state}", {y.numel()}, {{{", ".join(repr(float(v)) for v in y)}}}}},')
    print('};')


if __name__ == '__main__':
    main()
