#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fashion-MNIST beside PyTorch: training.py PATH_OF_training [--epochs-only | --losses-only]

Losses: both begin with the same weights and see the same batches in 100 steps of Adam. Seconds: the second epoch of each, alternating, medians of three; PyTorch takes
its batches from arrays that lie in memory as float32.
"""
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from torch import nn

DATA = '/usr/share/datasets/fashion-mnist/'
STEPS = 100
MODELS = ('mlp', 'lenet', 'resnet')


def conv(*arguments, **options):
    return nn.Conv2d(*arguments, bias=False, **options)


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body = body
        if shortcut:
            self.shortcut = shortcut

    def forward(self, x):
        return (self.shortcut(x) if hasattr(self, 'shortcut') else x) + self.body(x)


def block(n_in, n_out, stride):
    body = nn.Sequential(conv(n_in, n_out, 3, padding=1, stride=stride), nn.BatchNorm2d(n_out), nn.ReLU(),
                         conv(n_out, n_out, 3, padding=1), nn.BatchNorm2d(n_out))
    shortcut = nn.Sequential(conv(n_in, n_out, 1, stride=stride), nn.BatchNorm2d(n_out)) if n_in != n_out else None
    return nn.Sequential(Residual(body, shortcut), nn.ReLU())


def model(name):
    if name == 'mlp':
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                             nn.Linear(128, 10))
    if name == 'lenet':
        return nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5),
                             nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 120), nn.ReLU(),
                             nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    return nn.Sequential(conv(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), block(16, 16, 1),
                         block(16, 32, 2), block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(64, 10))


def read(path):
    """The arrays of a safetensors file."""
    with open(path, 'rb') as file:
        data = file.read()
    n = int.from_bytes(data[:8], 'little')
    types = {'F32': numpy.float32, 'F64': numpy.float64, 'I64': numpy.int64}
    arrays = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name != '__metadata__':
            begin, end = entry['data_offsets']
            array = numpy.frombuffer(data[8 + n + begin:8 + n + end], types[entry['dtype']])
            arrays[name] = torch.from_numpy(array.copy()).reshape(entry['shape'])
    return arrays


def torch_losses(name, directory, dtype, steps):
    net = model(name).to(dtype)
    net.load_state_dict({key: v.to(dtype) if v.dtype.is_floating_point else v
                         for key, v in read(directory + '/weights.safetensors').items()})
    adam = torch.optim.Adam(net.parameters(), 1e-3)
    out = []
    for i in range(steps):
        batch = read(f'{directory}/batch{i}.safetensors')
        loss = nn.functional.cross_entropy(net(batch['x'].to(dtype)), batch['target'])
        adam.zero_grad()
        loss.backward()
        adam.step()
        out.append(loss.item())
    return out


def losses(program, name, steps):
    """Largest differences: ours from PyTorch's in float64, both float32 ones from its float64."""
    def most(a, b):
        return max(abs(x - y) for x, y in zip(a, b))

    ours, theirs = {}, {}
    with tempfile.TemporaryDirectory() as directory:
        for dtype in ('float32', 'float64'):
            text = subprocess.run([program, name, dtype, str(steps), directory], capture_output=True,
                                  text=True, check=True).stdout
            ours[dtype] = [float(word) for word in text.split()]
            theirs[dtype] = torch_losses(name, directory, getattr(torch, dtype), steps)
            if dtype == 'float32':
                exact = torch_losses(name, directory, torch.float64, steps)
    return (most(ours['float64'], theirs['float64']), most(ours['float32'], exact),
            most(theirs['float32'], exact))


def images():
    with gzip.open(DATA + 'train-images-idx3-ubyte.gz') as file:
        x = numpy.frombuffer(file.read(), numpy.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(DATA + 'train-labels-idx1-ubyte.gz') as file:
        target = numpy.frombuffer(file.read(), numpy.uint8, offset=8)
    return torch.from_numpy(x.astype(numpy.float32) / 255), torch.from_numpy(target.astype(numpy.int64))


def epoch_seconds(name, x, target):
    net = model(name)
    adam = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(2):
        start = time.time()
        order = torch.randperm(len(x))
        for i in range(0, len(x), 64):
            batch = order[i:i + 64]
            loss = nn.functional.cross_entropy(net(x[batch]), target[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return time.time() - start


def main():
    program = sys.argv[1]
    names = [argument for argument in sys.argv[2:] if argument in MODELS] or MODELS
    if '--epochs-only' not in sys.argv:
        for name in names:
            print('{:8} largest difference of losses in {} steps: float64 {:.2g}; from float64, ours in '
                  'float32 {:.2g}, PyTorch in float32 {:.2g}'.format(name, STEPS, *losses(program, name, STEPS)),
                  flush=True)
    if '--losses-only' not in sys.argv:
        x, target = images()
        for name in names:
            ours, theirs = [], []
            for _ in range(3 if name != 'resnet' else 1):
                ours.append(float(subprocess.run([program, name, 'float32', '0', '.'], capture_output=True,
                                                 text=True, check=True).stdout))
                theirs.append(epoch_seconds(name, x, target))
            a, b = statistics.median(ours), statistics.median(theirs)
            print(f'{name:8} seconds of an epoch: {a:.2f}, PyTorch {torch.__version__} {b:.2f}: {b / a:.2f} times',
                  flush=True)


if __name__ == '__main__':
    main()
