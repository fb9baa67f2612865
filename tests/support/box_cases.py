"""Networks of one hidden layer in boxes, whose counts are known by formulas."""

from __future__ import annotations

import itertools

import numpy as np

import linregions as lr
from linregions import Box, Network, PiecewiseLinear


def cube(d: int, half: float = 1.0) -> Box:
    """Return the cube round the origin."""
    return Box(np.full(d, -half), np.full(d, half))


def arrangement(normals: np.ndarray, offsets: np.ndarray, activation: PiecewiseLinear = lr.RELU) -> Network:
    """Return one hidden layer that vanishes on ``normals @ x + offsets = 0``; every output weight is non-zero."""
    return Network.from_layers([(normals, offsets), (1.0 + np.arange(len(normals))[None, :], [0.0])], activation)


def reflections(d: int) -> np.ndarray:
    """Return the normals of the reflection arrangement B_d, which makes 2^d d! cells."""
    unit = np.eye(d)
    pairs = [(unit[i] + s * unit[j]) for i, j in itertools.combinations(range(d), 2) for s in (-1.0, 1.0)]
    return np.array([*unit, *pairs])


def alcoves(d: int, m: int) -> tuple[Network, Box]:
    """Return hyperplanes x_i = k and x_i - x_j = k, those on sides too, in [0, m]^d, which make d! m^d cells."""
    unit = np.eye(d)
    rows = [(unit[i], -k) for i in range(d) for k in range(m + 1)]
    rows += [(unit[i] - unit[j], -k) for i, j in itertools.combinations(range(d), 2) for k in range(1 - m, m)]
    net = arrangement(np.array([row for row, _ in rows]), np.array([float(k) for _, k in rows]))
    return net, Box(np.zeros(d), np.full(d, float(m)))
