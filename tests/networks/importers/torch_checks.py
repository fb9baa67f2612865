"""What the tests of `from_torch` share."""

from __future__ import annotations

import copy

import numpy as np
import torch

import linregions as lr
from tests.networks.importers.test_values import assert_sound


class Function(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def outputs_of(module, points, shapes):
    """Return what a float64 copy of a module gives for flat points, one at a time, flat."""
    reference = copy.deepcopy(module).double().eval()
    rows = []
    with torch.no_grad():
        for point in points:
            inputs, first = [], 0
            for shape in shapes:
                size = int(np.prod(shape))
                inputs.append(torch.tensor(point[first : first + size].reshape(1, *shape)))
                first += size
            result = reference(*inputs)
            parts = result if isinstance(result, tuple) else (result,)
            rows.append(np.concatenate([part.double().numpy().ravel() for part in parts]))
    return np.stack(rows)


def imported(module, *shapes, n=20, rtol=1e-10, **options):
    """Import a module for inputs of these shapes, without the batch axis, and compare it at random points."""
    examples = tuple(torch.zeros(1, *shape) for shape in shapes)
    net = lr.from_torch(module.eval(), examples if len(examples) > 1 else examples[0], **options)
    rng = np.random.default_rng(7)
    points = rng.normal(size=(n, net.n_in)) * rng.choice([0.3, 1.0, 4.0], size=(n, 1))
    expected = outputs_of(module, points, shapes)
    np.testing.assert_allclose(net(points), expected, rtol=rtol, atol=rtol * (1.0 + np.abs(expected).max()))
    assert_sound(net.graph)
    return net
