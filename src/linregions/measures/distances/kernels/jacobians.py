"""Whole Jacobians of many points, carried forwards through the hidden layers, and the nearest switch by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.measures.distances.kernels.switches import (
    NO_UNIT,
    ROW,
    AtPoints,
    Bounds,
    Scratch,
    careful_norm,
    nearest_of,
    smallest,
)
from linregions.networks.kernels.dense import add_four, add_four_to_one

_UNLIKELY = 2.0**40  # that the square of an error is so much larger than it likely is
# A row of a Jacobian stands for one input, or one row of the factor R of the first layer, and its columns for units.
# So a product with the next layer's weights is one of rows, and skips the units that are closed at the point.


@compiled()
def start_jacobians(chosen: Any, factor: Any, at: AtPoints, first_norms: Any, out: Any) -> None:
    """Set the Jacobians of chosen points behind the first layer's activation, and the squared norms of its gradients.

    `factor`, (rank, n), is the upper triangular factor of the first layer's scaled and transposed weights,
    `first_norms`, (n,), are `Bounds.row_norms` of that layer; `out` has (m * rank or more, n or more).
    """
    rank, n = factor.shape
    for c in range(chosen.size):
        slope, square = at.slopes[chosen[c], :n], at.squares[chosen[c], :n]
        for k in range(n):
            square[k] = first_norms[k] * first_norms[k]
        for q in range(rank):
            row, new = factor[q], out[c * rank + q, :n]
            for k in range(n):
                new[k] = row[k] * slope[k]


@compiled()
def multiply_jacobians(
    chosen: Any, rank: int, slopes: Any, first: int, old: Any, right: Any, active: Any, new: Any
) -> None:
    """Set the Jacobians of the next layer's pre-activations, from units that are closed at no row of a point.

    Of the chosen points, with `rank` rows each: `old`, (m * rank or more, n_inner or more), are the Jacobians behind
    the activation of the layer before, whose first unit is `first`; `right`, (n_inner, n), are transposed weights;
    `active`, (n_inner + 1,) int64, is room; `new` has (m * rank or more, n or more).
    """
    n_inner, n = right.shape
    for c in range(chosen.size):
        slope = slopes[chosen[c], first : first + n_inner]
        count = 0
        for i in range(n_inner):
            active[count] = i
            count += slope[i] != 0.0
        start, stop = c * rank, (c + 1) * rank
        for q in range(start, stop):
            row = new[q, :n]
            for k in range(n):
                row[k] = 0.0
        q = start
        while q + 4 <= stop:  # so that rows of weights are read half as often
            out0, out1, out2, out3 = new[q, :n], new[q + 1, :n], new[q + 2, :n], new[q + 3, :n]
            for f in range(0, count, 4):
                terms = min(4, count - f)
                add_four(old[q], old[q + 1], right, active, f, terms, out0, out1)
                add_four(old[q + 2], old[q + 3], right, active, f, terms, out2, out3)
            q += 4
        if q + 2 <= stop:
            out0, out1 = new[q, :n], new[q + 1, :n]
            for f in range(0, count, 4):
                add_four(old[q], old[q + 1], right, active, f, min(4, count - f), out0, out1)
            q += 2
        if q < stop:
            out0 = new[q, :n]
            for f in range(0, count, 4):
                add_four_to_one(old[q], right, active, f, min(4, count - f), out0)


@compiled(fastmath={"contract"})
def end_layer(layer: int, chosen: Any, rank: int, at: AtPoints, jacobians: Any, bounds: Bounds) -> None:
    """Set the squared norms of a layer's gradients and how large rounding may be; multiply by the slopes.

    Layers count from 1. Squares, and noise of this layer, are set in `at`, whose errors are those before this layer on
    entry, and of it on return; `jacobians`, (m * rank or more, units of the layer or more), are the derivatives of the
    layer's pre-activations on entry, of its values on return.
    """
    slopes, squares, errors, noise = at.slopes, at.squares, at.errors, at.noise
    first, last = bounds.units[layer], bounds.units[layer + 1]
    n, before = last - first, bounds.widths[layer]
    for c in range(chosen.size):
        p = chosen[c]
        square, slope = squares[p, first:last], slopes[p, first:last]
        earlier, steep = squares[p, bounds.units[layer - 1] : first], slopes[p, bounds.units[layer - 1] : first]
        whole, steepest = 0.0, 0.0
        for k in range(before):
            whole += earlier[k]
            steepest = max(steepest, abs(steep[k]))
        here = (before + 2) * 2.0**-52 * np.sqrt(whole)  # first-order rounding of this product
        if layer == 1:
            errors[p] = (bounds.widths[0] + 2) * 2.0**-52 * bounds.frobenius[0]
        noise[p, layer] = steepest * (errors[p] + here)
        errors[p] = steepest * (bounds.spectral[layer] * errors[p] + bounds.frobenius[layer] * here)
        for k in range(n):
            square[k] = 0.0
        for q in range(rank):
            row = jacobians[c * rank + q, :n]
            for k in range(n):
                square[k] += row[k] * row[k]
            for k in range(n):
                row[k] *= slope[k]


@compiled(fastmath={"contract", "reassoc"})
def _likely_errors(slope: Any, square: Any, bounds: Bounds, room: Any, out: Any) -> None:
    """Set the squares of the rounding errors that all gradients of a point likely have, as if errors were independent.

    Bounds of the errors grow in each layer by its norm, which is several times as much as what gradients and errors
    really grow by: after some thirty layers they explain every gradient.
    """
    for layer in range(1, bounds.switching.size):
        n, before, first = bounds.widths[layer], bounds.units[layer - 1], bounds.units[layer]
        for i in range(n):
            earlier = out[before + i] if layer > 1 else 0.0
            room[i] = slope[before + i] * slope[before + i] * (earlier + (n + 2) * 2.0**-104 * square[before + i])
        for k in range(bounds.widths[layer + 1]):
            row = bounds.weights[bounds.starts[layer] + k * n :][:n]
            total = 0.0
            for i in range(n):
                total += row[i] * row[i] * room[i]
            out[first + k] = total


@compiled()
def nearest_by_jacobians(chosen: Any, at: AtPoints, bounds: Bounds, scratch: Scratch) -> None:
    """Find the smallest ``gap / ||gradient||`` and the first unit that attains it, from the norms of all gradients."""
    gaps, slopes, squares, noise, distance, nearest = at.gaps, at.slopes, at.squares, at.noise, at.distances, at.nearest
    careful, likely, found = scratch.careful, scratch.bound, scratch.found
    units, depth, tolerance = bounds.units, bounds.switching.size, bounds.tolerance
    n_units = units[depth]
    for c in range(chosen.size):
        p = chosen[c]
        gap, square = gaps[p], squares[p]
        doubtful = 0
        for layer in range(depth):
            low, high = units[layer], units[layer + 1]
            ratio, norms, near, size = found[low:high], bounds.row_norms[low:high], gap[low:high], square[low:high]
            if not bounds.switching[layer]:
                for k in range(high - low):
                    ratio[k] = np.inf
                continue
            limit = 0.0 if layer == 0 else noise[p, layer]
            n_doubtful = 0
            for k in range(high - low):
                norm = np.sqrt(size[k])
                none = norm <= limit * norms[k]
                n_doubtful += none & (norm > 0.0)
                ratio[k] = np.inf if none else abs(near[k]) / norm
            doubtful += n_doubtful
        best = smallest(found, n_units)
        known = False
        for layer in range(1, depth if doubtful else 0):
            for k in range(units[layer], units[layer + 1] if bounds.switching[layer] else 0):
                norm, doubt = np.sqrt(square[k]), noise[p, layer] * bounds.row_norms[k]
                # The true gradient is not larger than both together, so most doubts need not be settled.
                if 0.0 < norm <= doubt and not abs(gap[k]) > 2.0 * best * (norm + doubt):
                    if not known:
                        _likely_errors(slopes[p], square, bounds, careful[ROW], likely)
                        known = True
                    if square[k] <= _UNLIKELY * likely[k]:
                        norm = careful_norm(layer, k - units[layer], slopes[p], bounds, careful)
                    if norm > 0.0:
                        found[k] = abs(gap[k]) / norm
                        best = min(best, found[k])
        distance[p] = best
        nearest[p] = nearest_of(found, n_units, best * (1.0 + tolerance)) if best < np.inf else NO_UNIT
