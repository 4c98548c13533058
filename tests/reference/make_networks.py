#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/reference/network_cases.h: what PyTorch's layers with state give.

    python3 tests/reference/make_networks.py >tests/reference/network_cases.h

Elements are multiples of 1/64 by a rule that tests/test_layers.c has too, so that inputs are the
same to the last bit. Made with PyTorch 1.13, in float64.
"""
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def fill(shape, seed):
    """Element k is ((37 k + 11 seed + k² mod 13) mod 101 − 50) / 64."""
    n = 1
    for size in shape:
        n *= size
    return torch.tensor([((37 * k + 11 * seed + k * k % 13) % 101 - 50) / 64
                         for k in range(n)]).reshape(shape)


def put(name, tensor):
    values = ", ".join(repr(v) for v in tensor.detach().flatten().tolist())
    print("static const double %s[] = {%s};" % (name, values))


def batch_norm():
    """Three batches in training, then one in evaluation."""
    for momentum in (0.1, None):
        for shape in ((4, 3), (2, 3, 5, 4)):
            layer = torch.nn.BatchNorm1d(3, momentum=momentum) if len(shape) == 2 else \
                torch.nn.BatchNorm2d(3, momentum=momentum)
            with torch.no_grad():
                layer.weight.copy_(fill((3,), 1))
                layer.bias.copy_(fill((3,), 2))
            for step in range(3):
                layer(fill(shape, 3 + step) * (step + 1))
            x = fill(shape, 9).requires_grad_()
            layer.eval()
            y = layer(x)
            (y * fill(shape, 10)).sum().backward()
            name = "batch_%s_%dd" % ("mean" if momentum is None else "decay", len(shape))
            for word, value in (("mean", layer.running_mean), ("var", layer.running_var), ("y", y),
                                ("gx", x.grad)):
                put(name + "_" + word, value)


def recurrent():
    """Two layers of each kind, of five steps and four rows; one case with lengths."""
    lengths = torch.tensor([3, 5, 1, 3])
    for kind, module, more in (("tanh", torch.nn.RNN, {"nonlinearity": "tanh"}),
                               ("relu", torch.nn.RNN, {"nonlinearity": "relu"}),
                               ("lstm", torch.nn.LSTM, {}), ("gru", torch.nn.GRU, {}),
                               ("proj", torch.nn.LSTM, {"proj_size": 2})):
        for sides in (1, 2):
            for packed in (False, True):
                net = module(3, 4, num_layers=2, bidirectional=sides == 2, batch_first=packed,
                             bias=sides == 2 or packed, **more)
                for i, weight in enumerate(net.parameters()):
                    with torch.no_grad():
                        weight.copy_(fill(weight.shape, 20 + i))
                x = fill((4, 5, 3) if packed else (5, 4, 3), 1).requires_grad_()
                h = fill((2 * sides, 4, 2 if kind == "proj" else 4), 2).requires_grad_()
                c = fill((2 * sides, 4, 4), 3).requires_grad_()
                state = (h, c) if kind in ("lstm", "proj") else h
                given = x
                if packed:
                    given = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, True, False)
                y, last = net(given, state)
                if packed:
                    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, True)
                last = last if isinstance(last, tuple) else (last,)
                loss = (y * fill(y.shape, 4)).sum()
                for i, v in enumerate(last):
                    loss = loss + (v * fill(v.shape, 5 + i)).sum()
                leaves = [x, h, *([c] if len(last) == 2 else []), *net.parameters()]
                gradients = torch.autograd.grad(loss, leaves)
                put("recurrent_%s_%d%s" % (kind, sides, "_packed" if packed else ""),
                    torch.cat([v.flatten() for v in (y, *last, *gradients)]))


def main():
    print("/* SPDX-License-Identifier: MIT\n * Written by make_networks.py. */\n"
          "/* clang-format off */")
    batch_norm()
    recurrent()
    print("/* clang-format on */")


if __name__ == "__main__":
    main()
