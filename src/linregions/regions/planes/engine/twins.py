"""Neurons that are exact multiples of others of their layer: they switch on the same lines, whatever the inputs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import AffineLayer
from linregions.regions.planes.restriction import FloatArray, IndexArray

_SPLITTER = 134217729.0  # see kernels.restriction
# Columns compared at once.
_COLUMNS = 8


def _products(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray, IndexArray]:
    """Return products exactly, as the sum of two mantissas and one exponent."""
    (a, power_a), (b, power_b) = np.frexp(a), np.frexp(b)
    c, d = _SPLITTER * a, _SPLITTER * b
    a_high, b_high = c - (c - a), d - (d - b)
    a_low, b_low = a - a_high, b - b_high
    high = a * b
    low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low
    high, power = np.frexp(high)
    return high, np.ldexp(low, -power), power_a.astype(np.int64) + power_b + power


def _is_multiple(row: FloatArray, other: FloatArray, pivot: int) -> bool:
    """Whether a row is a multiple of another one, exactly; both are not zero at the pivot."""
    left, right = _products(row, other[pivot : pivot + 1]), _products(other, row[pivot : pivot + 1])
    nothing = (row == 0) & (other == 0)
    return bool(np.all(nothing | ((left[0] == right[0]) & (left[1] == right[1]) & (left[2] == right[2]))))


def _levels(layer: AffineLayer, activation: PiecewiseLinear) -> FloatArray:
    """Return weights, and bias less breakpoint as two numbers whose sum it is, as one array."""
    bias = layer.bias
    if activation.n_breakpoints != 1:
        return np.hstack([layer.weight, bias[:, None]])
    level = -activation.breakpoints[0]
    total = bias + level
    back = total - bias
    return np.hstack([layer.weight, total[:, None], ((bias - (total - back)) + (level - back))[:, None]])


def find_twins(layer: AffineLayer, activation: PiecewiseLinear) -> IndexArray:
    """Find neurons that are multiples of one before them, exactly.

    Returns for each neuron the number of the first one that it is a multiple of, counted from 1, with the sign of the
    factor; 0 where there is none. A layer whose activation has several breakpoints has twins only if they are equal.
    """
    n = layer.bias.size
    twins = np.zeros(n, dtype=np.int64)
    if activation.n_breakpoints == 0 or n < 2:
        return twins
    rows = _levels(layer, activation)
    if not np.all(np.isfinite(rows)):
        return twins
    pivots = np.argmax(layer.weight != 0, axis=1)
    values = rows[np.arange(n), pivots]
    # Quotients of multiples are equal after rounding too, so whoever has no equal is no multiple.
    alone = values == 0
    groups = pivots
    with np.errstate(over="ignore", under="ignore"):
        for first in [rows.shape[1] - 2, *range(0, rows.shape[1] - 2, _COLUMNS)]:
            left = np.flatnonzero(~alone)
            if left.size < 2:
                return twins
            chosen = rows[left, first : min(first + _COLUMNS, rows.shape[1])] / values[left, None]
            keys = np.hstack([groups[left, None], chosen + 0.0])
            _, found, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
            found = found.ravel()
            groups = groups.copy()
            groups[left] = found
            alone[left[counts[found] == 1]] = True
    members = defaultdict(list)
    for k in np.flatnonzero(~alone).tolist():
        members[int(groups[k])].append(k)
    for group in members.values():
        first_ones: list[int] = []
        for k in group:
            for j in first_ones:
                same = np.array_equal(rows[j], rows[k]) if activation.n_breakpoints > 1 else None
                if same or (same is None and _is_multiple(rows[j], rows[k], int(pivots[k]))):
                    twins[k] = (j + 1) if values[k] * np.sign(values[j]) > 0 else -(j + 1)
                    break
            else:
                first_ones.append(k)
    return twins
