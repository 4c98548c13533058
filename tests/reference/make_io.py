#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/reference/io: small files by NumPy, PyTorch, and by hand from formats' descriptions.

    /usr/bin/python3 tests/reference/make_io.py tests/reference/io

Made with NumPy 1.24 and PyTorch 1.13 (Debian: python3-torch). What they hold is written down in
tests/test_io_foreign.c too.
"""
import collections
import os
import struct
import sys

import numpy as np
import torch

os.chdir(sys.argv[1])

# safetensors, as its description says: the bytes of the elements behind a JSON header.
header = (b'{"__metadata__":{"format":"pt"},'
          b'"half":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]},'
          b'"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}')
header += b' ' * (-len(header) % 8)
with open('hand.safetensors', 'wb') as file:
    file.write(struct.pack('<Q', len(header)) + header)
    file.write(np.arange(6, dtype='<f4').tobytes() + struct.pack('<HH', 0x3f80, 0xc040))

# NumPy: versions, orders of bytes and of axes, types.
table = np.arange(6, dtype=np.float64).reshape(2, 3) / 4
np.save('plain.npy', table)
np.save('fortran.npy', np.asfortranarray(table))
np.save('big.npy', table.astype('>f8'))
np.save('number.npy', np.int64(-5))
np.save('object.npy', np.array([None, 1], dtype=object), allow_pickle=True)
for version in (2, 3):
    with open(f'version{version}.npy', 'wb') as file:
        np.lib.format.write_array(file, table, version=(version, 0))
arrays = {
    'float32': np.float32([1.5, -0.0]), 'float16': np.float16([1 / 3]), 'int32': np.int32([[-7]]),
    'bool': np.array([True, False]), 'uint8': np.uint8([200]), 'int8': np.int8([-3]),
    'int16': np.int16([-300]), 'uint16': np.uint16([65535]), 'uint32': np.uint32([2**32 - 1]),
    'big32': np.array([[1, 2], [3, 4]], dtype='>i4', order='F'), 'empty': np.zeros((0, 3)),
    'text': 'naïve 😀', 'a/b.c': np.float64(2)}
np.savez('stored.npz', **arrays)
np.savez_compressed('deflated.npz', zeros=np.zeros(5000), table=table)

# PyTorch: a network's and an optimiser's state, views and tied weights, parameters, protocols.
torch.manual_seed(0)
base = torch.arange(12, dtype=torch.float32)
state = collections.OrderedDict(
    weight=base[:6].reshape(2, 3), tied=base[:6].reshape(2, 3), turned=base[:6].reshape(2, 3).T,
    tail=base[6:], repeated=torch.tensor([3.0]).expand(4), half=torch.tensor([1.5]).bfloat16(),
    count=torch.tensor(7), flags=torch.tensor([True, False]), small=torch.tensor([-2]).char())
torch.save(state, 'state.pt')
torch.save({'model': {'w': torch.nn.Parameter(torch.ones(2))}, 'epoch': 3, 'loss': 0.25,
            'done': True, 'name': 'run', 'none': None, 'list': [torch.zeros(1), (1, -70000)],
            'large': 2**40, 5: 2.5}, 'nested.pt', pickle_protocol=4)
model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
with torch.no_grad():
    model[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
    model[0].bias.fill_(3)
torch.save(model.state_dict(), 'model.pt')
parameter = torch.nn.Parameter(torch.ones(2))
adam = torch.optim.Adam([parameter], lr=0.5)
parameter.grad = torch.tensor([1.0, -2.0])
adam.step()
torch.save(adam.state_dict(), 'adam.pt')
torch.save(torch.nn.Linear(1, 1), 'code.pt')
torch.save(torch.ones(1), 'old.pt', _use_new_zipfile_serialization=False)
